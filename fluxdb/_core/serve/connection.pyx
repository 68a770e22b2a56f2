"""The replies of one client, in the order of its requests; serve/connection.pxd says how."""

from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memmove, memset

from fluxdb._core.base.durations cimport durations_count
from fluxdb._core.serve.large_lines cimport large_line_release
from fluxdb._core.serve.reads cimport read_document
from fluxdb._core.serve.replies cimport bytes_put, bytes_reserve, bytes_shrink
from fluxdb._core.serve.state cimport (
    ANY_KEY, PLACE_EVENT, PLACE_GET, PLACE_PYTHON, PLACE_TEXT, PLACE_WRITE, PlaceKind,
)
from fluxdb._core.serve.waiting cimport line_leave
from fluxdb._core.serve.wire cimport WIRE_GET, WIRE_SUBSCRIBE, WIRE_UNSUBSCRIBE

cdef enum:
    KEPT_PLACES = 64            # of a queue that is empty
    SQUEEZED_BYTES = 16384      # so much in front of a buffer is given back, where it is more than half


cdef Peer* peer_new(
    Switchboard* board, void* owner, size_t line_bytes_max, size_t output_bytes_max, bint authenticated,
) noexcept nogil:
    cdef Peer* peer = <Peer*>calloc(1, sizeof(Peer))
    if peer != NULL:
        peer.board = board
        peer.owner = owner
        peer.line_bytes_max = line_bytes_max
        peer.output_bytes_max = output_bytes_max
        peer.authenticated = authenticated
        peer.first_line = True
    return peer


cdef void peer_close(Peer* peer) noexcept nogil:
    cdef size_t i
    peer.closed = True
    peer.owner = NULL
    line_leave(peer)
    while peer.first_handed != NULL:
        peer.first_handed.peer = NULL
        peer_handed_taken(peer)
    for i in range(peer.place_count):
        free(peer_place(peer, peer.first_place + i).line)
    if peer.large != NULL:
        large_line_release(&peer.board.large_lines, peer.large)
        peer.large = NULL
    free(peer.input.data)
    free(peer.output.data)
    free(peer.held.data)
    free(peer.places)
    memset(&peer.input, 0, sizeof(Bytes))
    memset(&peer.output, 0, sizeof(Bytes))
    memset(&peer.held, 0, sizeof(Bytes))
    peer.places = NULL
    peer.place_count = peer.place_slots = 0
    if peer.unsettled == 0 and not peer.noted:
        free(peer)


# ---- replies that are known ----

cdef Bytes* peer_begin_reply(Peer* peer) noexcept nogil:
    cdef Bytes* target = &peer.held if peer.place_count else &peer.output
    peer.reply_start = target.used
    return target


cdef int peer_seal_reply(Peer* peer, bint written) noexcept nogil:
    if not written:
        return -1
    return 0 if peer.place_count == 0 else hold(peer, PLACE_TEXT, peer.reply_start)


cdef int hold(Peer* peer, PlaceKind kind, size_t start) noexcept nogil:
    """Give the text put into held a slot of that kind: the last one, or a new one."""
    cdef Place* last = peer_place(peer, peer.first_place + peer.place_count - 1) if peer.place_count else NULL
    if last == NULL or last.kind != kind:
        last = add_place(peer, kind)
        if last == NULL:
            return -1
        last.start = peer.held_base + start
        peer.event_places += kind == PLACE_EVENT
    last.bytes = peer.held_base + peer.held.used - last.start
    return 0


cdef int peer_push(Peer* peer, const void* line, size_t line_bytes) noexcept nogil:
    cdef size_t start = peer.held.used
    if peer_may_push(peer):
        return 0 if bytes_put(&peer.output, line, line_bytes) else -1
    return hold(peer, PLACE_EVENT, start) if bytes_put(&peer.held, line, line_bytes) else -1


cdef int peer_say(Peer* peer, const void* line, size_t line_bytes) noexcept nogil:
    return peer_seal_reply(peer, bytes_put(peer_begin_reply(peer), line, line_bytes))


cdef bint peer_may_push(const Peer* peer) noexcept nogil:
    cdef const Place* first
    if peer.place_count == 0:
        return True
    first = peer_place(peer, peer.first_place)
    return peer.event_places == 0 and first.kind == PLACE_PYTHON and not first.filled


# ---- the queue ----

cdef Place* add_place(Peer* peer, uint8_t kind) noexcept nogil:
    """A new place at the end of the queue."""
    cdef size_t slots = peer.place_slots * 2 if peer.place_slots else 8
    cdef uint64_t number
    cdef Place* larger
    cdef Place* place
    if peer.place_count == peer.place_slots:
        larger = <Place*>malloc(slots * sizeof(Place))
        if larger == NULL:
            return NULL
        for number in range(peer.first_place, peer.first_place + peer.place_count):
            larger[number & (slots - 1)] = peer_place(peer, number)[0]
        free(peer.places)
        peer.places = larger
        peer.place_slots = slots
    place = peer_place(peer, peer.first_place + peer.place_count)
    memset(place, 0, sizeof(Place))
    place.kind = kind
    peer.place_count += 1
    return place


# ---- requests whose replies wait ----

cdef bint peer_key_written(const Peer* peer, uint8_t key_mark) noexcept nogil:
    return peer.writes_of[key_mark] != 0 or peer.writes_of[ANY_KEY] != 0


cdef int peer_hold_get(
    Peer* peer, uint8_t key_mark, const Slice* key, const Slice* path, const Slice* id,
) noexcept nogil:
    cdef size_t start = peer.held.used
    cdef Place* place
    if not (bytes_put(&peer.held, key.data, key.bytes) and bytes_put(&peer.held, path.data, path.bytes)
            and bytes_put(&peer.held, id.data, id.bytes)):
        return -1
    place = add_place(peer, PLACE_GET)
    if place == NULL:
        return -1
    place.start = peer.held_base + start
    place.bytes = key.bytes
    place.path_bytes = path.bytes
    place.id_bytes = id.bytes
    place.began = peer.board.now_ns
    place.key_mark = key_mark
    peer.gets_of[key_mark] += 1
    peer.gets_of[ANY_KEY] += 1
    return 0


cdef bint peer_may_write(const Peer* peer, uint8_t key_mark) noexcept nogil:
    return peer.gets_of[key_mark] == 0 and not peer.watching


cdef int peer_begin_write(Peer* peer, size_t reply_bytes_max, uint64_t* number) noexcept nogil:
    cdef Place* place = add_place(peer, PLACE_WRITE)
    if place == NULL:
        return -1
    if not bytes_reserve(&peer.held, reply_bytes_max):
        peer.place_count -= 1
        return -1
    place.sequence = peer.board.submitted
    number[0] = peer.first_place + peer.place_count - 1
    peer.reply_start = peer.held.used
    return 0


cdef void peer_drop_write(Peer* peer) noexcept nogil:
    peer.place_count -= 1


cdef void peer_seal_write(
    Peer* peer, int wire_kind, uint8_t key_mark, bint rejected, const Slice* id,
) noexcept nogil:
    cdef Place* place = peer_place(peer, peer.first_place + peer.place_count - 1)
    place.wire_kind = <uint8_t>wire_kind
    place.began = peer.board.now_ns
    place.start = peer.held_base + peer.reply_start
    place.bytes = peer.held.used - peer.reply_start
    place.id_bytes = id.bytes
    bytes_put(&peer.held, id.data, id.bytes)
    place.key_mark = key_mark
    place.rejected = rejected
    peer.writes_of[key_mark] += 1


cdef void peer_seal_failing(
    Peer* peer, int wire_kind, uint8_t key_mark, const Slice* key, const Slice* path, int64_t index, const Slice* id,
) noexcept nogil:
    cdef Place* place = peer_place(peer, peer.first_place + peer.place_count - 1)
    bytes_put(&peer.held, key.data, key.bytes)
    bytes_put(&peer.held, path.data, path.bytes)
    peer_seal_write(peer, wire_kind, key_mark, False, id)
    place.bytes -= path.bytes
    place.path_bytes = path.bytes
    place.named = True
    place.index = index


cdef int peer_fail_write(
    Peer* peer, uint64_t number, Slice* id, Slice* key, Slice* path, int64_t* index,
) noexcept nogil:
    cdef Place* place = peer_place(peer, number)
    cdef uint8_t* text = peer.held.data + (place.start - peer.held_base)
    memset(key, 0, sizeof(Slice))
    memset(path, 0, sizeof(Slice))
    index[0] = -1
    if place.named:
        key.data, key.bytes = text, place.bytes
        path.data, path.bytes = text + place.bytes, place.path_bytes
        index[0] = place.index
    id.data = text + place.bytes + place.path_bytes
    id.bytes = place.id_bytes
    peer.writes_of[place.key_mark] -= 1
    place.kind = PLACE_PYTHON
    return place.wire_kind


# ---- what Python answers ----

cdef inline void copy_slice(Slice* to, const Slice* source, uint8_t** room) noexcept nogil:
    if source.data != NULL:
        memcpy(room[0], source.data, source.bytes)
        to.data = room[0]
        to.bytes = source.bytes
        room[0] += source.bytes


cdef inline void set_waiting(Peer* peer, uint64_t number, size_t waiting_bytes) noexcept nogil:
    cdef Place* place = peer_place(peer, number)
    peer.waiting_bytes += waiting_bytes - place.waiting_bytes
    place.waiting_bytes = waiting_bytes


cdef Handed* peer_hand_place(
    Peer* peer, uint64_t ticket, const Slice* id, const Slice* key, const Slice* password,
) noexcept nogil:
    cdef Switchboard* board = peer.board
    cdef Handed* handed = <Handed*>calloc(1, sizeof(Handed) + id.bytes + key.bytes + password.bytes + 1)
    cdef uint8_t* room = <uint8_t*>(handed + 1)
    if handed == NULL:
        return NULL
    set_waiting(peer, ticket, sizeof(Handed) + id.bytes + key.bytes + password.bytes)
    handed.peer = peer
    handed.ticket = ticket
    handed.index = -1
    copy_slice(&handed.id, id, &room)
    copy_slice(&handed.key, key, &room)
    copy_slice(&handed.password, password, &room)
    if board.first_handed == NULL:
        board.first_handed = handed
    else:
        board.last_handed.next = handed
    board.last_handed = handed
    if peer.first_handed == NULL:
        peer.first_handed = handed
    else:
        peer.last_handed.next_of_peer = handed
    peer.last_handed = handed
    return handed


cdef Handed* peer_hand_over(
    Peer* peer, int wire_kind, const Slice* id, const Slice* key, const Slice* password,
) noexcept nogil:
    cdef Place* place = add_place(peer, PLACE_PYTHON)
    cdef Handed* handed
    if place == NULL:
        return NULL
    handed = peer_hand_place(peer, peer.first_place + peer.place_count - 1, id, key, password)
    if handed != NULL:
        place.wire_kind = <uint8_t>wire_kind
        handed.kind = wire_kind
        peer.watching = peer.watching or wire_kind == WIRE_SUBSCRIBE or wire_kind == WIRE_UNSUBSCRIBE
    return handed


cdef int peer_reply(Peer* peer, uint64_t ticket, const void* line, size_t line_bytes) noexcept nogil:
    cdef Place* place
    if ticket < peer.first_place or ticket - peer.first_place >= peer.place_count:
        return 0
    place = peer_place(peer, ticket)
    if place.kind != PLACE_PYTHON or place.filled:
        return 0
    place.line = <uint8_t*>malloc(line_bytes + 1)
    if place.line == NULL:
        return -1
    memcpy(place.line, line, line_bytes)
    place.line_bytes = line_bytes
    place.filled = True
    if place.wire_kind == WIRE_SUBSCRIBE or place.wire_kind == WIRE_UNSUBSCRIBE:
        peer.watching = False
    set_waiting(peer, ticket, line_bytes)
    return peer_release(peer)


cdef bint peer_is_full(const Peer* peer) noexcept nogil:
    return peer_waiting_bytes(peer) + peer.place_count * sizeof(Place) > peer.output_bytes_max


cdef int peer_release(Peer* peer) noexcept nogil:
    cdef Place* place
    while peer.place_count:
        place = peer_place(peer, peer.first_place)
        if place.kind == PLACE_WRITE and place.sequence >= peer.board.settled:
            break
        if place.kind == PLACE_PYTHON and not place.filled:
            break
        if peer_unsent(peer) > peer.output_bytes_max:
            peer.choked = True
            break
        if settle_place(peer, place) != 0:
            return -1
        peer.first_place += 1
        peer.place_count -= 1
    if peer.place_count == 0:
        peer.held_base += peer.held.used
        peer.held.used = 0
        bytes_shrink(&peer.held)
        if peer.place_slots > KEPT_PLACES:
            free(peer.places)
            peer.places = NULL
            peer.place_slots = 0
    elif peer_place(peer, peer.first_place).kind != PLACE_PYTHON:
        squeeze(&peer.held, &peer.held_base, peer_place(peer, peer.first_place).start - peer.held_base)
    return 0


cdef int settle_place(Peer* peer, Place* place) noexcept nogil:
    """Put the reply of the first place out. -1: there is no memory, and all is as before."""
    cdef Switchboard* board = peer.board
    cdef uint8_t* text
    cdef Slice path
    cdef Slice id
    if place.kind == PLACE_PYTHON:
        if not bytes_put(&peer.output, place.line, place.line_bytes):
            return -1
        peer.waiting_bytes -= place.waiting_bytes
        free(place.line)
        place.line = NULL
        return 0
    text = peer.held.data + (place.start - peer.held_base)
    path.data = text + place.bytes
    path.bytes = place.path_bytes
    id.data = path.data + path.bytes
    id.bytes = place.id_bytes
    if place.kind == PLACE_GET:
        if not read_document(board.commit.state, &peer.output, text, place.bytes, &path, &id):
            return -1
        peer.gets_of[place.key_mark] -= 1
        peer.gets_of[ANY_KEY] -= 1
        board.answered[<size_t>WIRE_GET] += 1
        durations_count(&board.durations[<size_t>WIRE_GET], board.now_ns - place.began, 1)
        return 0
    if not bytes_put(&peer.output, text, place.bytes):
        return -1
    if place.kind == PLACE_EVENT:
        peer.event_places -= 1
    elif place.kind == PLACE_WRITE:
        peer.writes_of[place.key_mark] -= 1
        if place.rejected:
            board.refused[place.wire_kind] += 1
            return 0
        board.answered[place.wire_kind] += 1
        durations_count(&board.durations[place.wire_kind], board.now_ns - place.began, 1)
    return 0


cdef void squeeze(Bytes* bytes, size_t* base, size_t gone) noexcept nogil:
    """Give back the room in front of what is kept still."""
    if gone > SQUEEZED_BYTES and gone > bytes.used // 2:
        bytes.used -= gone
        memmove(bytes.data, bytes.data + gone, bytes.used)
        base[0] += gone


cdef void peer_sent(Peer* peer, size_t sent_bytes) noexcept nogil:
    cdef size_t base = 0
    peer.output_at += sent_bytes
    if peer.output_at == peer.output.used:
        peer.output.used = peer.output_at = 0
        bytes_shrink(&peer.output)
    else:
        squeeze(&peer.output, &base, peer.output_at)
        peer.output_at -= base
