"""Staging: the version a write gets, whether it may take effect, the record that it makes, its frame in the group.

Everything is decided against the newest state there is, durable or not: two patches of a key in one group both take
effect, and no version is given twice. A record that the documents hold can't be freed meanwhile: only a later write of
its key does that, and that one would be found in the staged table first.
"""

from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from fluxdb._core.base.platform cimport pthread_mutex_lock, pthread_mutex_unlock
from fluxdb._core.commit.group cimport group_add_frame, group_add_operation, group_reserve
from fluxdb._core.commit.outcome cimport (
    BAD_JSON, CONFLICT, KEY_TOO_LONG, MERGE_FIRST, MISSING, NO_MEMORY, OK, USED_UP, VALUE_TOO_LARGE,
)
from fluxdb._core.documents.record cimport (
    RECORD_MERGED, RECORD_TOO_LARGE, record_merge, record_new, record_shrink,
)
from fluxdb._core.documents.state cimport state_floor, state_pin, state_unpin
from fluxdb._core.documents.table cimport (
    NUMBER_MAX, RECORD_TOMBSTONE, record_bytes, record_value, table_fetch, table_find, table_hash, table_put,
)
from fluxdb._core.json.reading cimport JSON_OK
from fluxdb._core.json.text cimport json_compact
from fluxdb._core.log.frame cimport KIND_DELETE, KIND_PATCH_REMOVE_NULLS, KIND_SET, FrameHeader, frame_size


cdef enum:
    MERGE_ASIDE_BYTES = 65536   # document and delta: larger merges take longer than others should wait for the lock
    MERGES_ASIDE_MAX = 3        # then others have written the key each time: with the lock held it comes to an end


cdef int request_prepare(Request* request, const StageLimits* limits, State* state, Outcome* outcome) noexcept nogil:
    cdef size_t compact_bytes = 0
    cdef uint8_t* target
    request.record = request.base = NULL
    request.delta = NULL
    request.state = state
    request.merged = False
    request.merges = 0
    if request.key_bytes > limits.key_bytes_max:
        outcome.offset = request.key_bytes
        return KEY_TOO_LONG
    request.hash = table_hash(&state.table, request.key, request.key_bytes)
    table_fetch(&state.table, request.hash)
    if request.kind == KIND_DELETE:
        request.record = record_new(request.key, request.key_bytes, 0, RECORD_TOMBSTONE)
        return OK if request.record != NULL else NO_MEMORY
    # White space and escapes don't count, but what is far beyond the bound is not worth reading.
    if request.text_bytes // 8 > limits.value_bytes_max:
        return VALUE_TOO_LARGE
    if request.kind == KIND_SET:
        request.record = record_new(request.key, request.key_bytes, request.text_bytes, 0)
        if request.record == NULL:
            return NO_MEMORY
        target = record_value(request.record)
    else:
        request.delta = <uint8_t*>malloc(request.text_bytes + 1)
        if request.delta == NULL:
            return NO_MEMORY
        target = request.delta
    if request.is_canonical:
        memcpy(target, request.text, request.text_bytes)
        compact_bytes = request.text_bytes
    else:
        outcome.detail = json_compact(
            request.text, request.text_bytes, limits.depth_max, target, &compact_bytes, &outcome.offset
        )
        if outcome.detail != JSON_OK:
            return BAD_JSON
    if compact_bytes > limits.value_bytes_max:
        return VALUE_TOO_LARGE
    if request.kind == KIND_SET:
        request.record = record_shrink(request.record, compact_bytes)
    else:
        request.delta_bytes = compact_bytes
    return OK


cdef void request_free(Request* request) noexcept nogil:
    drop_base(request)
    free(request.record)
    free(request.delta)
    request.record = NULL
    request.delta = NULL


cdef inline void drop_base(Request* request) noexcept nogil:
    if request.base != NULL:
        state_unpin(request.state, request.base)
        request.base = NULL
    request.merged = False


cdef size_t request_frame_bytes(const Request* request) noexcept nogil:
    if request.delta != NULL:
        return frame_size(request.key_bytes, request.delta_bytes)
    return frame_size(request.key_bytes, request.record.value_bytes)


cdef Record* find_current(Staging* staging, const Request* request, uint64_t* version, bint* unsettled) noexcept nogil:
    """The key's newest live record, or NULL; version is the one behind which the next write's comes."""
    cdef State* state = staging.state
    cdef Record* current = table_find(&staging.staged, request.key, request.key_bytes, request.hash)
    unsettled[0] = current != NULL
    if current == NULL:
        pthread_mutex_lock(&state.lock)
        current = table_find(&state.table, request.key, request.key_bytes, request.hash)
        version[0] = current.version if current != NULL else state_floor(state, request.key, request.key_bytes)
        # A tombstone may be forgotten, and freed, as soon as the lock is given up.
        if current != NULL and current.flags & RECORD_TOMBSTONE:
            current = NULL
        pthread_mutex_unlock(&state.lock)
        return current
    version[0] = current.version
    return NULL if current.flags & RECORD_TOMBSTONE else current


cdef int merge_record(Request* request, Record* current, size_t value_bytes_max) noexcept nogil:
    """PATCH: the record that current and the delta make."""
    cdef int status = record_merge(
        request.key, request.key_bytes, current, request.delta, request.delta_bytes,
        request.kind == KIND_PATCH_REMOVE_NULLS, value_bytes_max, &request.record,
    )
    if status == RECORD_TOO_LARGE:
        return VALUE_TOO_LARGE
    return OK if status == RECORD_MERGED else NO_MEMORY     # both sides were checked: nothing else can fail


cdef int merge_current(Request* request, Record* current, uint64_t version, size_t value_bytes_max) noexcept nogil:
    """PATCH: OK with what the newest record and the delta make, or MERGE_FIRST, or why not. With the lock held."""
    # The base is pinned, so its address is no other record's by now; without one there is the version.
    cdef bint is_newest = request.base == current and request.base_version == version
    if request.merged and is_newest:
        drop_base(request)
        return request.merge_status
    drop_base(request)
    free(request.record)
    request.record = NULL
    if (request.delta_bytes + (current.value_bytes if current != NULL else 0) <= MERGE_ASIDE_BYTES
            or request.merges == MERGES_ASIDE_MAX):
        return merge_record(request, current, value_bytes_max)
    if current != NULL and not state_pin(request.state, current):
        return merge_record(request, current, value_bytes_max)
    request.base = current
    request.base_version = version
    request.merges += 1
    return MERGE_FIRST


cdef void request_merge(Request* request, const StageLimits* limits) noexcept nogil:
    request.merge_status = merge_record(request, request.base, limits.value_bytes_max)
    request.merged = True


cdef int stage_write(
    Staging* staging, Request* request, const StageLimits* limits, Group* group,
    Operation** operation, Outcome* outcome, bint* unsettled,
) noexcept nogil:
    cdef uint64_t version = 0
    cdef Record* current = find_current(staging, request, &version, unsettled)
    cdef Record* replaced = NULL
    cdef FrameHeader header
    cdef int status
    outcome.actual = current.version if current != NULL else 0
    if request.if_version >= 0 and <uint64_t>request.if_version != outcome.actual:
        outcome.expected = <uint64_t>request.if_version
        return CONFLICT
    if request.kind == KIND_DELETE and current == NULL:
        return MISSING
    if version >= NUMBER_MAX or staging.revision >= NUMBER_MAX:
        return USED_UP
    if request.delta != NULL:
        status = merge_current(request, current, version, limits.value_bytes_max)
        if status == MERGE_FIRST:
            unsettled[0] = False
        if status != OK:
            return status
    unsettled[0] = False
    if group_reserve(group, request_frame_bytes(request)) != 0:
        return NO_MEMORY
    if table_put(&staging.staged, request.record, request.hash, &replaced) != 0:
        return NO_MEMORY
    # From here on nothing can fail.
    staging.revision += 1
    request.record.revision = staging.revision
    request.record.version = version + 1
    header.text_bytes = <uint32_t>(request.delta_bytes if request.delta != NULL else request.record.value_bytes)
    header.key_bytes = <unsigned short>request.key_bytes
    header.kind = request.kind
    header.reserved = 0
    header.revision = staging.revision
    header.version = version + 1
    group_add_frame(
        group, &header, request.key, request.delta if request.delta != NULL else record_value(request.record)
    )
    operation[0] = group_add_operation(group)
    operation[0].record = request.record
    operation[0].hash = request.hash
    operation[0].kind = request.kind
    group.record_bytes += record_bytes(request.record)
    outcome.version = version + 1
    outcome.revision = staging.revision
    request.record = NULL       # the operation's now
    return OK
