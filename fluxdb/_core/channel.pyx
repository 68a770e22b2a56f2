"""The committer's other door: writes of an event loop, which must never wait."""

cimport cython
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memset

from fluxdb._core.channels cimport ChannelState, Failure, channel_add, channel_remove
from fluxdb._core.commit cimport Committer
from fluxdb._core.edge cimport fill_request, outcome_exception
from fluxdb._core.outcome cimport MISSING, OK, WOULD_BLOCK, Outcome
from fluxdb._core.platform cimport fluxdb_bell_silence, pthread_mutex_lock, pthread_mutex_unlock
from fluxdb._core.stage cimport Request, request_free, request_prepare
from fluxdb._core.write_path cimport Commit, commit_submit

import os

from fluxdb.errors import ClosedError, StorageError

cdef enum:
    GIL_TEXT_BYTES_MAX = 16384      # shorter texts are staged without giving the GIL up: it costs more than they do


# No part of any cycle; and the collector must not clear what it points to before its own end, which needs that.
@cython.no_gc
cdef class Channel:

    def __cinit__(self, Committer owner not None):
        cdef int error = 0
        self.owner = owner
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

    def submit(self, int kind, key, bytes text, int64_t if_version=-1):
        cdef Request request
        cdef Outcome outcome
        cdef int status
        self.owner.check_usable()
        if self.state == NULL:
            raise ClosedError("the database is closed")
        fill_request(&request, kind, key, text, if_version)
        memset(&outcome, 0, sizeof(Outcome))
        if request.text_bytes > GIL_TEXT_BYTES_MAX:
            with nogil:
                status = submit_request(self, &request, &outcome)
        else:
            status = submit_request(self, &request, &outcome)
        if status == OK:
            return (outcome.version, outcome.revision) if outcome.status != MISSING else None
        if status == WOULD_BLOCK:
            return False
        raise outcome_exception(&outcome, &self.owner.commit, key)

    def collect(self):
        cdef Commit* commit = &self.owner.commit
        cdef uint64_t first, end
        cdef Failure* failures = NULL
        if self.state == NULL:
            return 0
        fluxdb_bell_silence(self.state.bell)
        pthread_mutex_lock(&commit.lock)
        first = self.state.collected
        end = self.state.collected = self.state.settled
        failures = self.state.first_failure
        self.state.first_failure = self.state.last_failure = NULL
        pthread_mutex_unlock(&commit.lock)
        return end - first if failures == NULL else self.outcomes(first, end, failures)

    cdef object outcomes(self, uint64_t first, uint64_t end, Failure* failures):
        """One item for each, None but where there is a failure; frees them."""
        cdef Failure* failure = failures
        cdef Failure* next
        outcomes = [None] * <Py_ssize_t>(end - first)
        while failure != NULL:
            if failure.outcome.status != MISSING:
                outcomes[failure.sequence - first] = outcome_exception(&failure.outcome, &self.owner.commit, None)
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


cdef int submit_request(Channel channel, Request* request, Outcome* outcome) noexcept nogil:
    cdef int status = request_prepare(request, &channel.owner.commit.limits, &channel.owner.documents.state, outcome)
    outcome.status = status
    if status == OK:
        status = commit_submit(&channel.owner.commit, request, channel.state, outcome)
    request_free(request)
    return status
