"""The beginning and the end of a committer: its thread, its closing."""

from libc.stddef cimport size_t
from libc.stdint cimport uint64_t

from fluxdb._core.commit.state cimport Commit
from fluxdb._core.documents.state cimport State

# 0, or -1 where there is no memory. Zeroed before; descriptors, limits and positions are the caller's to fill in.
cdef int commit_init(Commit* commit, State* state, uint64_t seed, size_t event_bytes_max) noexcept nogil
# Frees it; it must be closed.
cdef void commit_free(Commit* commit) noexcept nogil
# The native thread, which leads for event loops, which can't wait. 0 or an errno.
cdef int commit_start_thread(Commit* commit) noexcept nogil
# Takes no more writes, settles those that are staged, ends the thread, closes the descriptors.
cdef void commit_close(Commit* commit) noexcept nogil
# In a forked child: without a lock.
cdef void close_descriptors(Commit* commit) noexcept nogil
