"""The peers that wait for room in the filling group, in order."""

from fluxdb._core.serve.state cimport Line, Peer


cdef inline void line_join(Line* line, Peer* peer) noexcept nogil:
    peer.waits_in = line
    peer.next_waiting = NULL
    peer.previous_waiting = line.last
    if line.first == NULL:
        line.first = peer
    else:
        line.last.next_waiting = peer
    line.last = peer


# Takes it out of the middle of its line too; does nothing for a peer that is in none.
cdef inline void line_leave(Peer* peer) noexcept nogil:
    cdef Line* line = peer.waits_in
    if line == NULL:
        return
    if peer.previous_waiting == NULL:
        line.first = peer.next_waiting
    else:
        peer.previous_waiting.next_waiting = peer.next_waiting
    if peer.next_waiting == NULL:
        line.last = peer.previous_waiting
    else:
        peer.next_waiting.previous_waiting = peer.previous_waiting
    peer.waits_in = NULL
