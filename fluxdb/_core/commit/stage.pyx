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


cdef int write_prepare(Write* write, const StageLimits* limits, State* state, Outcome* outcome) noexcept nogil:
    cdef size_t compact_bytes = 0
    cdef uint8_t* target
    write.record = write.base = NULL
    write.delta = NULL
    write.state = state
    write.merged = False
    write.merges = 0
    if write.key_bytes > limits.key_bytes_max:
        outcome.offset = write.key_bytes
        return KEY_TOO_LONG
    write.hash = table_hash(&state.table, write.key, write.key_bytes)
    table_fetch(&state.table, write.hash)
    if write.kind == KIND_DELETE:
        write.record = record_new(write.key, write.key_bytes, 0, RECORD_TOMBSTONE)
        return OK if write.record != NULL else NO_MEMORY
    # White space and escapes don't count, but what is far beyond the bound is not worth reading.
    if write.text_bytes // 8 > limits.value_bytes_max:
        return VALUE_TOO_LARGE
    if write.kind == KIND_SET:
        write.record = record_new(write.key, write.key_bytes, write.text_bytes, 0)
        if write.record == NULL:
            return NO_MEMORY
        target = record_value(write.record)
    else:
        write.delta = <uint8_t*>malloc(write.text_bytes + 1)
        if write.delta == NULL:
            return NO_MEMORY
        target = write.delta
    if write.is_canonical:
        memcpy(target, write.text, write.text_bytes)
        compact_bytes = write.text_bytes
    else:
        outcome.detail = json_compact(
            write.text, write.text_bytes, limits.depth_max, target, &compact_bytes, &outcome.offset
        )
        if outcome.detail != JSON_OK:
            return BAD_JSON
    if compact_bytes > limits.value_bytes_max:
        return VALUE_TOO_LARGE
    if write.kind == KIND_SET:
        write.record = record_shrink(write.record, compact_bytes)
    else:
        write.delta_bytes = compact_bytes
    return OK


cdef void write_free(Write* write) noexcept nogil:
    drop_base(write)
    free(write.record)
    free(write.delta)
    write.record = NULL
    write.delta = NULL


cdef inline void drop_base(Write* write) noexcept nogil:
    if write.base != NULL:
        state_unpin(write.state, write.base)
        write.base = NULL
    write.merged = False


cdef size_t write_frame_bytes(const Write* write) noexcept nogil:
    if write.delta != NULL:
        return frame_size(write.key_bytes, write.delta_bytes, 0)
    return frame_size(write.key_bytes, write.record.value_bytes, 0)


cdef Record* find_current(Staging* staging, const Write* write, uint64_t* version, bint* unsettled) noexcept nogil:
    """The key's newest live record, or NULL; version is the one behind which the next write's comes."""
    cdef State* state = staging.state
    cdef Record* current = table_find(&staging.staged, write.key, write.key_bytes, write.hash)
    unsettled[0] = current != NULL
    if current == NULL:
        pthread_mutex_lock(&state.lock)
        current = table_find(&state.table, write.key, write.key_bytes, write.hash)
        version[0] = current.version if current != NULL else state_floor(state, write.key, write.key_bytes)
        # A tombstone may be forgotten, and freed, as soon as the lock is given up.
        if current != NULL and current.flags & RECORD_TOMBSTONE:
            current = NULL
        pthread_mutex_unlock(&state.lock)
        return current
    version[0] = current.version
    return NULL if current.flags & RECORD_TOMBSTONE else current


cdef int merge_record(Write* write, Record* current, size_t value_bytes_max) noexcept nogil:
    """PATCH: the record that current and the delta make."""
    cdef int status = record_merge(
        write.key, write.key_bytes, current, write.delta, write.delta_bytes,
        write.kind == KIND_PATCH_REMOVE_NULLS, 0, value_bytes_max, &write.record,
    )
    if status == RECORD_TOO_LARGE:
        return VALUE_TOO_LARGE
    return OK if status == RECORD_MERGED else NO_MEMORY     # both sides were checked: nothing else can fail


cdef int merge_current(Write* write, Record* current, uint64_t version, size_t value_bytes_max) noexcept nogil:
    """PATCH: OK with what the newest record and the delta make, or MERGE_FIRST, or why not. With the lock held."""
    # The base is pinned, so its address is no other record's by now; without one there is the version.
    cdef bint is_newest = write.base == current and write.base_version == version
    if write.merged and is_newest:
        drop_base(write)
        return write.merge_status
    drop_base(write)
    free(write.record)
    write.record = NULL
    if (write.delta_bytes + (current.value_bytes if current != NULL else 0) <= MERGE_ASIDE_BYTES
            or write.merges == MERGES_ASIDE_MAX):
        return merge_record(write, current, value_bytes_max)
    if current != NULL and not state_pin(write.state, current):
        return merge_record(write, current, value_bytes_max)
    write.base = current
    write.base_version = version
    write.merges += 1
    return MERGE_FIRST


cdef void write_merge(Write* write, const StageLimits* limits) noexcept nogil:
    write.merge_status = merge_record(write, write.base, limits.value_bytes_max)
    write.merged = True


cdef int stage_write(
    Staging* staging, Write* write, const StageLimits* limits, Group* group,
    Operation** operation, Outcome* outcome, bint* unsettled,
) noexcept nogil:
    cdef uint64_t version = 0
    cdef Record* current = find_current(staging, write, &version, unsettled)
    cdef Record* replaced = NULL
    cdef FrameHeader header
    cdef int status
    outcome.actual = current.version if current != NULL else 0
    if write.if_version >= 0 and <uint64_t>write.if_version != outcome.actual:
        outcome.expected = <uint64_t>write.if_version
        return CONFLICT
    if write.kind == KIND_DELETE and current == NULL:
        return MISSING
    if version >= NUMBER_MAX or staging.revision >= NUMBER_MAX:
        return USED_UP
    if write.delta != NULL:
        status = merge_current(write, current, version, limits.value_bytes_max)
        if status == MERGE_FIRST:
            unsettled[0] = False
        if status != OK:
            return status
    unsettled[0] = False
    if group_reserve(group, write_frame_bytes(write)) != 0:
        return NO_MEMORY
    if table_put(&staging.staged, write.record, write.hash, &replaced) != 0:
        return NO_MEMORY
    # From here on nothing can fail.
    staging.revision += 1
    write.record.revision = staging.revision
    write.record.version = version + 1
    header.text_bytes = <uint32_t>(write.delta_bytes if write.delta != NULL else write.record.value_bytes)
    header.key_bytes = <unsigned short>write.key_bytes
    header.kind = write.kind
    header.flags = 0
    header.revision = staging.revision
    header.version = version + 1
    group_add_frame(
        group, &header, write.key, write.delta if write.delta != NULL else record_value(write.record), 0
    )
    operation[0] = group_add_operation(group)
    operation[0].record = write.record
    operation[0].hash = write.hash
    operation[0].kind = write.kind
    group.record_bytes += record_bytes(write.record)
    outcome.version = version + 1
    outcome.revision = staging.revision
    write.record = NULL         # the operation's now
    return OK
