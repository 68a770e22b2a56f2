"""Reading the log: whole groups of a segment into documents, and what stands where it stops."""

from libc.stdlib cimport free
from libc.string cimport memcpy

from fluxdb._core.base.clock cimport clock_not_before
from fluxdb._core.base.platform cimport pthread_mutex_lock, pthread_mutex_unlock
from fluxdb._core.documents.documents cimport Documents
from fluxdb._core.documents.record cimport RECORD_NO_MEMORY, record_merge, record_new, record_touch
from fluxdb._core.documents.state cimport LogPosition, State, state_apply, state_forget, state_release
from fluxdb._core.documents.table cimport (
    NUMBER_MAX, RECORD_EXPIRES, RECORD_TOMBSTONE, Record, record_set_expiry, record_value, table_find, table_hash,
)
from fluxdb._core.log.frame cimport (
    FRAME_EXPIRES, GROUP_BROKEN, GROUP_HEADER_BYTES, GROUP_NEWER, KIND_DELETE, KIND_EXPIRE, KIND_PATCH,
    KIND_PATCH_REMOVE_NULLS, KIND_SET, KIND_TOUCH, SECTOR_BYTES, Frame, GroupHeader as Header, frame_decode,
    group_header_decode, group_size, group_status, kind_has_text, round_up,
)
from fluxdb._core.log.survey cimport is_zero
from libc.stddef cimport size_t
from libc.stdint cimport SIZE_MAX, uint8_t, uint64_t

from fluxdb._core.log.segment import segment_name
from fluxdb.errors import StorageError
from fluxdb.model import Position

cdef enum StopReason:
    END = 0
    HEADER = 1
    BODY = 2
    PLACE = 3
    RECORD = 4
    NO_MEMORY = 5
    NEWER = 6

STOP_END = END
STOP_HEADER = HEADER
STOP_BODY = BODY
STOP_PLACE = PLACE
STOP_RECORD = RECORD


cdef struct Run:
    LogPosition position
    int reason
    size_t group_bytes
    bint any_group
    size_t last_group_offset
    size_t records
    size_t groups
    uint64_t clock_ms       # the latest that a group names


cdef Record* replayed_record(const Frame* frame, Record* current, int* reason) noexcept nogil:
    """The record that the frame makes of its key, as the write that logged it made it."""
    cdef uint8_t kind = frame.header.kind
    cdef uint8_t flags = RECORD_EXPIRES if frame.header.flags & FRAME_EXPIRES else 0
    cdef Record* record = NULL
    cdef int status
    reason[0] = NO_MEMORY
    if kind == KIND_PATCH or kind == KIND_PATCH_REMOVE_NULLS:
        status = record_merge(
            frame.key, frame.header.key_bytes, current, frame.text, frame.header.text_bytes,
            kind == KIND_PATCH_REMOVE_NULLS, frame.expires_at_ms, SIZE_MAX, &record,
        )
        reason[0] = NO_MEMORY if status == RECORD_NO_MEMORY else RECORD
    elif kind == KIND_TOUCH:
        record = record_touch(current, frame.expires_at_ms)
    elif kind == KIND_SET:
        record = record_new(frame.key, frame.header.key_bytes, frame.header.text_bytes, flags)
        if record != NULL:
            memcpy(record_value(record), frame.text, frame.header.text_bytes)
            record_set_expiry(record, frame.expires_at_ms)
    else:
        record = record_new(frame.key, frame.header.key_bytes, 0, RECORD_TOMBSTONE)
    if record != NULL:
        record.revision = frame.header.revision
        record.version = frame.header.version
    return record


cdef bint can_follow(const Frame* frame, const Record* current) noexcept nogil:
    """Could a write have logged this frame where the key's state is current?"""
    cdef uint8_t kind = frame.header.kind
    cdef bint is_there = current != NULL and not current.flags & RECORD_TOMBSTONE
    if frame.header.key_bytes == 0 or kind_has_text(kind) != (frame.header.text_bytes != 0):
        return False
    if (frame.header.flags & FRAME_EXPIRES) and (frame.expires_at_ms == 0 or kind in (KIND_DELETE, KIND_EXPIRE)):
        return False
    if kind == KIND_TOUCH and not is_there:
        return False
    if kind == KIND_EXPIRE and not (is_there and current.flags & RECORD_EXPIRES):
        return False
    return (current.version if current != NULL else 0) < frame.header.version <= NUMBER_MAX


cdef int apply_frame(State* state, const Frame* frame) noexcept nogil:
    """END, or why it can't be applied."""
    cdef uint64_t hash = table_hash(&state.table, frame.key, frame.header.key_bytes)
    cdef Record* current = table_find(&state.table, frame.key, frame.header.key_bytes, hash)
    cdef Record* replaced = NULL
    cdef Record* record
    cdef int reason = END
    if not can_follow(frame, current):
        return RECORD
    record = replayed_record(frame, current, &reason)
    if record == NULL:
        return reason
    if state_apply(state, record, hash, &replaced) != 0:
        free(record)
        return NO_MEMORY
    if replaced != NULL:
        state_release(state, replaced, hash)
    return END


cdef int apply_group(State* state, const uint8_t* buffer, size_t offset, const Header* header) noexcept nogil:
    """Apply the frames of a whole group that the state does not hold yet."""
    cdef const uint8_t* at = buffer + offset + GROUP_HEADER_BYTES
    cdef size_t left = header.body_bytes
    cdef uint64_t known = state.position.revision
    cdef Frame frame
    cdef int reason = END
    while left and reason == END and frame_decode(at, left, &frame):
        if frame.header.revision > known:
            reason = apply_frame(state, &frame)
        at += frame.frame_bytes
        left -= frame.frame_bytes
    state_forget(state)
    return reason


cdef void replay_groups(State* state, const uint8_t* buffer, size_t buffer_bytes, Run* run) noexcept nogil:
    cdef Header header
    cdef size_t offset, left
    cdef int status
    if state != NULL and state.position.group == run.position.group:
        # Nothing lies between the two places but the end of a segment.
        state.position.segment = run.position.segment
        state.position.offset = run.position.offset
    while True:
        offset = run.position.offset
        left = buffer_bytes - offset if offset < buffer_bytes else 0
        if is_zero(buffer + offset, left if left < GROUP_HEADER_BYTES else GROUP_HEADER_BYTES):
            run.reason = END
            return
        if not group_header_decode(buffer, buffer_bytes, offset, &header):
            run.reason = HEADER
            return
        if (header.group != run.position.group + 1 or header.segment != run.position.segment
                or header.first_revision != run.position.revision + 1 or header.chain != run.position.chain):
            run.reason = PLACE
            return
        status = group_status(buffer, buffer_bytes, offset, &header)
        if status == GROUP_BROKEN:
            run.reason = BODY
            run.group_bytes = group_size(header.body_bytes)
            return
        if status == GROUP_NEWER:
            run.reason = NEWER
            return
        if header.records > NUMBER_MAX - run.position.revision:
            run.reason = RECORD
            return
        if state != NULL:
            run.reason = apply_group(state, buffer, offset, &header)
            if run.reason != END:
                return
        run.any_group = True
        run.last_group_offset = offset
        run.records += header.records
        run.groups += 1
        run.clock_ms = header.clock_ms if header.clock_ms > run.clock_ms else run.clock_ms
        run.position.revision += header.records
        run.position.group = header.group
        run.position.offset = offset + round_up(group_size(header.body_bytes), SECTOR_BYTES)
        run.position.chain = header.checksum
        if state != NULL:
            if run.position.revision > state.position.revision:
                state.position.revision = state.revision = run.position.revision
            state.position.group = run.position.group
            state.position.segment = run.position.segment
            state.position.offset = run.position.offset
            state.position.chain = run.position.chain


cdef class Stop:
    cdef readonly object position
    cdef readonly int reason
    cdef readonly object group_bytes
    cdef readonly object last_group_offset
    cdef readonly object records
    cdef readonly object groups


def replay(Documents documents, const uint8_t[::1] segment not None, position not None):
    cdef Run run
    cdef size_t buffer_bytes = <size_t>segment.shape[0]
    cdef const uint8_t* buffer = &segment[0] if buffer_bytes else NULL
    cdef State* state = &documents.state if documents is not None else NULL
    run.position.revision, run.position.group, run.position.segment, run.position.offset, run.position.chain = position
    run.reason = END
    run.any_group = False
    run.group_bytes = run.last_group_offset = run.records = run.groups = 0
    run.clock_ms = 0
    with nogil:
        if state != NULL:
            pthread_mutex_lock(&state.lock)
        replay_groups(state, buffer, buffer_bytes, &run)
        if state != NULL:
            pthread_mutex_unlock(&state.lock)
    if run.reason == NO_MEMORY:
        raise MemoryError("no memory to replay the log")
    if documents is not None:
        clock_not_before(&documents.state.clock, run.clock_ms)
    if run.reason == NEWER:
        raise StorageError(
            f"{segment_name(run.position.segment)} holds at byte {run.position.offset} a kind of record that this "
            "FluxDB does not know: a newer one wrote it; open the folder with that one. Nothing was changed"
        )
    cdef Stop stop = Stop()
    stop.position = Position(
        run.position.revision, run.position.group, run.position.segment, run.position.offset, run.position.chain
    )
    stop.reason = run.reason
    stop.group_bytes = run.group_bytes
    stop.last_group_offset = run.last_group_offset if run.any_group else -1
    stop.records = run.records
    stop.groups = run.groups
    return stop
