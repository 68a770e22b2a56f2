"""The write path; commit/write_path.pxd says who may hold what."""

from libc.errno cimport ENOMEM

from fluxdb._core.commit.group cimport Group, Operation, Waiter, group_add_operation, group_reserve, group_reset
from fluxdb._core.documents.state cimport State, state_apply, state_drop, state_forget, state_release
from libc.stddef cimport size_t
from fluxdb._core.commit.channel_state cimport ChannelState, channel_settle, channels_ring
from fluxdb._core.commit.expiring cimport expire_note, expire_written
from fluxdb._core.commit.maintenance cimport chores_note, chores_take_spare
from fluxdb._core.commit.appender cimport log_append
from fluxdb._core.commit.outcome cimport (
    CLOSED, DISPLACED, EXPIRE_FIRST, LOG_FULL, MERGE_FIRST, NO_MEMORY, OK, POISONED, UNKNOWN, WOULD_BLOCK, outcome_with,
)
from fluxdb._core.base.clock cimport clock_sure
from fluxdb._core.base.platform cimport (
    fluxdb_lock_soon, pthread_cond_broadcast, pthread_cond_signal, pthread_cond_wait, pthread_mutex_lock,
    pthread_mutex_unlock,
)
from fluxdb._core.commit.stage cimport stage_writes, writes_merge
from fluxdb._core.commit.write cimport writes_frame_bytes
from fluxdb._core.documents.table cimport Record, record_key, table_clear, table_find_revision, table_remove
from fluxdb._core.events.watch cimport watch_begin, watch_commit

cdef enum:
    APPLIED_MAX = 128               # records applied in one hold of the documents' lock, unless one batch has more
    OPERATIONS_MAX = 1 << 16        # of a group, whatever their bytes
    RECORDS_FACTOR = 2              # its records in memory: so many times as much as its frames, and one more


# ---- the guarantee ----

cdef void lead(Commit* commit) noexcept nogil:
    """Commit the filling group. Called with the lock held and nobody leading; returns so."""
    cdef Group* group = commit.filling
    cdef int status = OK
    commit.leading = True
    commit.filling = &commit.groups[0] if group == &commit.groups[1] else &commit.groups[1]
    chores_take_spare(commit)
    group.clock_ms = log_clock_ms(commit)
    pthread_mutex_unlock(&commit.lock)
    if group.records:
        status = log_append(&commit.log, group)     # written and synced: durable,
        if status == OK:
            status = apply(commit, group)           # then visible,
    pthread_mutex_lock(&commit.lock)
    settle(commit, group, status)                   # then acknowledged.
    commit.leading = False
    hand_over(commit)


cdef inline uint64_t log_clock_ms(Commit* commit) noexcept nogil:
    cdef uint64_t now_ms
    pthread_mutex_lock(&commit.state.lock)
    now_ms = clock_sure(&commit.state.clock)
    pthread_mutex_unlock(&commit.state.lock)
    return now_ms


cdef int apply(Commit* commit, Group* group) noexcept nogil:
    """Make a durable group visible to readers, and tell the watchers: batch by batch, each in one hold of the lock."""
    cdef State* state = commit.state
    cdef size_t first = 0, held = 0, end
    cdef int status = OK
    pthread_mutex_lock(&state.lock)
    state.applying = True
    commit.watch.group += 1
    while first < group.operation_count and status == OK:
        end = batch_end(group, first)
        if held and held + (end - first) > APPLIED_MAX:
            pthread_mutex_unlock(&state.lock)
            pthread_mutex_lock(&state.lock)
            held = 0
        status = apply_batch(commit, group, first, end)
        held += end - first
        first = end
    if status == OK:
        state.position = commit.log.end
        state.logged = commit.log.counters.bytes
    state.applying = False
    pthread_mutex_unlock(&state.lock)
    return status


cdef inline size_t batch_end(const Group* group, size_t first) noexcept nogil:
    """The number of the operation after the last one of the batch that begins with this one."""
    while group.operations[first].joined:
        first += 1
    return first + 1


cdef int apply_batch(Commit* commit, Group* group, size_t first, size_t end) noexcept nogil:
    """With the documents' lock held."""
    cdef State* state = commit.state
    cdef Operation* operation
    cdef Record* replaced
    cdef uint64_t last_revision = group.operations[end - 1].outcome.revision
    cdef size_t i
    watch_begin(&commit.watch)
    for i in range(first, end):
        operation = &group.operations[i]
        if operation.record == NULL:
            continue
        replaced = NULL
        if state_apply(state, operation.record, operation.hash, &replaced) != 0:
            commit.log.failed = b"making room in memory"
            commit.log.error = ENOMEM
            forget_applied(group, i)
            return UNKNOWN
        state.revision = operation.record.revision
        watch_commit(&commit.watch, operation.kind, replaced, operation.record, last_revision)
        if replaced != NULL:
            state_release(state, replaced, operation.hash)
    return OK


cdef void forget_applied(Group* group, size_t count) noexcept nogil:
    """The first records of the group are the documents' now: they must not be freed with the group."""
    cdef size_t i
    for i in range(count):
        group.operations[i].record = NULL


cdef void settle(Commit* commit, Group* group, int status) noexcept nogil:
    """Tell everybody who waits for the group what became of it. With the lock held."""
    cdef size_t i
    cdef Operation* operation
    if status == OK:
        for i in range(group.operation_count):
            operation = &group.operations[i]
            unstage(commit, operation)
            answer(operation, operation.outcome.status)
        pthread_mutex_lock(&commit.state.lock)
        state_forget(commit.state)
        pthread_mutex_unlock(&commit.state.lock)
    else:
        # Everything staged after it depends on it, and is dropped with it: none of that was written.
        table_clear(&commit.staging.staged)
        commit.staging.revision = commit.log.end.revision
        discard(commit, group, status)
        discard(commit, commit.filling, POISONED if status == UNKNOWN else status)
        pthread_cond_broadcast(&commit.filling.settled)
        group_reset(commit.filling)
    pthread_cond_broadcast(&group.settled)
    group_reset(group)
    if commit.room_waiters:
        pthread_cond_broadcast(&commit.room)
    # At worst a loop is rung once too often for events: the watch has a separate lock.
    channels_ring(&commit.channels, commit.watch.first != NULL or commit.watch.overflowed)
    chores_note(commit)
    if commit.state.expiries.documents:
        expire_note(commit, status)


cdef void hand_over(Commit* commit) noexcept nogil:
    """Wake somebody who leads the next group."""
    if commit.filling.operation_count == 0:
        if commit.closing:
            pthread_cond_broadcast(&commit.room)
            pthread_cond_signal(&commit.work)
    elif commit.filling.thread_waiters:
        pthread_cond_signal(&commit.filling.settled)
    else:
        pthread_cond_signal(&commit.work)


# ---- what settling is made of ----

cdef inline void unstage(Commit* commit, const Operation* operation) noexcept nogil:
    """Take the write out of the staged table, unless a later one of its key stands there by now.

    Found by its revision: the operation's own record may be freed, where a later write of the group replaced it.
    """
    cdef Record* record
    if operation.record == NULL:
        return
    record = table_find_revision(&commit.staging.staged, operation.hash, operation.outcome.revision)
    if record != NULL:
        table_remove(&commit.staging.staged, record_key(record), record.key_bytes, operation.hash)


cdef void answer(Operation* operation, int status) noexcept nogil:
    operation.outcome.status = status
    if operation.waiter != NULL:
        operation.waiter.status = status
        operation.waiter.settled = True
    if operation.channel != NULL:
        channel_settle(operation.channel, &operation.outcome)


cdef void discard(Commit* commit, Group* group, int status) noexcept nogil:
    cdef size_t i
    pthread_mutex_lock(&commit.state.lock)
    for i in range(group.operation_count):
        if group.operations[i].record != NULL:
            state_drop(group.operations[i].record)      # a merge may be reading it
    pthread_mutex_unlock(&commit.state.lock)
    for i in range(group.operation_count):
        answer(&group.operations[i], status)


# ---- the ways in ----

cdef inline int refusal(const Commit* commit) noexcept nogil:
    if commit.closing:
        return CLOSED
    if commit.log.failed != NULL:
        return POISONED
    if commit.displaced:
        return DISPLACED
    return LOG_FULL if commit.log_is_full and commit.checkpoint_error else OK


cdef inline bint has_room(const Commit* commit, size_t frame_bytes, size_t count) noexcept nogil:
    """Only an empty group takes a batch of any size."""
    cdef const Group* group = commit.filling
    if commit.log_is_full:
        return False
    if group.operation_count == 0:
        return True
    return (group.body_bytes + frame_bytes <= commit.limits.group_bytes_max
            and group.record_bytes < RECORDS_FACTOR * commit.limits.group_bytes_max
            and group.operation_count + count <= OPERATIONS_MAX)


cdef int stage(
    Commit* commit, Write* writes, size_t count, bint by_channel, Operation** operation, Outcome* outcomes,
) noexcept nogil:
    """Stage the batch; operation is what it waits for, NULL if its outcome can be reported at once. With the lock held.
    """
    cdef bint unsettled = False
    cdef size_t reason
    cdef int status = refusal(commit)
    operation[0] = NULL
    if status == OK and not has_room(commit, writes_frame_bytes(writes, count), count):
        status = WOULD_BLOCK
    if status != OK:
        return status
    commit.staging.now_ms = 0
    status = stage_writes(
        &commit.staging, writes, count, &commit.limits, commit.filling, operation, outcomes, &unsettled
    )
    if status == EXPIRE_FIRST:
        status = expire_written(&commit.staging, writes, count, commit.filling)
        if status == OK:
            status = stage_writes(
                &commit.staging, writes, count, &commit.limits, commit.filling, operation, outcomes, &unsettled
            )
        if not commit.leading:
            pthread_cond_signal(&commit.work)   # the removals stand, whatever becomes of the batch
    if operation[0] != NULL or status == MERGE_FIRST or not (unsettled or (by_channel and status == OK)):
        return status
    # Nothing is written, but that rests on a write which is not durable yet: the batch waits for it as if it wrote.
    if group_reserve(commit.filling, 0, 1) != 0:
        return NO_MEMORY
    reason = outcome_with(outcomes, count, status)
    operation[0] = group_add_operation(commit.filling)
    operation[0].outcome = outcomes[reason if reason < count else 0]
    operation[0].outcome.status = status
    return status


cdef void merge_aside(Commit* commit, Write* writes, size_t count, const Outcome* outcomes) noexcept nogil:
    """Let go of the lock for the time of a large merge."""
    pthread_mutex_unlock(&commit.lock)
    writes_merge(writes, count, &commit.limits, outcomes)
    pthread_mutex_lock(&commit.lock)


cdef int commit_write(Commit* commit, Write* writes, size_t count, Outcome* outcomes) noexcept nogil:
    """Stage a batch of this thread and return when its outcome is known, leading the group where nobody does."""
    cdef Waiter waiter
    cdef Group* group
    cdef Operation* operation
    cdef int status
    waiter.settled = False
    pthread_mutex_lock(&commit.lock)
    while True:
        group = commit.filling
        status = stage(commit, writes, count, False, &operation, outcomes)
        if status == MERGE_FIRST:
            merge_aside(commit, writes, count, outcomes)
        elif status == WOULD_BLOCK:
            commit.room_waiters += 1
            pthread_cond_wait(&commit.room, &commit.lock)
            commit.room_waiters -= 1
        else:
            break
    if operation != NULL:
        operation.waiter = &waiter
        group.thread_waiters += 1
        while not waiter.settled:
            if commit.leading:
                pthread_cond_wait(&group.settled, &commit.lock)
            else:
                lead(commit)
        status = waiter.status
    pthread_mutex_unlock(&commit.lock)
    return status


cdef int commit_submit(
    Commit* commit, Write* writes, size_t count, ChannelState* channel, Outcome* outcomes,
) noexcept nogil:
    """Stage a batch of an event loop."""
    cdef int status
    pthread_mutex_lock(&commit.lock)
    status = submit(commit, writes, count, channel, outcomes)
    while status == MERGE_FIRST:
        merge_aside(commit, writes, count, outcomes)
        status = submit(commit, writes, count, channel, outcomes)
    pthread_mutex_unlock(&commit.lock)
    return status


cdef int commit_offer(
    Commit* commit, Write* writes, size_t count, ChannelState* channel, Outcome* outcomes,
) noexcept nogil:
    cdef int status
    pthread_mutex_lock(&commit.lock)
    status = submit(commit, writes, count, channel, outcomes)
    pthread_mutex_unlock(&commit.lock)
    return status


cdef bint commit_try_submit(
    Commit* commit, Write* writes, size_t count, ChannelState* channel, Outcome* outcomes, int* status,
) noexcept nogil:
    if not fluxdb_lock_soon(&commit.lock):
        return False
    status[0] = submit(commit, writes, count, channel, outcomes)
    pthread_mutex_unlock(&commit.lock)
    return status[0] != MERGE_FIRST


cdef int submit(
    Commit* commit, Write* writes, size_t count, ChannelState* channel, Outcome* outcomes,
) noexcept nogil:
    """With the lock held. OK: the batch is staged, or waits for what it rests on."""
    cdef Operation* operation
    cdef bint is_first = commit.filling.operation_count == 0
    cdef int status = stage(commit, writes, count, True, &operation, outcomes)
    if status == WOULD_BLOCK:
        channel.wants_room = True
    if operation == NULL:
        return status
    operation.channel = channel
    channel.submitted += 1
    if is_first and not commit.leading and not channel.leads:
        pthread_cond_signal(&commit.work)
    return OK


cdef bint commit_lead(Commit* commit, ChannelState* channel, uint64_t sync_ns_max) noexcept nogil:
    """Lead the group that fills, from the thread of a channel that leads; see commit/write_path.pxd."""
    cdef bint led = False
    pthread_mutex_lock(&commit.lock)
    if commit.filling.operation_count and not commit.leading:
        if commit.log.counters.sync_ns_last <= sync_ns_max:
            channel.muted = led = True
            lead(commit)
            channel.muted = False
        else:
            pthread_cond_signal(&commit.work)
    pthread_mutex_unlock(&commit.lock)
    return led
