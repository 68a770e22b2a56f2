"""The beginning and the end of a committer: its thread, its closing."""

from libc.stdlib cimport free

from fluxdb._core.base.platform cimport (
    fluxdb_cond_init, fluxdb_cond_wait_until, fluxdb_thread_start, pthread_cond_broadcast, pthread_cond_destroy,
    pthread_cond_signal, pthread_cond_wait, pthread_join, pthread_mutex_destroy, pthread_mutex_init,
    pthread_mutex_lock, pthread_mutex_unlock,
)
from fluxdb._core.commit.channel_state cimport channels_free
from fluxdb._core.commit.expiring cimport expire_deadline_ns, expire_due
from fluxdb._core.commit.group cimport group_free, group_init
from fluxdb._core.commit.maintenance cimport ENDED, chores_take_spare
from fluxdb._core.commit.write_path cimport lead
from fluxdb._core.documents.table cimport table_free, table_init
from fluxdb._core.events.watch cimport watch_free, watch_init
from fluxdb._core.log.segment cimport segment_discard

cdef extern from "<unistd.h>" nogil:
    int close(int descriptor) noexcept

cdef extern from "<sched.h>" nogil:
    int sched_yield() noexcept


cdef int commit_init(Commit* commit, State* state, uint64_t seed, size_t event_bytes_max) noexcept nogil:
    commit.state = commit.staging.state = state
    commit.filling = &commit.groups[0]
    pthread_mutex_init(&commit.lock, NULL)
    # The staged table asks with the documents' hashes, so it has their seed.
    if (table_init(&commit.staging.staged, 0, state.table.seed) != 0
            or watch_init(&commit.watch, event_bytes_max, seed) != 0):
        return -1
    return (
        group_init(&commit.groups[0]) | group_init(&commit.groups[1]) | fluxdb_cond_init(&commit.work)
        | fluxdb_cond_init(&commit.room) | fluxdb_cond_init(&commit.chore)
    )


cdef void commit_free(Commit* commit) noexcept nogil:
    free(commit.displaced_words)
    channels_free(&commit.channels)
    table_free(&commit.staging.staged, False)
    watch_free(&commit.watch, commit.state)
    group_free(&commit.groups[0])
    group_free(&commit.groups[1])
    pthread_cond_destroy(&commit.work)
    pthread_cond_destroy(&commit.room)
    pthread_cond_destroy(&commit.chore)
    pthread_mutex_destroy(&commit.lock)


cdef void* thread_main(void* argument) noexcept nogil:
    """The native thread: leads for event loops, which can't wait, and removes documents whose time is over."""
    cdef Commit* commit = <Commit*>argument
    cdef uint64_t deadline_ns
    pthread_mutex_lock(&commit.lock)
    while True:
        if expire_due(commit):
            # Writers go in between.
            pthread_mutex_unlock(&commit.lock)
            sched_yield()
            pthread_mutex_lock(&commit.lock)
        elif commit.filling.operation_count and not commit.leading:
            lead(commit)
        elif commit.closing and not commit.leading and commit.filling.operation_count == 0:
            break
        else:
            deadline_ns = expire_deadline_ns(commit)
            if deadline_ns:
                fluxdb_cond_wait_until(&commit.work, &commit.lock, deadline_ns)
            else:
                pthread_cond_wait(&commit.work, &commit.lock)
            commit.expiry_wake_ms = 0
    pthread_mutex_unlock(&commit.lock)
    return NULL


cdef int commit_start_thread(Commit* commit) noexcept nogil:
    cdef int error = 0
    pthread_mutex_lock(&commit.lock)
    if not commit.thread_running and not commit.closing:
        error = fluxdb_thread_start(&commit.thread, thread_main, commit)
        commit.thread_running = error == 0
    pthread_mutex_unlock(&commit.lock)
    return error


cdef void commit_close(Commit* commit) noexcept nogil:
    """Take no more writes, settle those that are staged, end the thread, close the descriptors."""
    pthread_mutex_lock(&commit.lock)
    if commit.closing:
        # Somebody else closes it: return when that is done, so that the folder can be opened again.
        while not commit.closed:
            pthread_cond_wait(&commit.room, &commit.lock)
        pthread_mutex_unlock(&commit.lock)
        return
    commit.closing = True
    pthread_cond_broadcast(&commit.room)
    pthread_cond_signal(&commit.work)
    while commit.leading or commit.filling.operation_count:
        if commit.leading:
            pthread_cond_wait(&commit.room, &commit.lock)
        else:
            lead(commit)
    pthread_mutex_unlock(&commit.lock)
    if commit.thread_running:
        pthread_join(commit.thread, NULL)
    pthread_mutex_lock(&commit.lock)
    commit.thread_running = False
    while commit.making_spare:      # by another thread, in the folder that is closed below
        pthread_cond_wait(&commit.room, &commit.lock)
    chores_take_spare(commit)
    if commit.log.spare >= 0:
        segment_discard(commit.log.directory, b"log.spare", commit.log.spare)
    commit.log.spare = -1
    close_descriptors(commit)
    commit.closed = True
    commit.chores |= ENDED
    pthread_cond_broadcast(&commit.chore)
    pthread_cond_broadcast(&commit.room)
    pthread_mutex_unlock(&commit.lock)
    pthread_mutex_lock(&commit.state.lock)
    commit.events_woken = True
    pthread_cond_broadcast(&commit.watch.arrived)
    pthread_mutex_unlock(&commit.state.lock)


cdef void close_descriptors(Commit* commit) noexcept nogil:
    close_one(&commit.log.descriptor)
    close_one(&commit.log.directory)
    close_one(&commit.log.spare)
    close_one(&commit.ready_spare)


cdef void close_one(int* descriptor) noexcept nogil:
    if descriptor[0] >= 0:
        close(descriptor[0])
    descriptor[0] = -1
