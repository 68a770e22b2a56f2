"""Clients of an event loop: the protocol without its sockets, for a caller that brings bytes and takes replies."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stddef cimport size_t
from libc.stdint cimport SIZE_MAX, uint8_t, uint64_t
from libc.stdlib cimport free

from fluxdb._core.base.durations cimport DURATION_BITS, Durations
from fluxdb._core.base.platform cimport fluxdb_bell_silence
from fluxdb._core.serve.connection cimport peer_close, peer_new, peer_push, peer_reply, peer_sent, peer_unread_bytes
from fluxdb._core.serve.inflight cimport (
    switchboard_begin_turn, switchboard_collect, switchboard_end, switchboard_end_turn, switchboard_free,
    switchboard_init, switchboard_next, switchboard_take_handed,
)
from fluxdb._core.serve.refusals cimport error_line
from fluxdb._core.serve.requests cimport TAKEN_BROKEN, requests_feed, requests_take
from fluxdb._core.serve.state cimport Handed
from fluxdb._core.serve.wire cimport WIRE_DELETE, WIRE_GET, WIRE_KINDS, WIRE_OK, WIRE_PATCH, WIRE_SET

from fluxdb._core.serve.refusals import WIRE_NAMES


# No part of any cycle that the collector could free in one go: its peers point to it.
@cython.no_gc
cdef class Hub:
    def __cinit__(self, Channel channel not None):
        self.channel = channel
        switchboard_init(&self.board, &channel.owner.commit, channel.state)

    def __dealloc__(self):
        with nogil:
            switchboard_end(&self.board)
        switchboard_free(&self.board)

    @property
    def fd(self):
        return self.channel.fd

    def collect(self):
        """Settle what became durable; the connections that may have something to send, or to read on."""
        cdef list touched = []
        cdef Peer* peers
        cdef Peer* peer
        if self.board.channel != NULL:
            fluxdb_bell_silence(self.board.channel.bell)
        peers = switchboard_collect(&self.board)
        peer = switchboard_next(&peers)
        while peer != NULL:
            if peer.owner != NULL:
                touched.append(<object>peer.owner)
            peer = switchboard_next(&peers)
        answer_problems(&self.board)
        return touched

    @property
    def counts(self):
        return board_counts(&self.board)

    @property
    def durations(self):
        return board_durations(&self.board)

    def count(self, str kind not None, bint refused):
        board_count(&self.board, kind, refused)

    def close(self):
        with nogil:
            switchboard_end(&self.board)
        self.channel.close()


cdef dict board_counts(const Switchboard* board):
    cdef size_t i
    cdef dict counts = {}
    for i in range(<size_t>WIRE_KINDS):
        counts[WIRE_NAMES[i] or "invalid"] = (board.answered[i], board.refused[i])
    return counts


cdef dict board_durations(const Switchboard* board):
    cdef int i, bits
    cdef const Durations* durations
    cdef dict found = {}
    for i in (WIRE_GET, WIRE_SET, WIRE_DELETE, WIRE_PATCH):
        durations = &board.durations[i]
        found[WIRE_NAMES[i]] = (durations.ns_total, [durations.buckets[bits] for bits in range(DURATION_BITS)])
    return found


cdef int board_count(Switchboard* board, str kind, bint refused) except -1:
    cdef size_t i = 0 if kind == "invalid" else WIRE_NAMES.index(kind)
    if refused:
        board.refused[i] += 1
    else:
        board.answered[i] += 1
    return 0


cdef tuple request_of(const Handed* handed):
    """Requests for Python."""
    key = handed.key.data[:handed.key.bytes].decode() if handed.key.data != NULL else None
    password = handed.password.data[:handed.password.bytes] if handed.password.data != NULL else None
    id = handed.id.data[:handed.id.bytes] if handed.id.data != NULL else b""
    return handed.ticket, WIRE_NAMES[handed.kind], id, key, password


cdef bint is_problem(const Handed* handed) noexcept nogil:
    return handed.wire_status != WIRE_OK or handed.outcome.status != 0


cdef int answer_problems(Switchboard* board) except -1:
    """Nothing else is in the list: what became of writes that were refused when their group was settled."""
    cdef Handed* handed = switchboard_take_handed(board)
    while handed != NULL:
        try:
            if handed.peer != NULL:
                answer_problem(handed, board)
        finally:
            free(handed)
        handed = switchboard_take_handed(board)
    return 0


cdef int answer_problem(Handed* handed, Switchboard* board) except -1:
    cdef bytes line = error_line(handed, board.commit)
    if peer_reply(handed.peer, handed.ticket, PyBytes_AS_STRING(line), <size_t>PyBytes_GET_SIZE(line)) != 0:
        raise MemoryError
    return 0


cdef class Connection:
    def __cinit__(
        self, Hub hub not None, *, size_t line_bytes_max, bint authenticated, size_t output_bytes_max=SIZE_MAX,
    ):
        self.hub = hub
        self.peer = peer_new(&hub.board, <void*>self, line_bytes_max, output_bytes_max, authenticated)
        if self.peer == NULL:
            raise MemoryError

    def __dealloc__(self):
        if self.peer != NULL:
            peer_close(self.peer)

    # Calls of the transport

    def feed(self, const uint8_t[::1] data not None):
        if self.peer != NULL and data.shape[0]:
            if requests_feed(self.peer, &data[0], <size_t>data.shape[0]) != 0:
                raise MemoryError

    def next_request(self):
        cdef Handed* handed
        if self.peer == NULL:
            return None
        switchboard_begin_turn(&self.hub.board)
        while True:
            if self.peer.broken or requests_take(self.peer) == TAKEN_BROKEN:
                raise MemoryError
            switchboard_end_turn(&self.hub.board)
            handed = switchboard_take_handed(&self.hub.board)
            if handed == NULL:
                return None
            try:
                if not is_problem(handed):
                    return request_of(handed)
                if handed.peer != NULL:     # one that an error left here, of a client that went since
                    answer_problem(handed, &self.hub.board)
            finally:
                free(handed)

    def reply(self, uint64_t ticket, bytes line not None):
        if self.peer != NULL:
            if peer_reply(self.peer, ticket, PyBytes_AS_STRING(line), <size_t>PyBytes_GET_SIZE(line)) != 0:
                raise MemoryError

    def push(self, bytes line not None):
        if self.peer != NULL:
            if peer_push(self.peer, PyBytes_AS_STRING(line), <size_t>PyBytes_GET_SIZE(line)) != 0:
                raise MemoryError

    def take(self):
        cdef Peer* peer = self.peer
        if peer == NULL or peer.output.used == 0:
            return b""
        text = PyBytes_FromStringAndSize(<char*>peer.output.data, <Py_ssize_t>peer.output.used)
        peer_sent(peer, peer.output.used)
        return text

    def close(self):
        cdef Peer* peer = self.peer
        self.peer = NULL
        if peer != NULL:
            peer_close(peer)

    # State

    @property
    def authenticated(self):
        return self.peer != NULL and self.peer.authenticated

    @authenticated.setter
    def authenticated(self, bint authenticated):
        if self.peer != NULL:
            self.peer.authenticated = authenticated

    @property
    def line_bytes_max(self):
        return self.peer.line_bytes_max if self.peer != NULL else 0

    @line_bytes_max.setter
    def line_bytes_max(self, size_t line_bytes_max):
        if self.peer != NULL:
            self.peer.line_bytes_max = line_bytes_max

    @property
    def first_line(self):
        return self.peer != NULL and self.peer.first_line

    @property
    def stalled(self):
        return self.peer != NULL and self.peer.stalled

    @property
    def choked(self):
        return self.peer != NULL and self.peer.choked

    @property
    def ended(self):
        return self.peer != NULL and self.peer.ended

    @property
    def unread_bytes(self):
        return peer_unread_bytes(self.peer) if self.peer != NULL else 0

    @property
    def held_bytes(self):
        return self.peer.held.used + self.peer.waiting_bytes if self.peer != NULL else 0

    @property
    def pending(self):
        return self.peer.place_count if self.peer != NULL else 0

    @property
    def idle(self):
        return self.peer == NULL or (self.peer.place_count == 0 and self.unread_bytes == 0)
