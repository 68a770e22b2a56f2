"""Writes on their way in: checked, and their JSON in compact form, right inside the record where it can be."""

from libc.stdint cimport uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from fluxdb._core.commit.outcome cimport (
    BAD_JSON, BATCH_TOO_LARGE, KEY_TOO_LONG, NO_MEMORY, OK, PATH_TOO_DEEP, VALUE_TOO_LARGE,
)
from fluxdb._core.commit.increment cimport path_depth
from fluxdb._core.documents.record cimport record_new, record_shrink
from fluxdb._core.documents.state cimport state_unpin
from fluxdb._core.documents.table cimport RECORD_EXPIRES, RECORD_TOMBSTONE, record_value, table_fetch, table_hash
from fluxdb._core.json.reading cimport JSON_OK
from fluxdb._core.json.text cimport json_compact
from fluxdb._core.log.frame cimport FRAME_EXPIRES, KIND_DELETE, KIND_SET, KIND_TOUCH, frame_size


cdef inline uint8_t expiry_flag(const Write* write) noexcept nogil:
    """SET: with room for an expiry, which staging fills in."""
    return RECORD_EXPIRES if write.ttl_ms or write.keep_ttl else 0


cdef int write_prepare(Write* write, const StageLimits* limits, State* state, Outcome* outcome) noexcept nogil:
    cdef size_t compact_bytes = 0
    cdef uint8_t* target
    write.record = write.base = NULL
    write.delta = NULL
    write.state = state
    write.merged = write.staged = False
    write.merges = 0
    if write.key_bytes > limits.key_bytes_max:
        outcome.offset = write.key_bytes
        return KEY_TOO_LONG
    write.hash = table_hash(&state.table, write.key, write.key_bytes)
    table_fetch(&state.table, write.hash)
    if write.kind == WRITE_CHECK or write.kind == KIND_TOUCH:
        return OK
    if write.kind == WRITE_INCREMENT:
        outcome.offset = path_depth(write.path, write.path_bytes)
        return OK if outcome.offset <= limits.depth_max else PATH_TOO_DEEP
    if write.kind == KIND_DELETE:
        write.record = record_new(write.key, write.key_bytes, 0, RECORD_TOMBSTONE)
        return OK if write.record != NULL else NO_MEMORY
    # White space and escapes don't count, but what is far beyond the bound is not worth reading.
    if write.text_bytes // 8 > limits.value_bytes_max:
        return VALUE_TOO_LARGE
    if write.kind == KIND_SET:
        write.record = record_new(write.key, write.key_bytes, write.text_bytes, expiry_flag(write))
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


cdef int writes_prepare(
    Write* writes, size_t count, const StageLimits* limits, State* state, Outcome* outcomes,
) noexcept nogil:
    cdef size_t total_bytes = 0
    cdef size_t i
    cdef int status = OK
    for i in range(count):
        outcomes[i].status = write_prepare(&writes[i], limits, state, &outcomes[i]) if status == OK else OK
        if status == OK:
            status = outcomes[i].status
        else:
            forget(&writes[i])
        total_bytes += write_bytes(&writes[i])
    if status == OK and count > 1 and total_bytes > limits.batch_bytes_max:
        outcomes[0].offset = total_bytes
        outcomes[0].detail = False
        outcomes[0].status = BATCH_TOO_LARGE
        return BATCH_TOO_LARGE
    return status


cdef inline void forget(Write* write) noexcept nogil:
    """Nothing of it was prepared, so there is nothing to free."""
    write.record = write.base = NULL
    write.delta = NULL


cdef void write_free(Write* write) noexcept nogil:
    write_drop_base(write)
    free(write.record)
    free(write.delta)
    write.record = NULL
    write.delta = NULL


cdef void writes_free(Write* writes, size_t count) noexcept nogil:
    """The last one first: the base of a later merge may be the record of an earlier write."""
    while count:
        count -= 1
        write_free(&writes[count])


cdef void write_drop_base(Write* write) noexcept nogil:
    if write.base != NULL:
        state_unpin(write.state, write.base)
        write.base = NULL
    write.merged = False


cdef inline size_t write_bytes(const Write* write) noexcept nogil:
    """Return the bytes of its key and its text, or its path."""
    if write.kind == WRITE_INCREMENT:
        return write.key_bytes + write.path_bytes
    if write.delta != NULL:
        return write.key_bytes + write.delta_bytes
    return write.key_bytes + (<size_t>write.record.value_bytes if write.record != NULL else 0)


cdef size_t write_frame_bytes(const Write* write) noexcept nogil:
    # An INCREMENT of a document that expires may be logged as a SET.
    cdef uint8_t flags = FRAME_EXPIRES if write.ttl_ms or write.keep_ttl or write.kind == WRITE_INCREMENT else 0
    if write.kind == KIND_TOUCH:
        return frame_size(write.key_bytes, 0, flags)
    if write.delta != NULL:
        return frame_size(write.key_bytes, write.delta_bytes, flags)
    return frame_size(write.key_bytes, write.record.value_bytes, flags) if write.record != NULL else 0


cdef size_t writes_frame_bytes(const Write* writes, size_t count) noexcept nogil:
    cdef size_t i, total = 0
    for i in range(count):
        total += write_frame_bytes(&writes[i])
    return total
