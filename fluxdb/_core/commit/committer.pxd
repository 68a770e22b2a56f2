"""The committer as Python sees it; the channels reach the write path in C through it."""

from fluxdb._core.commit.state cimport Commit
from fluxdb._core.documents.documents cimport Documents

cdef class Committer:
    cdef Commit commit
    cdef Documents documents        # kept alive: the commit points into them
    cdef bint ready
    cdef bint abandoned             # in a forked child: the locks may be held by threads that are not here

    cdef int check_usable(self) except -1
    cdef int start_thread(self) except -1
