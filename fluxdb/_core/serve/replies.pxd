"""Bytes on their way out of a connection, and the replies that are written into them."""

from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint64_t

from fluxdb._core.commit.outcome cimport Outcome
from fluxdb._core.base.slice cimport Slice

cdef struct Bytes:
    uint8_t* data
    size_t used
    size_t capacity

# False: there is no memory; nothing changed.
cdef bint bytes_reserve(Bytes* bytes, size_t more) noexcept nogil
cdef bint bytes_put(Bytes* bytes, const void* data, size_t data_bytes) noexcept nogil
# Drops the used part: gives a large buffer back.
cdef void bytes_shrink(Bytes* bytes) noexcept nogil

# These only append: the room was made before.
cdef void put(Bytes* bytes, const void* data, size_t data_bytes) noexcept nogil
cdef void put_number(Bytes* bytes, uint64_t number) noexcept nogil     # at most 20 digits
cdef void put_end(Bytes* bytes, const Slice* id) noexcept nogil        # of a line: at most 8 bytes, and the id

# Parts of a line. False: there is no memory.
# A document of a list; a value and all that follows it in its document; the end of a list and its line; of the line.
cdef bint put_document(
    Bytes* bytes, const uint8_t* value, size_t value_bytes, uint64_t version, uint64_t expires_at_ms,
) noexcept nogil
cdef bint put_value(
    Bytes* bytes, const uint8_t* value, size_t value_bytes, uint64_t version, uint64_t expires_at_ms,
) noexcept nogil
cdef bint put_list_end(Bytes* bytes, uint64_t revision, const Slice* id) noexcept nogil
cdef bint put_revision(Bytes* bytes, uint64_t revision, const Slice* id) noexcept nogil

# Each adds one line; id may be empty. False: there is no memory.
cdef bint reply_written(Bytes* bytes, uint64_t version, uint64_t revision, const Slice* id) noexcept nogil
cdef bint reply_incremented(
    Bytes* bytes, int64_t value, uint64_t version, uint64_t revision, const Slice* id,
) noexcept nogil
cdef bint reply_nothing_deleted(Bytes* bytes, const Slice* id) noexcept nogil
cdef bint reply_nothing_touched(Bytes* bytes, const Slice* id) noexcept nogil
# There is room for the id once more behind the line.
cdef bint reply_conflict(Bytes* bytes, const Outcome* outcome, const Slice* key, const Slice* id) noexcept nogil
# value NULL: there is no document.
cdef bint reply_document(
    Bytes* bytes, const uint8_t* value, size_t value_bytes, uint64_t version, uint64_t expires_at_ms, const Slice* id,
) noexcept nogil
# Says whether a password is still needed, so that a client that connects learns it without asking for a document.
cdef bint reply_pong(Bytes* bytes, bint authenticated, const Slice* id) noexcept nogil
