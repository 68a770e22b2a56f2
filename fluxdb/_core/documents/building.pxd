"""Building the index of a state that is in use: writers go on meanwhile."""

from fluxdb._core.documents.state cimport State

# Returns when the state has an index: at once where it has one, after another thread's building where that is at it.
# 0, or -1 where there is no memory. Takes the locks; the caller holds none, nor the GIL.
cdef int index_build(State* state) noexcept nogil
