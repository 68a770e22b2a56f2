"""What a committer needs done beside the write path."""

from fluxdb._core.platform cimport pthread_cond_signal, pthread_mutex_lock, pthread_mutex_unlock
from fluxdb._core.segment cimport SEGMENT_OK, segment_allocate

cdef extern from "<unistd.h>" nogil:
    int close(int descriptor) noexcept


cdef void chores_note(Commit* commit) noexcept nogil:
    commit.has_spare = commit.ready_spare >= 0 or commit.log.spare >= 0 or commit.making_spare
    if commit.log.end.offset <= commit.log.size // 2:
        commit.spare_refused = False
    elif not commit.has_spare and not commit.spare_refused:
        commit.chores |= SPARE
    if commit.checkpoint_log_bytes and chores_log_bytes(commit) >= commit.checkpoint_due_bytes:
        # Should it fail, the next one is due after as much log again.
        commit.checkpoint_due_bytes = chores_log_bytes(commit) + commit.checkpoint_log_bytes
        commit.chores |= CHECKPOINT
    if commit.chores:
        pthread_cond_signal(&commit.chore)


cdef void chores_take_spare(Commit* commit) noexcept nogil:
    if commit.log.spare < 0 and commit.ready_spare >= 0:
        commit.log.spare = commit.ready_spare
        commit.log.spare_size = commit.ready_spare_size
        commit.ready_spare = -1


cdef bint chores_prepare_spare(Commit* commit) noexcept nogil:
    cdef int descriptor = -1, error = 0
    cdef bint wanted
    pthread_mutex_lock(&commit.lock)
    wanted = not commit.has_spare and not commit.closing
    if wanted:
        commit.has_spare = commit.making_spare = True   # so that no second one is begun under the same name
    pthread_mutex_unlock(&commit.lock)
    if not wanted:
        return True
    if segment_allocate(
        commit.log.directory, b"log.spare", commit.log.segment_bytes, &descriptor, &error
    ) != SEGMENT_OK:
        descriptor = -1
    pthread_mutex_lock(&commit.lock)
    commit.making_spare = False
    commit.ready_spare = descriptor
    commit.ready_spare_size = commit.log.segment_bytes
    commit.has_spare = descriptor >= 0
    commit.spare_refused = descriptor < 0
    if commit.closed and descriptor >= 0:   # closed meanwhile: nobody else will
        close(descriptor)
        commit.ready_spare = -1
    pthread_mutex_unlock(&commit.lock)
    return descriptor >= 0


cdef uint64_t chores_log_bytes(const Commit* commit) noexcept nogil:
    return commit.checkpoint_base + commit.log.counters.bytes - commit.checkpoint_counter


cdef void chores_checkpointed(Commit* commit, const LogPosition* position) noexcept nogil:
    cdef const LogPosition* end
    cdef uint64_t bytes_since
    pthread_mutex_lock(&commit.state.lock)
    end = &commit.state.position        # what is applied: the log's own end is its leader's
    bytes_since = end.offset + (end.segment - position.segment) * commit.log.segment_bytes - position.offset
    pthread_mutex_unlock(&commit.state.lock)
    pthread_mutex_lock(&commit.lock)
    commit.checkpoint_base = bytes_since
    commit.checkpoint_counter = commit.log.counters.bytes
    commit.checkpoint_due_bytes = commit.checkpoint_log_bytes
    pthread_mutex_unlock(&commit.lock)
