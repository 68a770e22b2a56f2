"""Taking a line of the protocol apart."""

from libc.string cimport memset

from fluxdb._core.json.pointer cimport POINTER_OK, pointer_check
from fluxdb._core.json.reading cimport JSON_DEPTH, JSON_NUMBER_RANGE, JSON_OK, JSON_SURROGATE
from fluxdb._core.json.text cimport JsonMember, json_compact, json_compact_members
from fluxdb._core.serve.wire_id cimport wire_find_id
from fluxdb._core.serve.wire_members cimport (
    AFTER, BY, DELTA, END, EXISTS, FOLDER, ID, IF_VERSION, KEEP_TTL, KEY, KEYS, KEYS_ONLY, KIND, LIMIT, OPERATIONS,
    PASSWORD, PATH, PREFIX, REMOVE_NULLS, REVERSE, START, TTL, VALUE, VERSION, Members, Name, is_name, is_null, is_text,
    member_name, members_find, members_take, read_integer, read_milliseconds, read_string, read_whole,
)

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
    NEEDS_FOLDER = 32768

cdef struct KindRow:
    const char* name        # as JSON
    int kind
    int needs

# A kind may have a second name: that of the command in the terminal.
cdef enum:
    NAMES_OF_KINDS = 20
    MEMBERS_NOTED = 24      # of a line; one with more is gone over again

cdef KindRow[NAMES_OF_KINDS] KINDS
KINDS[0] = KindRow(b'"get"', WIRE_GET, NEEDS_KEY | TAKES_PATH)
KINDS[1] = KindRow(b'"set"', WIRE_SET, NEEDS_KEY | NEEDS_VALUE | TAKES_TTL | IN_BATCH)
KINDS[2] = KindRow(b'"del"', WIRE_DELETE, NEEDS_KEY | IN_BATCH)
KINDS[3] = KindRow(b'"patch"', WIRE_PATCH, NEEDS_KEY | NEEDS_DELTA | TAKES_TTL | IN_BATCH)
KINDS[4] = KindRow(b'"get_many"', WIRE_GET_MANY, NEEDS_KEYS | TAKES_PATH)
KINDS[5] = KindRow(b'"batch"', WIRE_BATCH, NEEDS_OPERATIONS)
KINDS[6] = KindRow(b'"check"', WIRE_CHECK, NEEDS_KEY | NEEDS_CONDITION | IN_BATCH | NOT_ALONE)
KINDS[7] = KindRow(b'"snapshot"', WIRE_SNAPSHOT, 0)
KINDS[8] = KindRow(b'"subscribe"', WIRE_SUBSCRIBE, NEEDS_KEY)
KINDS[9] = KindRow(b'"unsubscribe"', WIRE_UNSUBSCRIBE, NEEDS_KEY)
KINDS[10] = KindRow(b'"ping"', WIRE_PING, 0)
KINDS[11] = KindRow(b'"info"', WIRE_INFO, 0)
KINDS[12] = KindRow(b'"auth"', WIRE_AUTH, NEEDS_PASSWORD)
KINDS[13] = KindRow(b'"delete"', WIRE_DELETE, NEEDS_KEY | IN_BATCH)
KINDS[14] = KindRow(b'"checkpoint"', WIRE_SNAPSHOT, 0)
KINDS[15] = KindRow(b'"backup"', WIRE_BACKUP, NEEDS_FOLDER)
KINDS[16] = KindRow(b'"increment"', WIRE_INCREMENT, NEEDS_KEY | TAKES_BY | TAKES_PATH | IN_BATCH)
KINDS[17] = KindRow(b'"scan"', WIRE_SCAN, TAKES_PREFIX | TAKES_RANGE)
KINDS[18] = KindRow(b'"count"', WIRE_COUNT, TAKES_PREFIX)
KINDS[19] = KindRow(b'"touch"', WIRE_TOUCH, NEEDS_KEY | NEEDS_TTL | IN_BATCH)


cdef int wrong(WireRequest* request, int status, const char* member) noexcept nogil:
    request.member = member
    return status


cdef int take_options(const Members* members, WireRequest* request) noexcept nogil:
    cdef const Slice* slice = &members.named[<int>IF_VERSION]
    if not is_null(slice) and not read_whole(slice, &request.if_version):
        return wrong(request, WIRE_WRONG_TYPE, b"if_version")
    return take_flag(members, REMOVE_NULLS, request, &request.remove_nulls)


cdef int take_flag(const Members* members, Name name, WireRequest* request, bint* flag) noexcept nogil:
    cdef const Slice* slice = &members.named[<int>name]
    if slice.data != NULL:
        flag[0] = is_text(slice, b"true", 4)
        if not flag[0] and not is_text(slice, b"false", 5):
            return wrong(request, WIRE_WRONG_TYPE, member_name(name))
    return WIRE_OK


cdef int take_text(
    const Members* members, Name name, bint needed, uint8_t** room, WireRequest* request, Slice* text,
) noexcept nogil:
    cdef const Slice* slice = &members.named[<int>name]
    if slice.data == NULL and needed:
        return wrong(request, WIRE_MISSING, member_name(name))
    if is_null(slice) and not needed:
        return WIRE_OK
    if not read_string(slice, room, text):
        return wrong(request, WIRE_WRONG_TYPE, member_name(name))
    return WIRE_OK


cdef int take_value(
    const Members* members, Name name, uint8_t first, WireRequest* request, Slice* value,
) noexcept nogil:
    """first: the byte that it must begin with, or 0."""
    value[0] = members.named[<int>name]
    if value.data == NULL:
        return wrong(request, WIRE_MISSING, member_name(name))
    if first and value.data[0] != first:
        return wrong(request, WIRE_WRONG_TYPE, member_name(name))
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
    elif needs & NEEDS_FOLDER:
        status = take_text(members, FOLDER, True, room, request, &request.password)
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
    """Read the condition of a check: a version, or that the key exists, or that it does not."""
    cdef const Slice* version = &members.named[<int>VERSION]
    cdef const Slice* exists = &members.named[<int>EXISTS]
    cdef bint flag = False
    cdef int status = take_flag(members, EXISTS, request, &flag)
    if status != WIRE_OK:
        return status
    if version.data == NULL and exists.data == NULL:
        return wrong(request, WIRE_MISSING, b"version")
    if version.data != NULL and not read_whole(version, &request.if_version):
        return wrong(request, WIRE_WRONG_TYPE, b"version")
    request.must_exist = flag
    if exists.data != NULL and not flag:
        if version.data != NULL and request.if_version != 0:
            return wrong(request, WIRE_WRONG_TYPE, b"exists")   # a version that the key can't be at
        request.if_version = 0
    return WIRE_OK


cdef int take_by(const Members* members, WireRequest* request) noexcept nogil:
    cdef const Slice* by = &members.named[<int>BY]
    request.by = 1
    if by.data != NULL and not read_integer(by, &request.by):
        return wrong(request, WIRE_WRONG_TYPE, b"by")
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
    if not read_whole(limit, <int64_t*>&request.limit):
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
    if request.keep_ttl or not read_milliseconds(ttl, &request.ttl_ms):
        return wrong(request, WIRE_BAD_TTL, b"ttl")
    return WIRE_OK


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
    members_find(json.data, json.bytes, &members)
    return take_request(&members, True, room, request)


cdef bint parse_batch(
    const uint8_t* line, size_t line_bytes, uint32_t depth_max, uint8_t* scratch, int* status, WireRequest* request,
) noexcept nogil:
    """A line that is too deep for other requests: a batch has two more levels around a value. False: it is no batch."""
    cdef Members members
    cdef WireRequest batch
    cdef size_t compact_bytes = 0
    cdef size_t offset = 0
    cdef uint8_t* room = scratch + line_bytes
    if json_compact(line, line_bytes, depth_max + 3, scratch, &compact_bytes, &offset) != JSON_OK or scratch[0] != c"{":
        return False
    empty_request(&batch)
    memset(&members, 0, sizeof(Members))
    members_find(scratch, compact_bytes, &members)
    status[0] = take_request(&members, False, &room, &batch)
    if batch.kind == WIRE_BATCH:
        request[0] = batch
    return batch.kind == WIRE_BATCH


cdef int wire_parse(
    const uint8_t* line, size_t line_bytes, uint32_t depth_max, uint8_t* scratch, WireRequest* request,
) noexcept nogil:
    cdef Members members
    cdef JsonMember found[MEMBERS_NOTED]
    cdef size_t compact_bytes = 0
    cdef int count = -1
    cdef int status = WIRE_OK
    cdef uint8_t* room = scratch + line_bytes
    empty_request(request)
    memset(&members, 0, sizeof(Members))
    # The line is one level of nesting around the value.
    request.detail = json_compact_members(
        line, line_bytes, depth_max + 1, scratch, &compact_bytes, &request.offset, found, MEMBERS_NOTED, &count
    )
    if request.detail == JSON_DEPTH and parse_batch(line, line_bytes, depth_max, scratch, &status, request):
        return status
    if request.detail != JSON_OK:
        if request.detail in (JSON_NUMBER_RANGE, JSON_SURROGATE, JSON_DEPTH):
            wire_find_id(line, line_bytes, scratch, &request.id)
        return WIRE_BAD_JSON
    if scratch[0] != c"{":
        return WIRE_NOT_AN_OBJECT
    if count >= 0:
        members_take(found, count, &members)
    else:
        members_find(scratch, compact_bytes, &members)
    return take_request(&members, False, &room, request)
