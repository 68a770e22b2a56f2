"""The lines of one client. serve/connection.pxd says how replies keep their order."""

from libc.stdlib cimport free
from libc.string cimport memchr, memmove, memset

from fluxdb._core.serve.commands cimport (
    AWAY, BROKEN, DONE, HANDED, STALL, command_complain, command_take,
)
from fluxdb._core.serve.connection cimport peer_is_full, peer_owes_nothing, peer_release
from fluxdb._core.serve.large_lines cimport LARGE_LINE_BYTES, LargeLine, large_line_release, large_lines_add
from fluxdb._core.serve.refusals cimport FOREIGN_NONE, FOREIGN_OTHER, foreign_begin, has_method
from fluxdb._core.serve.replies cimport Bytes, bytes_put, bytes_reserve, bytes_shrink
from fluxdb._core.serve.state cimport Switchboard
from fluxdb._core.serve.wire cimport WIRE_FOREIGN, WIRE_OK, WIRE_TOO_LONG, WireRequest, wire_parse, wire_scratch_bytes


cdef int requests_feed(Peer* peer, const uint8_t* data, size_t data_bytes) noexcept nogil:
    if peer.ended or peer.closed or data_bytes == 0:
        return 0
    if peer.input_at:
        peer.input.used -= peer.input_at
        memmove(peer.input.data, peer.input.data + peer.input_at, peer.input.used)
        peer.input_at = 0
    return 0 if bytes_put(&peer.input, data, data_bytes) else -1


cdef int requests_take(Peer* peer) noexcept nogil:
    cdef const uint8_t* line
    cdef const uint8_t* newline
    cdef size_t left
    cdef int step = DONE
    cdef int foreign
    peer.stalled = peer.choked = False
    if not peer_owes_nothing(peer) and peer_release(peer) != 0:
        return TAKEN_BROKEN
    while not peer.ended and (peer.large != NULL or peer.input_at < peer.input.used):
        if peer_is_full(peer):
            peer.choked = True
            break
        if not peer.authenticated and not peer_owes_nothing(peer):
            peer.stalled = True     # whether the password was right decides about what is behind it
            break
        if peer.large != NULL:
            step = take_large(peer)
            if step == DONE:
                continue
            peer.stalled = step == STALL
            break
        line = peer.input.data + peer.input_at
        left = peer.input.used - peer.input_at
        newline = <const uint8_t*>memchr(line + peer.scanned, c"\n", left - peer.scanned)
        if newline != NULL:
            left = <size_t>(newline - line)
        step = DONE
        if peer.skipping:
            peer.skipping = newline == NULL
        elif left > peer.line_bytes_max:
            peer.skipping = newline == NULL
            step = refuse_long_line(peer, line, left)
        elif newline == NULL:
            foreign = foreign_begin(line, left, False) if peer.first_line else FOREIGN_NONE
            if foreign != FOREIGN_NONE:
                step = refuse_foreign(peer, foreign)
            if step != HANDED:
                peer.scanned = left
                break
        else:
            step = take_line(peer, line, left)
            if step == STALL:
                peer.stalled = True
                break
            if step == AWAY:
                peer.first_line = False
                continue
            if not is_empty(line, left):    # an HTTP server would pass over empty lines, too, and look behind them
                peer.first_line = False
        if step == BROKEN:
            break
        peer.input_at += left + (newline != NULL)
        peer.scanned = 0
        if step == HANDED:
            break
    if step == BROKEN:
        return TAKEN_BROKEN
    if peer.ended or peer.input_at == peer.input.used:
        peer.input.used = peer.input_at = peer.scanned = 0
        bytes_shrink(&peer.input)
    return TAKEN_HANDED if step == HANDED else TAKEN_ALL


cdef inline bint is_empty(const uint8_t* line, size_t line_bytes) noexcept nogil:
    return line_bytes == 0 or (line_bytes == 1 and line[0] == c"\r")


cdef int take_line(Peer* peer, const uint8_t* line, size_t line_bytes) noexcept nogil:
    cdef Switchboard* board = peer.board
    cdef WireRequest wire
    cdef int status, foreign
    if is_empty(line, line_bytes):
        return DONE
    foreign = foreign_begin(line, line_bytes, True) if peer.first_line else FOREIGN_NONE
    if foreign != FOREIGN_NONE:
        return refuse_foreign(peer, foreign)
    if line[line_bytes - 1] == c"\r":
        line_bytes -= 1
    if line_bytes > LARGE_LINE_BYTES and hand_over_large(peer, line, line_bytes):
        return AWAY
    board.scratch.used = 0
    if not bytes_reserve(&board.scratch, wire_scratch_bytes(line_bytes)):
        return BROKEN
    status = wire_parse(line, line_bytes, board.commit.limits.depth_max, board.scratch.data, &wire)
    return command_take(peer, status, &wire, NULL)


cdef bint hand_over_large(Peer* peer, const uint8_t* line, size_t line_bytes) noexcept nogil:
    """Hand the line, and the buffer that it is in, to the thread for large lines; what is behind it moves to another
    buffer. False: that can't be done."""
    cdef const uint8_t* newline = <const uint8_t*>memchr(line + line_bytes, c"\n", 2)     # a "\r" may be before it
    cdef size_t behind = <size_t>(newline - peer.input.data) + 1
    cdef Bytes rest
    memset(&rest, 0, sizeof(Bytes))
    if not bytes_put(&rest, peer.input.data + behind, peer.input.used - behind):
        return False
    peer.large = large_lines_add(
        &peer.board.large_lines, peer, peer.input.data, <size_t>(line - peer.input.data), line_bytes
    )
    if peer.large == NULL:
        free(rest.data)
        return False
    peer.input = rest
    peer.input_at = peer.scanned = 0
    return True


cdef int take_large(Peer* peer) noexcept nogil:
    cdef LargeLine* large = peer.large
    cdef int step
    if not large.ready:
        return STALL
    if large.builds_index:      # the line that needs it is still in the input
        peer.index_failed = large.status != WIRE_OK
        peer.large = NULL
        large_line_release(&peer.board.large_lines, large)
        return DONE
    step = command_take(peer, large.status, &large.wire, large)
    if step != STALL:
        peer.large = NULL
        large_line_release(&peer.board.large_lines, large)
    return step


cdef int refuse_long_line(Peer* peer, const uint8_t* line, size_t line_bytes) noexcept nogil:
    """Judged by what has come in any case by now, however much more there is already."""
    cdef WireRequest wire
    cdef int foreign = FOREIGN_NONE
    line_bytes = min(line_bytes, peer.line_bytes_max)
    if peer.first_line:
        foreign = foreign_begin(line, line_bytes, False)
        if foreign == FOREIGN_NONE and has_method(line, line_bytes):
            foreign = FOREIGN_OTHER
    if foreign != FOREIGN_NONE:
        return refuse_foreign(peer, foreign)
    memset(&wire, 0, sizeof(WireRequest))
    wire.offset = peer.line_bytes_max
    wire.detail = peer.authenticated
    peer.first_line = False
    return command_complain(peer, WIRE_TOO_LONG, &wire)


cdef int refuse_foreign(Peer* peer, int foreign) noexcept nogil:
    cdef WireRequest wire
    memset(&wire, 0, sizeof(WireRequest))
    wire.detail = foreign
    peer.ended = True
    return command_complain(peer, WIRE_FOREIGN, &wire)
