"""Requests that write, as writes; and the replies to batches."""

from libc.stdlib cimport calloc, free
from libc.string cimport memset

from fluxdb._core.commit.outcome cimport CONFLICT, MISSING
from fluxdb._core.commit.write cimport WRITE_CHECK, WRITE_INCREMENT, writes_free, writes_prepare
from fluxdb._core.json.escape cimport string_bytes_max, write_string
from fluxdb._core.log.frame cimport KIND_DELETE, KIND_PATCH, KIND_PATCH_REMOVE_NULLS, KIND_SET, KIND_TOUCH
from fluxdb._core.serve.replies cimport bytes_put, bytes_reserve, put, put_end, put_number
from fluxdb._core.serve.wire cimport (
    WIRE_CHECK, WIRE_DELETE, WIRE_EMPTY_KEY, WIRE_INCREMENT, WIRE_KEY_TOO_LONG, WIRE_NO_MEMORY, WIRE_OK, WIRE_SET,
    WIRE_TOO_MANY, WIRE_TOUCH, wire_parse_operation,
)
from fluxdb._core.serve.wire_members cimport Items, items_count, items_next, items_of

cdef enum:
    CONFLICT_BYTES_MAX = 128    # of one conflict, without its key


cdef uint8_t write_kind(const WireRequest* wire) noexcept nogil:
    if wire.kind == WIRE_SET:
        return KIND_SET
    if wire.kind == WIRE_DELETE:
        return KIND_DELETE
    if wire.kind == WIRE_CHECK:
        return WRITE_CHECK
    if wire.kind == WIRE_INCREMENT:
        return WRITE_INCREMENT
    if wire.kind == WIRE_TOUCH:
        return KIND_TOUCH
    return KIND_PATCH_REMOVE_NULLS if wire.remove_nulls else KIND_PATCH


cdef void fill_write(const WireRequest* wire, Write* write) noexcept nogil:
    memset(write, 0, sizeof(Write))
    write.kind = write_kind(wire)
    write.key = wire.key.data
    write.key_bytes = wire.key.bytes
    write.text = wire.value.data
    write.text_bytes = wire.value.bytes
    write.is_canonical = True
    write.if_version = wire.if_version
    write.must_exist = wire.must_exist
    write.by = wire.by
    write.ttl_ms = wire.ttl_ms
    write.keep_ttl = wire.keep_ttl
    write.path = wire.path.data if wire.path.data != NULL else <const uint8_t*>b""
    write.path_bytes = wire.path.bytes


cdef int batch_parse(Batch* batch, WireRequest* wire, const StageLimits* limits) noexcept nogil:
    cdef uint8_t* room
    cdef Items items = items_of(&wire.items)
    cdef Slice item
    cdef WireRequest operation
    cdef int status = WIRE_OK
    batch.count = items_count(&wire.items)
    if batch.count > limits.batch_operations_max:
        wire.member = b"ops"
        wire.offset = limits.batch_operations_max
        return WIRE_TOO_MANY
    batch.memory = calloc(1, (batch.count + 1) * (sizeof(Write) + sizeof(Outcome)) + wire.items.bytes)
    if batch.memory == NULL:
        return WIRE_NO_MEMORY
    batch.writes = <Write*>batch.memory
    batch.outcomes = <Outcome*>(batch.writes + batch.count + 1)
    room = <uint8_t*>(batch.outcomes + batch.count + 1)
    wire.index = 0
    while items_next(&items, &item):
        status = wire_parse_operation(&item, &room, &operation)
        if status == WIRE_OK and operation.key.bytes == 0:
            status = WIRE_EMPTY_KEY
        if status == WIRE_OK and operation.key.bytes > limits.key_bytes_max:
            wire.key = operation.key
            status = WIRE_KEY_TOO_LONG
        if status != WIRE_OK:
            wire.member = operation.member
            return status
        fill_write(&operation, &batch.writes[wire.index])
        wire.index += 1
    wire.index = -1
    return WIRE_OK


cdef int batch_prepare(Batch* batch, const StageLimits* limits, State* state) noexcept nogil:
    cdef size_t i
    cdef int status = writes_prepare(batch.writes, batch.count, limits, state, batch.outcomes)
    for i in range(batch.count):
        batch.writes[i].text = NULL
    return status


cdef void batch_free(Batch* batch) noexcept nogil:
    if batch.memory != NULL:
        writes_free(batch.writes, batch.count)
    free(batch.memory)
    memset(batch, 0, sizeof(Batch))


cdef uint64_t batch_revision(const Batch* batch) noexcept nogil:
    cdef uint64_t revision = 0
    cdef size_t i
    for i in range(batch.count):
        revision = max(revision, batch.outcomes[i].revision)
    return revision


cdef bint reply_batch(Bytes* bytes, const Batch* batch, uint64_t revision, const Slice* id) noexcept nogil:
    cdef const Outcome* outcome
    cdef size_t i
    if not bytes_reserve(bytes, batch_reply_bytes_max(batch.count) + id.bytes):
        return False
    put(bytes, b'{"kind":"ok","versions":[', 25)
    for i in range(batch.count):
        outcome = &batch.outcomes[i]
        if i:
            put(bytes, b",", 1)
        if batch.writes[i].kind == WRITE_CHECK or outcome.status == MISSING:
            put(bytes, b"null", 4)
        else:
            put_number(bytes, outcome.version)
    put(bytes, b'],"revision":', 13)
    put_number(bytes, max(revision, batch_revision(batch)))
    put_end(bytes, id)
    return True


cdef bint reply_conflicts(Bytes* bytes, const Batch* batch, const Slice* id) noexcept nogil:
    cdef size_t first = 0, others = 0
    cdef size_t start = bytes.used
    cdef size_t i
    cdef bint done = True
    while batch.outcomes[first].status != CONFLICT:
        first += 1
    for i in range(first + 1, batch.count):
        others += batch.outcomes[i].status == CONFLICT
    if not bytes_reserve(bytes, 4 * CONFLICT_BYTES_MAX):
        return False
    put(bytes, b'{"kind":"error","code":"version_conflict","message":"version conflict: expected ', 80)
    put_expected(bytes, &batch.outcomes[first], b"it to exist", 11)
    put(bytes, b", the key is at ", 16)
    put_number(bytes, batch.outcomes[first].actual)
    if others:
        put(bytes, b"; ", 2)
        put_number(bytes, others)
        put(bytes, b" more conditions of the batch do not hold", 41)
    put(bytes, b'",', 2)
    done = put_conflict(bytes, batch, first) and bytes_put(bytes, b',"conflicts":[', 14)
    for i in range(first, batch.count):
        if done and batch.outcomes[i].status == CONFLICT:
            done = bytes_put(bytes, b",{" if i > first else b"{", 1 + (i > first))
            done = done and put_conflict(bytes, batch, i) and bytes_put(bytes, b"}", 1)
    if done and bytes_reserve(bytes, 16 + 2 * id.bytes):
        put(bytes, b"]", 1)
        put_end(bytes, id)
        return True
    bytes.used = start
    return False


cdef void put_expected(
    Bytes* bytes, const Outcome* outcome, const char* existence, size_t existence_bytes,
) noexcept nogil:
    if outcome.detail:
        put(bytes, existence, existence_bytes)
    else:
        put_number(bytes, outcome.expected)


cdef bint put_conflict(Bytes* bytes, const Batch* batch, size_t index) noexcept nogil:
    cdef const Write* write = &batch.writes[index]
    cdef const Outcome* outcome = &batch.outcomes[index]
    if not bytes_reserve(bytes, CONFLICT_BYTES_MAX + string_bytes_max(write.key_bytes)):
        return False
    put(bytes, b'"index":', 8)
    put_number(bytes, index)
    put(bytes, b',"key":', 7)
    bytes.used = <size_t>(write_string(write.key, write.key_bytes, bytes.data + bytes.used) - bytes.data)
    put(bytes, b',"expected":', 12)
    put_expected(bytes, outcome, b"null", 4)
    put(bytes, b',"actual":', 10)
    put_number(bytes, outcome.actual)
    return True
