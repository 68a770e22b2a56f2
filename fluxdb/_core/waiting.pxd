"""Who waits for room in the filling group, in line."""

from fluxdb._core.peer cimport Line, Peer


cdef inline void line_join(Line* line, Peer* peer) noexcept nogil:
    peer.waiting = True
    peer.next_waiting = NULL
    if line.first == NULL:
        line.first = peer
    else:
        line.last.next_waiting = peer
    line.last = peer


# From whatever place it has in that line; from another one: nothing happens.
cdef inline void line_leave(Line* line, Peer* peer) noexcept nogil:
    cdef Peer* before = NULL
    cdef Peer* at = line.first
    while at != NULL and at != peer:
        before = at
        at = at.next_waiting
    if at == NULL:
        return
    if before == NULL:
        line.first = peer.next_waiting
    else:
        before.next_waiting = peer.next_waiting
    if line.last == peer:
        line.last = before
    peer.waiting = False
