"""All peers of one event loop, or of one reactor, and whose the writes are that the committer has yet to settle."""

from libc.stddef cimport size_t
from libc.stdint cimport uint64_t

from fluxdb._core.commit.channel_state cimport ChannelState
from fluxdb._core.commit.outcome cimport Outcome
from fluxdb._core.commit.write cimport Write
from fluxdb._core.commit.state cimport Commit
from fluxdb._core.serve.state cimport Handed, Peer, Switchboard

cdef void switchboard_init(Switchboard* board, Commit* commit, ChannelState* channel) noexcept nogil
# No more writes are taken, and no large lines: before the channel is closed, when nobody serves the peers any more.
cdef void switchboard_end(Switchboard* board) noexcept nogil
# Called after switchboard_end, when all peers are closed.
cdef void switchboard_free(Switchboard* board) noexcept nogil
# The peer's batch, of one write mostly, whose reply is at the place of that number. As commit_submit, or NO_MEMORY.
# WOULD_BLOCK: the peer is noted by switchboard_collect when there is room, in its turn.
cdef int switchboard_submit(
    Switchboard* board, Peer* peer, uint64_t place, Write* writes, size_t count, Outcome* outcomes,
) noexcept nogil
# The same, but MERGE_FIRST is left to the caller, as by commit_offer.
cdef int switchboard_offer(
    Switchboard* board, Peer* peer, uint64_t place, Write* writes, size_t count, Outcome* outcomes,
) noexcept nogil
# Does anybody wait for room in the group?
cdef inline bint switchboard_waits(const Switchboard* board) noexcept nogil:
    return board.unserved.first != NULL or board.served.first != NULL
# Around the taking of requests: when they came, and how long those took that were answered at once.
cdef void switchboard_begin_turn(Switchboard* board) noexcept nogil
cdef void switchboard_end_turn(Switchboard* board) noexcept nogil
# Settles what became durable, and takes the large lines that are ready: the peers that may have something to send, or
# to read on, by next_noted, once each.
# The caller walks the list with switchboard_next, and may close the peers that it got by that.
cdef Peer* switchboard_collect(Switchboard* board) noexcept nogil
cdef Peer* switchboard_next(Peer** list) noexcept nogil
# The oldest request for Python, no longer the board's: free it. NULL: none.
cdef Handed* switchboard_take_handed(Switchboard* board) noexcept nogil
