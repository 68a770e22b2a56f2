"""A batch of Python's operations, as writes."""

from libc.stddef cimport size_t

from fluxdb._core.commit.outcome cimport Outcome
from fluxdb._core.commit.write cimport Write
from fluxdb._core.commit.state cimport Commit

cdef class Batch:
    cdef Write* writes
    cdef Outcome* outcomes
    cdef size_t count
    cdef list operations        # kept alive: the writes point into their keys, texts and paths

    # Without the GIL: checks all of it; a Status.
    cdef int prepare(self, Commit* commit) noexcept nogil
    # Does one of them name a time to live?
    cdef bint names_ttl(self)
    # (revision, versions, sums), once it is committed.
    cdef tuple written(self, const Commit* commit)
    # The same of one that a channel has staged, or the exception for a rejection that is staged.
    cdef object staged(self, const Commit* commit)
    # The exception for a status that is one.
    cdef object exception(self, int status, const Commit* commit)
    cdef list conflicts(self)
