"""The removal of documents whose time is over: a separate kind of write, so that the log alone says when they went.

A write that meets such a document has its removal staged first (expire_written). The native thread stages those that
nobody met (expire_due), a few with each hold of the locks and a bounded number in a group, so writers wait for none.
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint64_t

from fluxdb._core.commit.group cimport Group
from fluxdb._core.commit.stage cimport Staging
from fluxdb._core.commit.state cimport Commit
from fluxdb._core.commit.write cimport Write

# All with the committer's lock held.

# After EXPIRE_FIRST: stages the removal of each document that one of these writes meets and whose time is over. OK,
# NO_MEMORY or USED_UP.
cdef int expire_written(Staging* staging, const Write* writes, size_t count, Group* group) noexcept nogil
# Stages the removal of some documents whose time is over. False: none is left, or the group has its share.
cdef bint expire_due(Commit* commit) noexcept nogil
# How long the native thread may wait, by fluxdb_now_ns; 0: for ever, no document expires. To be called right before it
# waits: expire_note wakes it when something is to be done earlier.
cdef uint64_t expire_deadline_ns(Commit* commit) noexcept nogil
# After a group, whose status that is.
cdef void expire_note(Commit* commit, int status) noexcept nogil
