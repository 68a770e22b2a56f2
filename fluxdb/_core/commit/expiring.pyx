"""The removal of documents whose time is over; commit/expiring.pxd says who asks for it."""

from libc.stdint cimport UINT64_MAX, uint16_t

from fluxdb._core.base.clock cimport clock_now
from fluxdb._core.base.platform cimport (
    fluxdb_now_ns, pthread_cond_signal, pthread_mutex_lock, pthread_mutex_unlock,
)
from fluxdb._core.commit.group cimport Operation, group_add_frame, group_add_operation, group_reserve
from fluxdb._core.commit.outcome cimport NO_MEMORY, OK, USED_UP
from fluxdb._core.commit.stage cimport staging_now
from fluxdb._core.documents.expiry cimport expiries_next, expiries_restage, expiries_take, expiries_waiting
from fluxdb._core.documents.record cimport record_new
from fluxdb._core.documents.state cimport State, state_drop, state_mark_due
from fluxdb._core.documents.table cimport (
    NUMBER_MAX, RECORD_EXPIRES, RECORD_TOMBSTONE, Record, record_bytes, record_expires_at, record_key, table_find,
    table_put,
)
from fluxdb._core.log.frame cimport KIND_EXPIRE, FrameHeader, frame_size

cdef enum:
    HELD_MAX = 64               # documents in one hold of the locks
    GROUP_SHARE = 1024          # operations of a group to which removals are added
    TICK_NS = 1000000000        # the clock may have been set: it is looked at so often
    RETRY_NS = 1000000000       # after a group that could not be written


cdef int stage_removal(Staging* staging, Record* current, uint64_t hash, Group* group) noexcept nogil:
    """A tombstone in the place of that document: its record, its frame, its operation, for which nobody waits."""
    cdef Record* replaced = NULL
    cdef Record* record
    cdef Operation* operation
    cdef FrameHeader header
    if current.version >= NUMBER_MAX or staging.revision >= NUMBER_MAX:
        return USED_UP
    record = record_new(record_key(current), current.key_bytes, 0, RECORD_TOMBSTONE)
    if record == NULL:
        return NO_MEMORY
    if (group_reserve(group, frame_size(current.key_bytes, 0, 0), 1) != 0
            or table_put(&staging.staged, record, hash, &replaced) != 0):
        state_drop(record)
        return NO_MEMORY
    staging.revision += 1
    record.revision = header.revision = staging.revision
    record.version = header.version = current.version + 1
    header.text_bytes = 0
    header.key_bytes = <uint16_t>current.key_bytes
    header.kind = KIND_EXPIRE
    header.flags = 0
    group_add_frame(group, &header, record_key(record), NULL, 0)
    operation = group_add_operation(group)
    operation.record = record
    operation.hash = hash
    operation.kind = KIND_EXPIRE
    operation.outcome.version = record.version
    operation.outcome.revision = record.revision
    group.record_bytes += record_bytes(record)
    return OK


cdef int expire_written(Staging* staging, const Write* writes, size_t count, Group* group) noexcept nogil:
    cdef State* state = staging.state
    cdef Record* current
    cdef size_t i
    cdef int status = OK
    for i in range(count):
        current = table_find(&staging.staged, writes[i].key, writes[i].key_bytes, writes[i].hash)
        if current == NULL:
            pthread_mutex_lock(&state.lock)
            current = table_find(&state.table, writes[i].key, writes[i].key_bytes, writes[i].hash)
            if current != NULL and not current.flags & RECORD_EXPIRES:
                current = NULL      # a tombstone may be freed as soon as the lock is given up
            pthread_mutex_unlock(&state.lock)
        if current == NULL or not current.flags & RECORD_EXPIRES or record_expires_at(current) > staging_now(staging):
            continue
        status = stage_removal(staging, current, writes[i].hash, group)
        if status != OK:
            break
    return status


cdef inline bint may_remove(Commit* commit) noexcept nogil:
    return not (
        commit.closing or commit.log.failed != NULL or commit.displaced or commit.log_is_full
        or commit.state.expiries.documents == 0
        or (commit.expiry_retry_ns and fluxdb_now_ns() < commit.expiry_retry_ns)
    )


cdef inline bint has_share(const Commit* commit) noexcept nogil:
    cdef const Group* group = commit.filling
    return group.operation_count >= GROUP_SHARE or group.body_bytes >= commit.limits.group_bytes_max // 2


cdef bint expire_due(Commit* commit) noexcept nogil:
    cdef State* state = commit.state
    cdef Record* current
    cdef uint64_t hash = 0
    cdef size_t taken = 0
    if not may_remove(commit):
        return False
    pthread_mutex_lock(&state.lock)
    state_mark_due(state, HELD_MAX)
    # A clock that may be wrong hides, and removes nothing.
    while state.clock.doubted_since_ms == 0 and taken < HELD_MAX and not has_share(commit):
        if not expiries_take(&state.expiries, &state.table, &current, &hash):
            break
        # If a write of the key is staged, that one met the document, and saw to its removal.
        if table_find(&commit.staging.staged, record_key(current), current.key_bytes, hash) != NULL:
            continue
        if stage_removal(&commit.staging, current, hash, commit.filling) != OK:
            expiries_restage(&state.expiries)
            commit.expiry_retry_ns = fluxdb_now_ns() + RETRY_NS
            break
        taken += 1
    pthread_mutex_unlock(&state.lock)
    return taken != 0


cdef uint64_t next_ms(Commit* commit) noexcept nogil:
    """When there is something to remove; 0: now."""
    cdef State* state = commit.state
    cdef uint64_t next
    pthread_mutex_lock(&state.lock)
    next = 0 if expiries_waiting(&state.expiries) else expiries_next(&state.expiries)
    pthread_mutex_unlock(&state.lock)
    return next


cdef uint64_t expire_deadline_ns(Commit* commit) noexcept nogil:
    cdef State* state = commit.state
    cdef uint64_t next, now
    cdef uint64_t wait_ns = TICK_NS
    if commit.state.expiries.documents == 0:
        commit.expiry_wake_ms = UINT64_MAX
        return 0
    pthread_mutex_lock(&state.lock)
    next = expiries_next(&state.expiries)
    now = clock_now(&state.clock)
    pthread_mutex_unlock(&state.lock)
    commit.expiry_wake_ms = next
    if next > now and (next - now) * 1000000 < TICK_NS:
        wait_ns = (next - now) * 1000000
    return fluxdb_now_ns() + wait_ns


cdef void expire_note(Commit* commit, int status) noexcept nogil:
    if status != OK:
        pthread_mutex_lock(&commit.state.lock)
        expiries_restage(&commit.state.expiries)
        pthread_mutex_unlock(&commit.state.lock)
        commit.expiry_retry_ns = fluxdb_now_ns() + RETRY_NS
        return
    commit.expiry_retry_ns = 0
    if commit.expiry_wake_ms and next_ms(commit) < commit.expiry_wake_ms:
        commit.expiry_wake_ms = 0
        pthread_cond_signal(&commit.work)
