"""The requests of one client. serve/connection.pxd says how replies keep their order."""

from libc.stdlib cimport free
from libc.string cimport memchr, memmove, memset

from fluxdb._core.commit.outcome cimport CLOSED, KEY_TOO_LONG, MISSING, OK, WOULD_BLOCK, Outcome
from fluxdb._core.commit.stage cimport Write, write_free, write_prepare
from fluxdb._core.documents.table cimport table_hash
from fluxdb._core.serve.connection cimport (
    peer_add_place, peer_hand_over, peer_is_full, peer_place, peer_put_document, peer_release, peer_target,
    peer_written,
)
from fluxdb._core.serve.inflight cimport switchboard_submit
from fluxdb._core.serve.large_lines cimport LARGE_LINE_BYTES, LargeLine, fill_write, large_line_release, large_lines_add
from fluxdb._core.serve.refusals cimport FOREIGN_NONE, FOREIGN_OTHER, foreign_begin, has_method
from fluxdb._core.serve.replies cimport (
    Bytes, bytes_put, bytes_reserve, bytes_shrink, reply_nothing_deleted, reply_pong, reply_written,
)
from fluxdb._core.serve.slice cimport Slice
from fluxdb._core.serve.state cimport KEY_MARKS, PLACE_GET, PLACE_WRITE, Handed, Place, Switchboard
from fluxdb._core.serve.wire cimport (
    WIRE_AUTH, WIRE_DELETE, WIRE_EMPTY_KEY, WIRE_FOREIGN, WIRE_GET, WIRE_NONE, WIRE_OK, WIRE_PATCH, WIRE_PING,
    WIRE_SET, WIRE_SUBSCRIBE, WIRE_TOO_LONG, WIRE_UNAUTHENTICATED, WIRE_UNSUBSCRIBE, WireRequest, wire_parse,
    wire_scratch_bytes,
)

cdef enum:
    WRITTEN_BYTES_MAX = 128         # of a write's reply, without its id

cdef enum Step:
    BROKEN = -1             # no memory
    DONE = 0                # go on with the next line
    STALL = 1               # the line was not taken: come back to it when replies have gone
    HANDED = 2              # Python has to answer it
    AWAY = 3                # it is large, and no more in the input: what is behind it waits


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
    if peer.place_count and peer_release(peer) != 0:
        return TAKEN_BROKEN
    while not peer.ended and (peer.large != NULL or peer.input_at < peer.input.used):
        if peer_is_full(peer):
            peer.choked = True
            break
        if not peer.authenticated and peer.place_count:
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
    return take_parsed(peer, status, &wire, NULL)


cdef int take_parsed(Peer* peer, int status, const WireRequest* wire, LargeLine* large) noexcept nogil:
    if status != WIRE_OK:
        return complain(peer, status, wire)
    if not peer.authenticated and wire.kind != WIRE_AUTH and wire.kind != WIRE_PING:
        return complain(peer, WIRE_UNAUTHENTICATED, wire)
    if wire.key.data != NULL and wire.key.bytes == 0:
        return complain(peer, WIRE_EMPTY_KEY, wire)
    if wire.key.bytes > peer.board.commit.limits.key_bytes_max:
        return refuse_key(peer, wire)
    if wire.kind == WIRE_GET:
        return take_get(peer, wire)
    if wire.kind == WIRE_SET or wire.kind == WIRE_PATCH or wire.kind == WIRE_DELETE:
        return take_write(peer, wire, large)
    return take_other(peer, wire)


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
    step = take_parsed(peer, large.status, &large.wire, large)
    if step != STALL:
        peer.large = NULL
        large_line_release(&peer.board.large_lines, large)
    return step


cdef inline uint8_t key_mark(const Switchboard* board, const Slice* key) noexcept nogil:
    return <uint8_t>(table_hash(&board.commit.state.table, key.data, key.bytes) & (KEY_MARKS - 1))


cdef int take_get(Peer* peer, const WireRequest* wire) noexcept nogil:
    cdef uint8_t mark = key_mark(peer.board, &wire.key)
    cdef Place* place
    cdef size_t start = peer.held.used
    if not peer.writes_of[mark]:
        peer.board.answered[<size_t>WIRE_GET] += 1
        peer.board.turn_gets += 1
        return DONE if peer_put_document(peer, wire.key.data, wire.key.bytes, &wire.id) == 0 else BROKEN
    if not (bytes_put(&peer.held, wire.key.data, wire.key.bytes)
            and bytes_put(&peer.held, wire.id.data, wire.id.bytes)):
        return BROKEN
    place = peer_add_place(peer, PLACE_GET)
    if place == NULL:
        return BROKEN
    place.start = peer.held_base + start
    place.bytes = wire.key.bytes
    place.id_bytes = wire.id.bytes
    place.began = peer.board.now_ns
    place.key_mark = mark
    peer.gets_of[mark] += 1
    return DONE


cdef int take_write(Peer* peer, const WireRequest* wire, LargeLine* large) noexcept nogil:
    """large: where the write is prepared already; else NULL."""
    cdef Switchboard* board = peer.board
    cdef Write own
    cdef Write* write = &own if large == NULL else &large.write
    cdef Outcome outcome
    cdef Place* place
    cdef int status
    cdef uint8_t mark = key_mark(board, &wire.key)
    if peer.gets_of[mark] or peer.watching:
        return STALL
    memset(&outcome, 0, sizeof(Outcome))
    # The place first: behind the submit nothing may fail.
    place = peer_add_place(peer, PLACE_WRITE)
    if place == NULL:
        return BROKEN
    if not bytes_reserve(&peer.held, WRITTEN_BYTES_MAX + 2 * wire.id.bytes):
        peer.place_count -= 1
        return BROKEN
    if large == NULL:
        fill_write(wire, &own)
    if board.channel == NULL:
        outcome.status = CLOSED
    elif large == NULL:
        outcome.status = write_prepare(&own, &board.commit.limits, board.commit.state, &outcome)
    else:
        outcome = large.outcome
    status = outcome.status
    if status == OK:
        place.sequence = board.submitted
        status = switchboard_submit(board, peer, peer.first_place + peer.place_count - 1, write, &outcome)
    if large == NULL:
        write_free(&own)
    if status != OK:
        peer.place_count -= 1
        return STALL if status == WOULD_BLOCK else refuse_write(peer, wire, &outcome)
    place.wire_kind = <uint8_t>wire.kind
    place.began = board.now_ns
    place.start = peer.held_base + peer.held.used
    if outcome.status == MISSING:
        reply_nothing_deleted(&peer.held, &wire.id)
    else:
        reply_written(&peer.held, outcome.version, outcome.revision, &wire.id)
    place.bytes = peer.held_base + peer.held.used - place.start
    place.id_bytes = wire.id.bytes
    bytes_put(&peer.held, wire.id.data, wire.id.bytes)
    place.key_mark = mark
    peer.writes_of[mark] += 1
    return DONE


cdef int take_other(Peer* peer, const WireRequest* wire) noexcept nogil:
    """What is not the hot path. It sees the effects of what was before it, so that has to be over."""
    cdef Handed* handed
    cdef bint written
    cdef size_t start = peer.output.used
    if peer.place_count:
        return STALL
    if wire.kind == WIRE_PING:
        peer.board.answered[<size_t>WIRE_PING] += 1
        written = reply_pong(peer_target(peer), peer.authenticated, &wire.id)
        return DONE if peer_written(peer, written, start) == 0 else BROKEN
    handed = peer_hand_over(peer, &wire.id, &wire.key, &wire.password)
    if handed == NULL:
        return BROKEN
    handed.kind = wire.kind
    peer_place(peer, handed.ticket).wire_kind = <uint8_t>wire.kind
    peer.watching = wire.kind == WIRE_SUBSCRIBE or wire.kind == WIRE_UNSUBSCRIBE
    return HANDED


# ---- what is wrong: Python finds the words ----

cdef int complain(Peer* peer, int status, const WireRequest* wire) noexcept nogil:
    cdef Slice none
    cdef Handed* handed
    memset(&none, 0, sizeof(Slice))
    peer.board.refused[wire.kind if status == WIRE_UNAUTHENTICATED or status == WIRE_EMPTY_KEY else WIRE_NONE] += 1
    handed = peer_hand_over(peer, &wire.id, &none, &none)
    if handed == NULL:
        return BROKEN
    handed.kind = wire.kind
    handed.wire_status = status
    handed.detail = wire.detail
    handed.offset = wire.offset
    handed.member = wire.member
    return HANDED


cdef int refuse_key(Peer* peer, const WireRequest* wire) noexcept nogil:
    """One that is too long. It may be as long as a line, so it is not handed on."""
    cdef WireRequest without = wire[0]
    cdef Outcome outcome
    memset(&outcome, 0, sizeof(Outcome))
    memset(&without.key, 0, sizeof(Slice))
    outcome.status = KEY_TOO_LONG
    outcome.offset = wire.key.bytes
    return refuse_write(peer, &without, &outcome)


cdef int refuse_write(Peer* peer, const WireRequest* wire, const Outcome* outcome) noexcept nogil:
    cdef Slice none
    cdef Handed* handed
    memset(&none, 0, sizeof(Slice))
    peer.board.refused[wire.kind] += 1
    handed = peer_hand_over(peer, &wire.id, &wire.key, &none)
    if handed == NULL:
        return BROKEN
    handed.kind = wire.kind
    handed.outcome = outcome[0]
    return HANDED


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
    return complain(peer, WIRE_TOO_LONG, &wire)


cdef int refuse_foreign(Peer* peer, int foreign) noexcept nogil:
    cdef WireRequest wire
    memset(&wire, 0, sizeof(WireRequest))
    wire.detail = foreign
    peer.ended = True
    return complain(peer, WIRE_FOREIGN, &wire)
