"""Taking a line of the protocol apart."""

from libc.string cimport memcmp, memset

from fluxdb._core.documents.table cimport NUMBER_MAX
from fluxdb._core.json.pointer cimport POINTER_OK, pointer_check
from fluxdb._core.json.reading cimport JSON_DEPTH, JSON_NUMBER_RANGE, JSON_OK, JSON_SURROGATE
from fluxdb._core.json.text cimport JsonMember, json_compact, json_compact_members
from fluxdb._core.serve.wire_id cimport wire_find_id

cdef extern from "json/skip.h" nogil:
    const uint8_t* fluxdb_string_end(const uint8_t* begin, const uint8_t* at, const uint8_t* end) noexcept
    const uint8_t* fluxdb_value_end(const uint8_t* begin, const uint8_t* at, const uint8_t* end) noexcept

cdef enum Need:
    NEEDS_KEY = 1
    NEEDS_VALUE = 2
    NEEDS_DELTA = 4
    NEEDS_PASSWORD = 8
    NEEDS_KEYS = 16
    NEEDS_OPERATIONS = 32
    NEEDS_CONDITION = 64    # version, or exists
    NEEDS_TTL = 128
    TAKES_PATH = 256
    TAKES_RANGE = 512       # and page: what of it, and in which direction
    TAKES_PREFIX = 1024
    TAKES_BY = 2048
    TAKES_TTL = 4096
    IN_BATCH = 8192
    NOT_ALONE = 16384

cdef double TTL_MS_MAX = 100 * 365.25 * 86_400 * 1_000

cdef struct KindRow:
    const char* name        # as JSON
    int kind
    int needs

# A kind may have a second name: that of the command in the terminal.
cdef enum:
    NAMES_OF_KINDS = 13
    MEMBERS_NOTED = 24      # of a line; one with more is gone over again

cdef KindRow[NAMES_OF_KINDS] KINDS
KINDS[0] = KindRow(b'"get"', WIRE_GET, NEEDS_KEY | TAKES_PATH)
KINDS[1] = KindRow(b'"set"', WIRE_SET, NEEDS_KEY | NEEDS_VALUE | TAKES_TTL | IN_BATCH)
KINDS[2] = KindRow(b'"del"', WIRE_DELETE, NEEDS_KEY | IN_BATCH)
KINDS[3] = KindRow(b'"patch"', WIRE_PATCH, NEEDS_KEY | NEEDS_DELTA | TAKES_TTL | IN_BATCH)
KINDS[4] = KindRow(b'"get_many"', WIRE_GET_MANY, NEEDS_KEYS | TAKES_PATH)
KINDS[5] = KindRow(b'"snapshot"', WIRE_SNAPSHOT, 0)
KINDS[6] = KindRow(b'"subscribe"', WIRE_SUBSCRIBE, NEEDS_KEY)
KINDS[7] = KindRow(b'"unsubscribe"', WIRE_UNSUBSCRIBE, NEEDS_KEY)
KINDS[8] = KindRow(b'"ping"', WIRE_PING, 0)
KINDS[9] = KindRow(b'"info"', WIRE_INFO, 0)
KINDS[10] = KindRow(b'"auth"', WIRE_AUTH, NEEDS_PASSWORD)
KINDS[11] = KindRow(b'"delete"', WIRE_DELETE, NEEDS_KEY | IN_BATCH)
KINDS[12] = KindRow(b'"checkpoint"', WIRE_SNAPSHOT, 0)

# Members by their names; the first of them are looked for first.
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
    NAMES                   # how many there are

cdef const char* MEMBER_NAMES[NAMES]
MEMBER_NAMES[<int>KIND] = b"kind"
MEMBER_NAMES[<int>KEY] = b"key"
MEMBER_NAMES[<int>VALUE] = b"value"
MEMBER_NAMES[<int>ID] = b"id"
MEMBER_NAMES[<int>DELTA] = b"delta"
MEMBER_NAMES[<int>IF_VERSION] = b"if_version"
MEMBER_NAMES[<int>PATH] = b"path"
MEMBER_NAMES[<int>PREFIX] = b"prefix"
MEMBER_NAMES[<int>START] = b"start"
MEMBER_NAMES[<int>END] = b"end"
MEMBER_NAMES[<int>AFTER] = b"after"
MEMBER_NAMES[<int>LIMIT] = b"limit"
MEMBER_NAMES[<int>REVERSE] = b"reverse"
MEMBER_NAMES[<int>KEYS_ONLY] = b"keys_only"
MEMBER_NAMES[<int>KEYS] = b"keys"
MEMBER_NAMES[<int>OPERATIONS] = b"ops"
MEMBER_NAMES[<int>BY] = b"by"
MEMBER_NAMES[<int>TTL] = b"ttl"
MEMBER_NAMES[<int>KEEP_TTL] = b"keep_ttl"
MEMBER_NAMES[<int>VERSION] = b"version"
MEMBER_NAMES[<int>EXISTS] = b"exists"
MEMBER_NAMES[<int>REMOVE_NULLS] = b"remove_nulls"
MEMBER_NAMES[<int>PASSWORD] = b"password"

# Each with NULL data where it is not there.
cdef struct Members:
    Slice named[NAMES]


cdef inline bint is_text(const Slice* slice, const char* text, size_t text_bytes) noexcept nogil:
    return slice.bytes == text_bytes and memcmp(slice.data, text, text_bytes) == 0


cdef inline bint is_name(const Slice* slice, const char* name) noexcept nogil:
    cdef size_t i = 0
    while i < slice.bytes and slice.data[i] == <uint8_t>name[i] and name[i] != 0:
        i += 1
    return i == slice.bytes and name[i] == 0


cdef inline bint is_null(const Slice* slice) noexcept nogil:
    return slice.data == NULL or is_text(slice, b"null", 4)


cdef Slice* member_of(Members* members, const Slice* name) noexcept nogil:
    """Where the member of that name goes; NULL for a name that means nothing to us."""
    cdef int i
    for i in range(<int>NAMES):
        if is_name(name, MEMBER_NAMES[i]):
            return &members.named[i]
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


cdef bint wire_take_string(const Slice* json, uint8_t** room, Slice* text) noexcept nogil:
    if json.data[0] != c'"':
        return False
    text.data = room[0]
    text.bytes = unescape(json.data + 1, json.bytes - 2, room[0])
    room[0] += text.bytes
    return True


cdef bint wire_next_item(Items* items, Slice* item) noexcept nogil:
    cdef const uint8_t* behind
    if items.at >= items.end or items.at[0] == c"]":
        return False
    behind = fluxdb_value_end(items.at, items.at, items.end)
    if behind == NULL:
        return False
    item.data = items.at
    item.bytes = <size_t>(behind - items.at)
    items.at = behind + 1     # a comma, or the closing bracket
    return True


cdef size_t wire_count_items(const Slice* array) noexcept nogil:
    cdef Items items = wire_items(array)
    cdef Slice item
    cdef size_t count = 0
    while wire_next_item(&items, &item):
        count += 1
    return count


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
    cdef const Slice* slice = &members.named[<int>IF_VERSION]
    if not is_null(slice) and not take_version(slice, &request.if_version):
        return wrong(request, WIRE_WRONG_TYPE, b"if_version")
    return take_flag(members, REMOVE_NULLS, request, &request.remove_nulls)


cdef int take_flag(const Members* members, Name name, WireRequest* request, bint* flag) noexcept nogil:
    cdef const Slice* slice = &members.named[<int>name]
    if slice.data != NULL:
        flag[0] = is_text(slice, b"true", 4)
        if not flag[0] and not is_text(slice, b"false", 5):
            return wrong(request, WIRE_WRONG_TYPE, MEMBER_NAMES[<int>name])
    return WIRE_OK


cdef int take_text(
    const Members* members, Name name, bint needed, uint8_t** room, WireRequest* request, Slice* text,
) noexcept nogil:
    cdef const Slice* slice = &members.named[<int>name]
    if slice.data == NULL and needed:
        return wrong(request, WIRE_MISSING, MEMBER_NAMES[<int>name])
    if is_null(slice) and not needed:
        return WIRE_OK
    if not wire_take_string(slice, room, text):
        return wrong(request, WIRE_WRONG_TYPE, MEMBER_NAMES[<int>name])
    return WIRE_OK


cdef int take_value(const Members* members, Name name, uint8_t first, WireRequest* request, Slice* value) noexcept nogil:
    """first: the byte that it must begin with, or 0."""
    value[0] = members.named[<int>name]
    if value.data == NULL:
        return wrong(request, WIRE_MISSING, MEMBER_NAMES[<int>name])
    if first and value.data[0] != first:
        return wrong(request, WIRE_WRONG_TYPE, MEMBER_NAMES[<int>name])
    return WIRE_OK


cdef int take_needed(const Members* members, int needs, uint8_t** room, WireRequest* request) noexcept nogil:
    cdef int status = WIRE_OK
    if needs & NEEDS_KEY:
        status = take_text(members, KEY, True, room, request, &request.key)
    if status == WIRE_OK and needs & NEEDS_VALUE:
        status = take_value(members, VALUE, 0, request, &request.value)
    if status == WIRE_OK and needs & NEEDS_DELTA:
        status = take_value(members, DELTA, 0, request, &request.value)
    if status != WIRE_OK or not needs & ~(NEEDS_KEY | NEEDS_VALUE | NEEDS_DELTA | IN_BATCH):
        return status
    if needs & NEEDS_KEYS:
        status = take_value(members, KEYS, c"[", request, &request.items)
    elif needs & NEEDS_OPERATIONS:
        status = take_value(members, OPERATIONS, c"[", request, &request.items)
    elif needs & NEEDS_PASSWORD:
        status = take_text(members, PASSWORD, True, room, request, &request.password)
    elif needs & NEEDS_CONDITION:
        status = take_condition(members, request)
    if status == WIRE_OK and needs & (NEEDS_TTL | TAKES_TTL):
        status = take_ttl(members, needs, request)
    if status == WIRE_OK and needs & TAKES_BY:
        status = take_by(members, request)
    if status == WIRE_OK and needs & TAKES_PATH:
        status = take_path(members, room, request)
    if status == WIRE_OK and needs & TAKES_PREFIX:
        status = take_text(members, PREFIX, False, room, request, &request.prefix)
    if status == WIRE_OK and needs & TAKES_RANGE:
        status = take_range(members, room, request)
    return status


cdef int take_condition(const Members* members, WireRequest* request) noexcept nogil:
    """Of a check: a version, or that the key exists, or that it does not."""
    cdef const Slice* version = &members.named[<int>VERSION]
    cdef const Slice* exists = &members.named[<int>EXISTS]
    cdef bint flag = False
    cdef int status = take_flag(members, EXISTS, request, &flag)
    if status != WIRE_OK:
        return status
    if version.data == NULL and exists.data == NULL:
        return wrong(request, WIRE_MISSING, b"version")
    if version.data != NULL and not take_version(version, &request.if_version):
        return wrong(request, WIRE_WRONG_TYPE, b"version")
    request.must_exist = flag
    if exists.data != NULL and not flag:
        if version.data != NULL and request.if_version != 0:
            return wrong(request, WIRE_WRONG_TYPE, b"exists")   # a version that the key can't be at
        request.if_version = 0
    return WIRE_OK


cdef int take_by(const Members* members, WireRequest* request) noexcept nogil:
    """A whole number from -2^63 to 2^63 - 1."""
    cdef Slice digits = members.named[<int>BY]
    cdef bint negative
    request.by = 1
    if digits.data == NULL:
        return WIRE_OK
    negative = digits.data[0] == c"-"
    digits.data += negative
    digits.bytes -= negative
    if negative and is_text(&digits, b"9223372036854775808", 19):
        request.by = -<int64_t>NUMBER_MAX - 1
        return WIRE_OK
    if digits.bytes == 0 or not take_version(&digits, &request.by):
        return wrong(request, WIRE_WRONG_TYPE, b"by")
    if negative:
        request.by = -request.by
    return WIRE_OK


cdef int take_path(const Members* members, uint8_t** room, WireRequest* request) noexcept nogil:
    cdef int status = take_text(members, PATH, False, room, request, &request.path)
    if status == WIRE_OK and request.path.bytes and pointer_check(request.path.data, request.path.bytes) != POINTER_OK:
        return wrong(request, WIRE_BAD_PATH, b"path")
    return status


cdef int take_range(const Members* members, uint8_t** room, WireRequest* request) noexcept nogil:
    cdef const Slice* limit = &members.named[<int>LIMIT]
    cdef int status = take_text(members, START, False, room, request, &request.start)
    if status == WIRE_OK:
        status = take_text(members, END, False, room, request, &request.end)
    if status == WIRE_OK:
        status = take_text(members, AFTER, False, room, request, &request.after)
    if status == WIRE_OK:
        status = take_flag(members, REVERSE, request, &request.reverse)
    if status == WIRE_OK:
        status = take_flag(members, KEYS_ONLY, request, &request.keys_only)
    if status != WIRE_OK or is_null(limit):
        return status
    if not take_version(limit, <int64_t*>&request.limit):
        return wrong(request, WIRE_WRONG_TYPE, b"limit")
    return WIRE_OK if request.limit else wrong(request, WIRE_BAD_LIMIT, b"limit")


cdef int take_ttl(const Members* members, int needs, WireRequest* request) noexcept nogil:
    cdef const Slice* ttl = &members.named[<int>TTL]
    cdef int status = take_flag(members, KEEP_TTL, request, &request.keep_ttl)
    if status != WIRE_OK:
        return status
    if ttl.data == NULL:
        return wrong(request, WIRE_MISSING, b"ttl") if needs & NEEDS_TTL else WIRE_OK
    request.has_ttl = True
    if is_null(ttl):
        return WIRE_OK
    if not (ttl.data[0] == c"-" or c"0" <= ttl.data[0] <= c"9"):
        return wrong(request, WIRE_WRONG_TYPE, b"ttl")
    if request.keep_ttl or not milliseconds(ttl, &request.ttl_ms):
        return wrong(request, WIRE_BAD_TTL, b"ttl")
    return WIRE_OK


cdef bint milliseconds(const Slice* json, uint64_t* ms) noexcept nogil:
    """Of a canonical JSON number of seconds. False: it is not more than 0, or more than 100 years."""
    cdef double value = 0
    cdef int exponent = 3, given = 0, i
    cdef bint fraction = False, negative
    cdef const uint8_t* at = json.data
    cdef const uint8_t* end = json.data + json.bytes
    if at[0] == c"-":
        return False
    while at < end and at[0] != c"e" and at[0] != c"E":
        if at[0] == c".":
            fraction = True
        else:
            value = value * 10 + (at[0] - c"0")
            exponent -= fraction
        at += 1
    if at < end:
        negative = at[1] == c"-"
        at += 2 if negative or at[1] == c"+" else 1
        while at < end and given < 10_000:
            given = given * 10 + (at[0] - c"0")
            at += 1
        exponent += -given if negative else given
    for i in range(min(abs(exponent), 1_000)):
        value = value * 10 if exponent > 0 else value / 10
    if not 0 < value <= TTL_MS_MAX:
        return False
    ms[0] = max(<uint64_t>(value + 0.5), <uint64_t>1)
    return True


cdef int take_request(const Members* members, bint in_batch, uint8_t** room, WireRequest* request) noexcept nogil:
    cdef const KindRow* row
    cdef const Slice* id = &members.named[<int>ID]
    cdef int i, status
    if id.data != NULL and not in_batch:
        if not (id.data[0] == c'"' or id.data[0] == c"-" or c"0" <= id.data[0] <= c"9"):
            return wrong(request, WIRE_WRONG_TYPE, b"id")
        request.id = id[0]
    if members.named[<int>KIND].data == NULL:
        return WIRE_NO_KIND
    for i in range(NAMES_OF_KINDS):
        row = &KINDS[i]
        if is_name(&members.named[<int>KIND], row.name):
            if in_batch and not row.needs & IN_BATCH:
                return WIRE_NOT_IN_BATCH
            if not in_batch and row.needs & NOT_ALONE:
                break
            request.kind = row.kind
            status = take_options(members, request)
            return status if status != WIRE_OK else take_needed(members, row.needs, room, request)
    return WIRE_UNKNOWN_KIND


cdef inline void empty_request(WireRequest* request) noexcept nogil:
    memset(request, 0, sizeof(WireRequest))
    request.if_version = request.index = -1


cdef int wire_parse_operation(const Slice* json, uint8_t** room, WireRequest* request) noexcept nogil:
    cdef Members members
    empty_request(request)
    memset(&members, 0, sizeof(Members))
    if json.data[0] != c"{":
        return WIRE_NOT_AN_OBJECT
    find_members(json.data, json.bytes, &members)
    return take_request(&members, True, room, request)


cdef int wire_parse(
    const uint8_t* line, size_t line_bytes, uint32_t depth_max, uint8_t* scratch, WireRequest* request,
) noexcept nogil:
    cdef Members members
    cdef JsonMember found[MEMBERS_NOTED]
    cdef size_t compact_bytes = 0
    cdef int count = -1
    cdef uint8_t* room = scratch + line_bytes
    empty_request(request)
    memset(&members, 0, sizeof(Members))
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
    return take_request(&members, False, &room, request)
