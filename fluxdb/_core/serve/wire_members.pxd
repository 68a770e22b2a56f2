"""The members of a request's line by their names, and what their canonical JSON says."""

from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcmp

from fluxdb._core.json.text cimport JsonMember
from fluxdb._core.base.slice cimport Slice

# The first of them are looked for first.
cdef enum Name:
    KIND
    KEY
    VALUE
    ID
    DELTA
    IF_VERSION
    PATH
    PREFIX
    START
    END
    AFTER
    LIMIT
    REVERSE
    KEYS_ONLY
    KEYS
    OPERATIONS
    BY
    TTL
    KEEP_TTL
    VERSION
    EXISTS
    REMOVE_NULLS
    PASSWORD
    FOLDER
    NAMES                   # how many there are

# Each with NULL data where it is not there.
cdef struct Members:
    Slice named[NAMES]

cdef const char* member_name(Name name) noexcept nogil
# Takes the members that json_compact_members noted.
cdef void members_take(const JsonMember* found, int count, Members* members) noexcept nogil
# Those of a canonical object.
cdef void members_find(const uint8_t* text, size_t text_bytes, Members* members) noexcept nogil

cdef inline bint is_text(const Slice* slice, const char* text, size_t text_bytes) noexcept nogil:
    return slice.bytes == text_bytes and memcmp(slice.data, text, text_bytes) == 0

cdef inline bint is_name(const Slice* slice, const char* name) noexcept nogil:
    cdef size_t i = 0
    while i < slice.bytes and slice.data[i] == <uint8_t>name[i] and name[i] != 0:
        i += 1
    return i == slice.bytes and name[i] == 0

# Not there, or null.
cdef inline bint is_null(const Slice* slice) noexcept nogil:
    return slice.data == NULL or is_text(slice, b"null", 4)

# Each reads a canonical JSON value. False: it says nothing of the kind.

# Puts the text of a JSON string into room, which moves on.
cdef bint read_string(const Slice* json, uint8_t** room, Slice* text) noexcept nogil
# A whole number from 0 to 2^63 - 1.
cdef bint read_whole(const Slice* json, int64_t* number) noexcept nogil
# A whole number from -2^63 to 2^63 - 1.
cdef bint read_integer(const Slice* json, int64_t* number) noexcept nogil
# A number of seconds, more than 0 and at most 100 years.
cdef bint read_milliseconds(const Slice* json, uint64_t* ms) noexcept nogil

# The items of an array, one by one.
cdef struct Items:
    const uint8_t* at
    const uint8_t* end

cdef inline Items items_of(const Slice* array) noexcept nogil:
    cdef Items items
    items.at = array.data + 1
    items.end = array.data + array.bytes
    return items

# False behind the last one.
cdef bint items_next(Items* items, Slice* item) noexcept nogil
cdef size_t items_count(const Slice* array) noexcept nogil
