"""The committer's other door: writes of an event loop, which must never wait."""

cimport cython
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memset

from fluxdb._core.base.platform cimport fluxdb_bell_silence, lock_beside_gil, pthread_mutex_lock, pthread_mutex_unlock
from fluxdb._core.commit.batch cimport Batch
from fluxdb._core.commit.boundary cimport outcome_exception, write_from_arguments, write_set_ttl
from fluxdb._core.commit.channel_state cimport (
    ChannelState, Collected, Failure, channel_add, channel_collect, channel_remove,
)
from fluxdb._core.commit.committer cimport Committer
from fluxdb._core.commit.lifecycle cimport commit_start_thread
from fluxdb._core.commit.outcome cimport MISSING, OK, UNKNOWN, WOULD_BLOCK, Outcome, is_rejection
from fluxdb._core.commit.write cimport Write, write_free, write_prepare
from fluxdb._core.commit.state cimport Commit
from fluxdb._core.commit.write_path cimport commit_submit, commit_try_submit

import os

from fluxdb.errors import ClosedError, StorageError

cdef enum:
    GIL_TEXT_BYTES_MAX = 16384      # shorter texts are read without giving the GIL up: it costs more than they do


# No part of any cycle; and the collector must not clear what it points to before its own end, which needs that.
@cython.no_gc
cdef class Channel:

    def __cinit__(self, Committer owner not None):
        cdef int error = 0
        owner.check_usable()
        self.owner = owner
        with nogil:
            error = commit_start_thread(&owner.commit)
        if error:
            raise StorageError(f"can't start the commit thread: {os.strerror(error)}")
        with nogil:
            pthread_mutex_lock(&owner.commit.lock)
            self.state = channel_add(&owner.commit.channels, &error)
            pthread_mutex_unlock(&owner.commit.lock)
        if self.state == NULL:
            raise StorageError(f"can't make the descriptor that wakes the loop: {os.strerror(error)}")

    def __dealloc__(self):
        self.close()

    @property
    def fd(self):
        return self.state.bell[0] if self.state != NULL else -1

    @property
    def outstanding(self):
        return self.state.submitted - self.state.collected if self.state != NULL else 0

    def submit(self, int kind, key, bytes text, int64_t if_version=-1, uint64_t ttl_ms=0, bint keep_ttl=False):
        cdef Commit* commit = &self.owner.commit
        cdef Write write
        cdef Outcome outcome
        cdef int status
        self.owner.check_usable()
        if self.state == NULL:
            raise ClosedError("the database is closed")
        write_from_arguments(&write, kind, key, text, if_version)
        if ttl_ms or keep_ttl:
            write_set_ttl(&write, ttl_ms, keep_ttl)
        memset(&outcome, 0, sizeof(Outcome))
        if write.text_bytes > GIL_TEXT_BYTES_MAX:
            with nogil:
                status = prepare(self, &write, &outcome)
                if status == OK:
                    status = commit_submit(commit, &write, 1, self.state, &outcome)
        else:
            status = prepare(self, &write, &outcome)
            if status == OK and not commit_try_submit(commit, &write, 1, self.state, &outcome, &status):
                with nogil:
                    status = commit_submit(commit, &write, 1, self.state, &outcome)
        write_free(&write)
        if status == OK and is_rejection(outcome.status):
            return outcome_exception(&outcome, &self.owner.commit, key)
        if status == OK:
            return (outcome.version, outcome.revision) if outcome.status != MISSING else None
        if status == WOULD_BLOCK:
            return False
        outcome.status = status
        raise outcome_exception(&outcome, &self.owner.commit, key)

    def submit_batch(self, operations not None):
        cdef Commit* commit = &self.owner.commit
        cdef Batch batch = Batch(operations, commit.limits.batch_operations_max)
        cdef int status
        self.owner.check_usable()
        if self.state == NULL:
            raise ClosedError("the database is closed")
        with nogil:
            status = batch.prepare(commit)
            if status == OK:
                status = commit_submit(commit, batch.writes, batch.count, self.state, batch.outcomes)
        if status == OK:
            return batch.staged(commit)
        if status == WOULD_BLOCK:
            return False
        raise batch.exception(status, commit)

    def collect(self):
        cdef Commit* commit = &self.owner.commit
        cdef Collected collected
        if self.state == NULL:
            return 0
        fluxdb_bell_silence(self.state.bell)
        lock_beside_gil(&commit.lock)
        channel_collect(self.state, &collected)
        pthread_mutex_unlock(&commit.lock)
        if collected.failures == NULL and collected.lost_end == 0:
            return collected.end - collected.first
        return self.outcomes(&collected)

    cdef object outcomes(self, const Collected* collected):
        """One item for each, None but where there is a failure; frees them."""
        cdef Failure* failure = collected.failures
        cdef Failure* next
        cdef Outcome lost
        cdef uint64_t sequence
        memset(&lost, 0, sizeof(Outcome))
        lost.status = UNKNOWN
        outcomes = [None] * <Py_ssize_t>(collected.end - collected.first)
        for sequence in range(collected.lost_begin, collected.lost_end):
            outcomes[sequence - collected.first] = outcome_exception(&lost, &self.owner.commit, None)
        while failure != NULL:
            if not is_rejection(failure.outcome.status):    # submit told that
                outcomes[failure.sequence - collected.first] = outcome_exception(
                    &failure.outcome, &self.owner.commit, None
                )
            next = failure.next
            free(failure)
            failure = next
        return outcomes

    def close(self):
        cdef ChannelState* state = self.state
        self.state = NULL
        if state == NULL or self.owner.abandoned:
            return
        with nogil:
            pthread_mutex_lock(&self.owner.commit.lock)
            channel_remove(&self.owner.commit.channels, state)
            pthread_mutex_unlock(&self.owner.commit.lock)


cdef inline int prepare(Channel channel, Write* write, Outcome* outcome) noexcept nogil:
    return write_prepare(write, &channel.owner.commit.limits, &channel.owner.documents.state, outcome)
