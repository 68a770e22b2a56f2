"""Taking a line of the protocol apart."""

from libc.string cimport memcmp, memset

from fluxdb._core.documents.table cimport NUMBER_MAX
from fluxdb._core.json.reading cimport JSON_DEPTH, JSON_NUMBER_RANGE, JSON_OK, JSON_SURROGATE
from fluxdb._core.json.text cimport JsonMember, json_compact_members
from fluxdb._core.serve.wire_id cimport wire_find_id

cdef extern from "json/skip.h" nogil:
    const uint8_t* fluxdb_string_end(const uint8_t* begin, const uint8_t* at, const uint8_t* end) noexcept
    const uint8_t* fluxdb_value_end(const uint8_t* begin, const uint8_t* at, const uint8_t* end) noexcept

cdef enum Need:
    NEEDS_KEY = 1
    NEEDS_VALUE = 2
    NEEDS_DELTA = 4
    NEEDS_PASSWORD = 8

cdef struct KindRow:
    const char* name        # as JSON
    int kind
    int needs

# A kind may have a second name: that of the command in the terminal.
cdef enum:
    NAMES_OF_KINDS = 12
    MEMBERS_NOTED = 16      # of a line; one with more is gone over again

cdef KindRow[NAMES_OF_KINDS] KINDS
KINDS[0] = KindRow(b'"get"', WIRE_GET, NEEDS_KEY)
KINDS[1] = KindRow(b'"set"', WIRE_SET, NEEDS_KEY | NEEDS_VALUE)
KINDS[2] = KindRow(b'"del"', WIRE_DELETE, NEEDS_KEY)
KINDS[3] = KindRow(b'"patch"', WIRE_PATCH, NEEDS_KEY | NEEDS_DELTA)
KINDS[4] = KindRow(b'"snapshot"', WIRE_SNAPSHOT, 0)
KINDS[5] = KindRow(b'"subscribe"', WIRE_SUBSCRIBE, NEEDS_KEY)
KINDS[6] = KindRow(b'"unsubscribe"', WIRE_UNSUBSCRIBE, NEEDS_KEY)
KINDS[7] = KindRow(b'"ping"', WIRE_PING, 0)
KINDS[8] = KindRow(b'"info"', WIRE_INFO, 0)
KINDS[9] = KindRow(b'"auth"', WIRE_AUTH, NEEDS_PASSWORD)
KINDS[10] = KindRow(b'"delete"', WIRE_DELETE, NEEDS_KEY)
KINDS[11] = KindRow(b'"checkpoint"', WIRE_SNAPSHOT, 0)


cdef struct Members:
    Slice kind
    Slice id
    Slice key
    Slice value
    Slice delta
    Slice if_version
    Slice remove_nulls
    Slice password


cdef inline bint is_text(const Slice* slice, const char* text, size_t text_bytes) noexcept nogil:
    return slice.bytes == text_bytes and memcmp(slice.data, text, text_bytes) == 0


cdef Slice* member_of(Members* members, const Slice* name) noexcept nogil:
    """Where the member of that name goes; NULL for a name that means nothing to us."""
    if is_text(name, b"kind", 4):
        return &members.kind
    if is_text(name, b"key", 3):
        return &members.key
    if is_text(name, b"value", 5):
        return &members.value
    if is_text(name, b"id", 2):
        return &members.id
    if is_text(name, b"delta", 5):
        return &members.delta
    if is_text(name, b"if_version", 10):
        return &members.if_version
    if is_text(name, b"remove_nulls", 12):
        return &members.remove_nulls
    if is_text(name, b"password", 8):
        return &members.password
    return NULL


cdef inline void set_member(Members* members, const Slice* name, const Slice* value) noexcept nogil:
    cdef Slice* member = member_of(members, name)
    if member != NULL:
        member[0] = value[0]


cdef inline void take_members(const JsonMember* found, int count, Members* members) noexcept nogil:
    cdef Slice name, value
    cdef int i
    for i in range(count):
        name.data = found[i].name
        name.bytes = found[i].name_bytes
        value.data = found[i].value
        value.bytes = found[i].value_bytes
        set_member(members, &name, &value)


cdef void find_members(const uint8_t* text, size_t text_bytes, Members* members) noexcept nogil:
    """Find the members of a canonical object."""
    cdef const uint8_t* at = text + 1
    cdef const uint8_t* end = text + text_bytes
    cdef const uint8_t* behind
    cdef Slice name, value
    while at < end and at[0] == c'"':
        behind = fluxdb_string_end(text, at + 1, end)
        if behind == NULL or behind + 1 >= end:
            return
        name.data = at + 1
        name.bytes = <size_t>(behind - at) - 1
        at = behind + 2     # the colon
        behind = fluxdb_value_end(text, at, end)
        if behind == NULL:
            return
        value.data = at
        value.bytes = <size_t>(behind - at)
        set_member(members, &name, &value)
        at = behind + 1     # a comma, or the closing brace


cdef inline uint8_t hex_digit(uint8_t digit) noexcept nogil:
    return digit - c"0" if digit <= c"9" else digit - c"a" + 10


cdef size_t unescape(const uint8_t* at, size_t left, uint8_t* out) noexcept nogil:
    """What the inside of a canonical string says; its length. Its escapes are one letter, or \\u and four digits."""
    cdef uint8_t* begin = out
    cdef const uint8_t* end = at + left
    while at < end:
        if at[0] != c"\\":
            out[0] = at[0]
            at += 1
        elif at[1] == c"u":
            out[0] = hex_digit(at[4]) << 4 | hex_digit(at[5])
            at += 6
        else:
            if at[1] == c"b":
                out[0] = 8
            elif at[1] == c"t":
                out[0] = 9
            elif at[1] == c"n":
                out[0] = 10
            elif at[1] == c"f":
                out[0] = 12
            elif at[1] == c"r":
                out[0] = 13
            else:
                out[0] = at[1]
            at += 2
        out += 1
    return <size_t>(out - begin)


cdef bint take_string(const Slice* json, uint8_t** room, Slice* text) noexcept nogil:
    """What a JSON string says, put into room, which moves on. False: it is none."""
    if json.data[0] != c'"':
        return False
    text.data = room[0]
    text.bytes = unescape(json.data + 1, json.bytes - 2, room[0])
    room[0] += text.bytes
    return True


cdef bint take_version(const Slice* json, int64_t* version) noexcept nogil:
    """A whole number from 0 to 2^63 - 1."""
    cdef uint64_t value = 0
    cdef size_t i
    if json.bytes > 19:
        return False
    for i in range(json.bytes):
        if not c"0" <= json.data[i] <= c"9":
            return False
        value = value * 10 + (json.data[i] - c"0")
    if value > NUMBER_MAX:
        return False
    version[0] = <int64_t>value
    return True


cdef int wrong(WireRequest* request, int status, const char* member) noexcept nogil:
    request.member = member
    return status


cdef int take_options(const Members* members, WireRequest* request) noexcept nogil:
    cdef const Slice* slice = &members.if_version
    if slice.data != NULL and not is_text(slice, b"null", 4) and not take_version(slice, &request.if_version):
        return wrong(request, WIRE_WRONG_TYPE, b"if_version")
    slice = &members.remove_nulls
    if slice.data != NULL:
        request.remove_nulls = is_text(slice, b"true", 4)
        if not request.remove_nulls and not is_text(slice, b"false", 5):
            return wrong(request, WIRE_WRONG_TYPE, b"remove_nulls")
    return WIRE_OK


cdef int take_needed(const Members* members, int needs, uint8_t* room, WireRequest* request) noexcept nogil:
    if needs & NEEDS_KEY:
        if members.key.data == NULL:
            return wrong(request, WIRE_MISSING, b"key")
        if not take_string(&members.key, &room, &request.key):
            return wrong(request, WIRE_WRONG_TYPE, b"key")
    if needs & NEEDS_VALUE:
        if members.value.data == NULL:
            return wrong(request, WIRE_MISSING, b"value")
        request.value = members.value
    if needs & NEEDS_DELTA:
        if members.delta.data == NULL:
            return wrong(request, WIRE_MISSING, b"delta")
        request.value = members.delta
    if needs & NEEDS_PASSWORD:
        if members.password.data == NULL:
            return wrong(request, WIRE_MISSING, b"password")
        if not take_string(&members.password, &room, &request.password):
            return wrong(request, WIRE_WRONG_TYPE, b"password")
    return WIRE_OK


cdef int wire_parse(
    const uint8_t* line, size_t line_bytes, uint32_t depth_max, uint8_t* scratch, WireRequest* request,
) noexcept nogil:
    cdef Members members
    cdef JsonMember found[MEMBERS_NOTED]
    cdef size_t compact_bytes = 0
    cdef int count = -1
    cdef const KindRow* row
    cdef int i, status
    memset(request, 0, sizeof(WireRequest))
    memset(&members, 0, sizeof(Members))
    request.if_version = -1
    # The line is one level of nesting around the value.
    request.detail = json_compact_members(
        line, line_bytes, depth_max + 1, scratch, &compact_bytes, &request.offset, found, MEMBERS_NOTED, &count
    )
    if request.detail != JSON_OK:
        if request.detail in (JSON_NUMBER_RANGE, JSON_SURROGATE, JSON_DEPTH):
            wire_find_id(line, line_bytes, scratch, &request.id)
        return WIRE_BAD_JSON
    if scratch[0] != c"{":
        return WIRE_NOT_AN_OBJECT
    if count >= 0:
        take_members(found, count, &members)
    else:
        find_members(scratch, compact_bytes, &members)
    if members.id.data != NULL:
        if not (members.id.data[0] == c'"' or members.id.data[0] == c"-" or c"0" <= members.id.data[0] <= c"9"):
            return wrong(request, WIRE_WRONG_TYPE, b"id")
        request.id = members.id
    if members.kind.data == NULL:
        return WIRE_NO_KIND
    for i in range(NAMES_OF_KINDS):
        row = &KINDS[i]
        if is_kind(&members.kind, row.name):
            request.kind = row.kind
            status = take_options(&members, request)
            return status if status != WIRE_OK else take_needed(&members, row.needs, scratch + line_bytes, request)
    return WIRE_UNKNOWN_KIND


cdef inline bint is_kind(const Slice* kind, const char* name) noexcept nogil:
    cdef size_t i = 0
    while i < kind.bytes and name[i] != 0 and kind.data[i] == <uint8_t>name[i]:
        i += 1
    return i == kind.bytes and name[i] == 0
