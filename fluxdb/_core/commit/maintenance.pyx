"""A committer's maintenance besides the write path."""

from fluxdb._core.base.platform cimport (
    pthread_cond_broadcast, pthread_cond_signal, pthread_mutex_lock, pthread_mutex_unlock,
)
from fluxdb._core.commit.appender cimport log_next_segment_bytes
from fluxdb._core.commit.channel_state cimport channels_ring
from fluxdb._core.log.segment cimport segment_allocate


cdef void chores_note(Commit* commit) noexcept nogil:
    commit.has_spare = commit.ready_spare >= 0 or commit.log.spare >= 0 or commit.making_spare
    commit.next_segment_bytes = log_next_segment_bytes(&commit.log, 0)
    if commit.log.end.offset <= commit.log.size // 2:
        commit.spare_refused = False
    elif not commit.has_spare and not commit.spare_refused:
        commit.chores |= SPARE
    if commit.checkpoint_log_bytes and chores_log_bytes(commit) >= commit.checkpoint_due_bytes:
        # Should it fail, the next one is due after as much log again.
        commit.checkpoint_due_bytes = chores_log_bytes(commit) + commit.checkpoint_log_bytes
        commit.chores |= CHECKPOINT
    chores_note_log_bytes(commit)
    if commit.chores:
        pthread_cond_signal(&commit.chore)


cdef void chores_note_log_bytes(Commit* commit) noexcept nogil:
    cdef bint is_full = chores_log_bytes(commit) >= commit.log_bytes_max
    if is_full:
        commit.chores |= CHECKPOINT
        if not commit.log_is_full:
            commit.checkpoint_error = 0     # what became of an earlier one says nothing about the one to wait for
    commit.log_is_full = is_full


cdef void chores_take_spare(Commit* commit) noexcept nogil:
    if commit.log.spare < 0 and commit.ready_spare >= 0:
        commit.log.spare = commit.ready_spare
        commit.log.spare_size = commit.ready_spare_size
        commit.ready_spare = -1


cdef int chores_prepare_spare(Commit* commit) noexcept nogil:
    cdef int descriptor = -1, error = 0
    cdef bint wanted
    cdef uint64_t size
    pthread_mutex_lock(&commit.lock)
    size = commit.next_segment_bytes
    wanted = not commit.has_spare and not commit.closing
    if wanted:
        # No second one is begun under the same name, and commit_close waits: the folder stays open until this is over.
        commit.has_spare = commit.making_spare = True
    pthread_mutex_unlock(&commit.lock)
    if not wanted:
        return 0
    segment_allocate(commit.log.directory, b"log.spare", size, &descriptor, &error)
    pthread_mutex_lock(&commit.lock)
    commit.making_spare = False
    commit.ready_spare = descriptor
    commit.ready_spare_size = size
    commit.has_spare = descriptor >= 0
    commit.spare_refused = descriptor < 0
    if commit.closing:
        pthread_cond_broadcast(&commit.room)
    pthread_mutex_unlock(&commit.lock)
    return error if descriptor < 0 else 0


cdef uint64_t chores_log_bytes(const Commit* commit) noexcept nogil:
    return commit.checkpoint_base + commit.log.counters.bytes - commit.checkpoint_counter


cdef void chores_checkpointed(Commit* commit, uint64_t logged) noexcept nogil:
    pthread_mutex_lock(&commit.lock)
    commit.checkpoint_base = 0
    commit.checkpoint_counter = logged
    commit.checkpoint_due_bytes = commit.checkpoint_log_bytes
    commit.checkpoint_error = 0
    chores_note_log_bytes(commit)
    wake_writers(commit)
    pthread_mutex_unlock(&commit.lock)


cdef void chores_checkpoint_failed(Commit* commit, int error) noexcept nogil:
    pthread_mutex_lock(&commit.lock)
    commit.checkpoint_error = error
    wake_writers(commit)
    pthread_mutex_unlock(&commit.lock)


cdef void chores_set_displaced(Commit* commit, bint displaced) noexcept nogil:
    pthread_mutex_lock(&commit.lock)
    commit.displaced = displaced
    wake_writers(commit)
    pthread_mutex_unlock(&commit.lock)


cdef void wake_writers(Commit* commit) noexcept nogil:
    """Those that wait for room look again. With the lock held."""
    if commit.room_waiters:
        pthread_cond_broadcast(&commit.room)
    channels_ring(&commit.channels, False)
