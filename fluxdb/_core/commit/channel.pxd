"""The committer's other door; the connections of a server reach it in C."""

from fluxdb._core.commit.channel_state cimport ChannelState, Collected
from fluxdb._core.commit.committer cimport Committer

cdef class Channel:
    cdef Committer owner
    cdef ChannelState* state

    cdef object outcomes(self, const Collected* collected)
