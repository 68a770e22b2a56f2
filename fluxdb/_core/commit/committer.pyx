"""The committer as Python sees it: the write path in C, with exceptions for its outcomes."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memset, strdup

from fluxdb._core.base.keys cimport key_too_long, key_utf8
from fluxdb._core.base.platform cimport (
    fluxdb_cond_wait_until, fluxdb_noted_ns, fluxdb_now_ns, lock_beside_gil, pthread_cond_broadcast,
    pthread_mutex_lock, pthread_mutex_unlock,
)
from fluxdb._core.commit.appender cimport log_next_segment_bytes
from fluxdb._core.commit.batch cimport Batch
from fluxdb._core.commit.boundary cimport (
    displaced_words, failure_words, outcome_exception, write_from_arguments, write_set_ttl,
)
from fluxdb._core.commit.lifecycle cimport (
    close_descriptors, commit_close, commit_free, commit_init, commit_start_thread,
)
from fluxdb._core.commit.maintenance cimport (
    CHECKPOINT, ENDED, SPARE, chores_checkpoint_failed, chores_checkpointed, chores_log_bytes, chores_note_log_bytes,
    chores_prepare_spare, chores_set_displaced,
)
from fluxdb._core.commit.outcome cimport MISSING, OK, Outcome
from fluxdb._core.commit.write cimport Write, write_free, write_prepare
from fluxdb._core.commit.state cimport Commit
from fluxdb._core.commit.write_path cimport commit_write
from fluxdb._core.documents.documents cimport Documents
from fluxdb._core.documents.position cimport from_position
from fluxdb._core.documents.state cimport LogPosition
from fluxdb._core.events.watch cimport (
    Event, event_key, event_new, event_old, events_free, watch_add, watch_remove, watch_take,
)

import os

from fluxdb.errors import FORKED, ForkedError, StorageError

cdef enum:
    TAKEN_EVENTS_MAX = 256          # at once: an event loop does something else in between
    TAKEN_BYTES_MAX = 262144
    GIL_BYTES_MAX = 65536           # copied without letting others have the GIL meanwhile

CHORE_SPARE = SPARE
CHORE_CHECKPOINT = CHECKPOINT
CHORE_CLOSED = ENDED


# No part of any cycle; and the collector must not clear what it points to before its own end, which needs that.
@cython.no_gc
cdef class Committer:
    def __cinit__(
        self, Documents documents not None, *, int directory_fd, int segment_fd, bytes database_id not None, position,
        uint64_t segment_size, uint64_t segment_bytes, size_t group_bytes_max, size_t batch_operations_max,
        size_t batch_bytes_max, size_t key_bytes_max, size_t value_bytes_max, unsigned int depth_max,
        size_t page_documents_max, size_t page_bytes_max,
        size_t event_bytes_max, uint64_t checkpoint_log_bytes, uint64_t log_bytes_max, uint64_t log_bytes,
        bint segment_is_older=False,
    ):
        cdef Commit* commit = &self.commit
        cdef LogPosition* end = &commit.log.end
        memset(commit, 0, sizeof(Commit))
        self.documents = documents
        commit.log.descriptor = commit.log.directory = commit.log.spare = commit.ready_spare = -1
        from_position(position, end)
        if len(database_id) != 16:
            raise ValueError("a database id has 16 bytes")
        if position != documents.position:
            raise ValueError(f"the log ends at {position}, the documents stand at {documents.position}")
        if commit_init(commit, &documents.state, int.from_bytes(os.urandom(8), "little"), event_bytes_max) != 0:
            raise MemoryError
        memcpy(commit.log.database_id, <const uint8_t*>database_id, 16)
        commit.staging.revision = end.revision
        documents.state.revision = end.revision
        commit.log.size = segment_size
        commit.log.is_older = segment_is_older
        commit.log.written = end.offset
        commit.log.segment_bytes = segment_bytes
        commit.next_segment_bytes = log_next_segment_bytes(&commit.log, 0)
        commit.limits.group_bytes_max = group_bytes_max
        commit.limits.batch_operations_max = batch_operations_max
        commit.limits.batch_bytes_max = batch_bytes_max
        commit.limits.key_bytes_max = documents.key_bytes_max = key_bytes_max
        commit.limits.value_bytes_max = value_bytes_max
        commit.limits.depth_max = depth_max
        commit.limits.page_documents_max = page_documents_max
        commit.limits.page_bytes_max = page_bytes_max
        commit.checkpoint_log_bytes = commit.checkpoint_due_bytes = checkpoint_log_bytes
        commit.checkpoint_base = log_bytes
        commit.log_bytes_max = log_bytes_max
        chores_note_log_bytes(commit)
        commit.log.directory = directory_fd
        commit.log.descriptor = segment_fd
        self.ready = True
        if documents.expiring:
            self.start_thread()

    def __dealloc__(self):
        if self.ready and not self.abandoned:
            with nogil:
                commit_close(&self.commit)
                commit_free(&self.commit)

    def write(self, int kind, key, bytes text, int64_t if_version=-1, uint64_t ttl_ms=0, bint keep_ttl=False):
        cdef Write write
        cdef Outcome outcome
        cdef int status
        self.check_usable()
        write_from_arguments(&write, kind, key, text, if_version)
        if ttl_ms or keep_ttl:
            write_set_ttl(&write, ttl_ms, keep_ttl)
            self.start_thread()
        memset(&outcome, 0, sizeof(Outcome))
        with nogil:
            status = write_prepare(&write, &self.commit.limits, &self.documents.state, &outcome)
            if status == OK:
                status = commit_write(&self.commit, &write, 1, &outcome)
            write_free(&write)
        if status == OK:
            return (outcome.version, outcome.revision) if outcome.status != MISSING else None
        outcome.status = status
        raise outcome_exception(&outcome, &self.commit, key)

    def write_batch(self, operations not None):
        cdef Batch batch = Batch(operations, self.commit.limits.batch_operations_max)
        cdef int status
        self.check_usable()
        if batch.names_ttl():
            self.start_thread()
        with nogil:
            status = batch.prepare(&self.commit)
            if status == OK:
                status = commit_write(&self.commit, batch.writes, batch.count, batch.outcomes)
        if status == OK:
            return batch.written(&self.commit)
        raise batch.exception(status, &self.commit)

    # Watching

    def watch(self, key):
        cdef Py_ssize_t key_bytes = 0
        cdef const uint8_t* utf8 = key_utf8(key, &key_bytes)
        cdef uint64_t revision
        cdef int64_t watchers
        self.check_usable()
        if <size_t>key_bytes > self.commit.limits.key_bytes_max:
            raise key_too_long(<size_t>key_bytes, self.commit.limits.key_bytes_max)
        with nogil:
            pthread_mutex_lock(&self.documents.state.lock)
            watchers = watch_add(&self.commit.watch, utf8, <size_t>key_bytes)
            revision = self.documents.state.revision
            pthread_mutex_unlock(&self.documents.state.lock)
        if watchers < 0:
            raise MemoryError
        return revision

    def unwatch(self, key):
        cdef Py_ssize_t key_bytes = 0
        cdef const uint8_t* utf8 = key_utf8(key, &key_bytes)
        cdef Event* untold
        if self.abandoned:
            return
        with nogil:
            pthread_mutex_lock(&self.documents.state.lock)
            untold = watch_remove(&self.commit.watch, utf8, <size_t>key_bytes)
            pthread_mutex_unlock(&self.documents.state.lock)
            events_free(untold, &self.documents.state)

    def take_events(self):
        cdef Event* first
        cdef Event* event
        cdef bint lost, more
        cdef bint burst_over = True
        self.check_usable()
        lock_beside_gil(&self.documents.state.lock)
        first = watch_take(
            &self.commit.watch, TAKEN_EVENTS_MAX, TAKEN_BYTES_MAX, self.documents.state.applying, &burst_over,
        )
        more = self.commit.watch.first != NULL
        lost = self.commit.watch.overflowed and not more
        if lost:
            self.commit.watch.overflowed = False
        pthread_mutex_unlock(&self.documents.state.lock)
        events = []
        event = first
        try:
            while event != NULL:
                events.append(to_event(event))
                event = event.next
        finally:
            with nogil:
                events_free(first, &self.documents.state)
        return events, lost, burst_over, more

    def wait_for_events(self, double timeout_seconds):
        cdef uint64_t deadline = fluxdb_now_ns() + <uint64_t>(max(timeout_seconds, 0.0) * 1e9)
        cdef Commit* commit = &self.commit
        cdef bint arrived
        self.check_usable()
        with nogil:
            pthread_mutex_lock(&commit.state.lock)
            while (commit.watch.first == NULL and not commit.watch.overflowed and not commit.events_woken
                    and fluxdb_now_ns() < deadline):
                fluxdb_cond_wait_until(&commit.watch.arrived, &commit.state.lock, deadline)
            commit.events_woken = commit.closed     # a closed one never makes anybody wait again
            arrived = commit.watch.first != NULL or commit.watch.overflowed
            pthread_mutex_unlock(&commit.state.lock)
        return arrived

    # Chores

    def wait_for_chore(self, double timeout_seconds):
        cdef uint64_t deadline = fluxdb_now_ns() + <uint64_t>(max(timeout_seconds, 0.0) * 1e9)
        cdef Commit* commit = &self.commit
        cdef int chores
        self.check_usable()
        with nogil:
            pthread_mutex_lock(&commit.lock)
            while commit.chores == 0 and not commit.woken and fluxdb_now_ns() < deadline:
                fluxdb_cond_wait_until(&commit.chore, &commit.lock, deadline)
            chores = commit.chores
            commit.chores &= ENDED
            commit.woken = False
            pthread_mutex_unlock(&commit.lock)
        return chores

    def prepare_spare(self):
        cdef int error
        self.check_usable()
        with nogil:
            error = chores_prepare_spare(&self.commit)
        return error

    def checkpointed(self, uint64_t logged):
        self.check_usable()
        with nogil:
            chores_checkpointed(&self.commit, logged)

    def checkpoint_failed(self, int error):
        if error <= 0:
            raise ValueError(f"{error} is no errno")
        self.check_usable()
        with nogil:
            chores_checkpoint_failed(&self.commit, error)

    def set_displaced(self, words):
        cdef Commit* commit = &self.commit
        cdef bytes text = b"" if words is None else words.encode("utf-8", "replace")
        cdef char* kept = NULL
        self.check_usable()
        if words is not None:
            kept = strdup(<const char*>text)
            if kept == NULL:
                raise MemoryError
        free(commit.displaced_words)
        commit.displaced_words = kept
        with nogil:
            chores_set_displaced(commit, kept != NULL)

    def wake(self):
        cdef Commit* commit = &self.commit
        if self.abandoned:
            return
        with nogil:
            pthread_mutex_lock(&commit.lock)
            commit.woken = True
            pthread_cond_broadcast(&commit.chore)
            pthread_mutex_unlock(&commit.lock)
            pthread_mutex_lock(&commit.state.lock)
            commit.events_woken = True
            pthread_cond_broadcast(&commit.watch.arrived)
            pthread_mutex_unlock(&commit.state.lock)

    # State

    @property
    def log_bytes(self):
        return chores_log_bytes(&self.commit)

    @property
    def log_is_full(self):
        return bool(self.commit.log_is_full)

    @property
    def checkpoint_failure(self):
        cdef int error = self.commit.checkpoint_error
        return os.strerror(error) if error and self.commit.log_is_full else None

    @property
    def displaced(self):
        return None if self.commit.displaced_words == NULL else displaced_words(&self.commit)

    @property
    def poisoned(self):
        return failure_words(&self.commit)

    @property
    def writing_seconds(self):
        cdef uint64_t began_ns = fluxdb_noted_ns(&self.commit.log.began_ns)
        cdef uint64_t now_ns = fluxdb_now_ns()
        return (now_ns - began_ns) / 1e9 if 0 < began_ns < now_ns else 0.0

    @property
    def refusing(self):
        cdef Commit* commit = &self.commit
        cdef bint refusing
        self.check_usable()
        with nogil:
            pthread_mutex_lock(&commit.lock)
            refusing = commit.log.refusal != OK and commit.ready_spare < 0 and commit.log.spare < 0
            pthread_mutex_unlock(&commit.lock)
        return refusing

    @property
    def closed(self):
        return self.abandoned or self.commit.closing

    def stats(self):
        counters = &self.commit.log.counters
        return {
            "groups": counters.groups,
            "records": counters.records,
            "bytes": counters.bytes,
            "fsyncs": counters.syncs,
            "fsync_ns_total": counters.sync_ns_total,
            "fsync_ns_max": counters.sync_ns_max,
            "fsync_ns_last": counters.sync_ns_last,
            "rotations": counters.rotations,
            "segment": self.commit.log.end.segment,
            "events_dropped": self.commit.watch.dropped,
            "watched_keys": self.commit.watch.keys.used,
            "fsync_ns_histogram": [counters.sync_histogram[i] for i in range(40)],
            "group_records_histogram": [counters.group_histogram[i] for i in range(40)],
        }

    def close(self):
        if self.abandoned:
            return
        with nogil:
            commit_close(&self.commit)

    def abandon(self):
        self.abandoned = True
        self.commit.closing = True
        close_descriptors(&self.commit)

    cdef int start_thread(self) except -1:
        """The native thread, which removes documents whose time is over."""
        cdef int error = 0
        if self.commit.thread_running:
            return 0
        with nogil:
            error = commit_start_thread(&self.commit)
        if error:
            raise StorageError(f"can't start the commit thread: {os.strerror(error)}")
        return 0

    cdef int check_usable(self) except -1:
        if self.abandoned:
            raise ForkedError(FORKED)
        return 0


cdef object to_event(Event* event):
    return (
        event.kind,
        PyUnicode_DecodeUTF8(<const char*>event_key(event), <Py_ssize_t>event.key_bytes, NULL),
        to_bytes(event_old(event), event.old_bytes) if event.has_old else None,
        to_bytes(event_new(event), event.new_bytes) if event.has_new else None,
        event.version,
        event.revision,
        event.commit,
    )


cdef object to_bytes(const uint8_t* data, size_t data_bytes):
    cdef bytes copied = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>data_bytes)
    cdef char* target = PyBytes_AS_STRING(copied)
    if data_bytes < GIL_BYTES_MAX:
        memcpy(target, data, data_bytes)
    else:
        with nogil:
            memcpy(target, data, data_bytes)
    return copied
