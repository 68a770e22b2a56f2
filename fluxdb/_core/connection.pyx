"""One client of a server, sans I/O: its requests, as they come. connection.pxd says how replies keep their order."""

from libc.stdint cimport SIZE_MAX
from libc.stdlib cimport free
from libc.string cimport memchr, memmove, memset

from fluxdb._core.complaints cimport complaint, is_foreign
from fluxdb._core.edge cimport outcome_exception
from fluxdb._core.frame cimport KIND_DELETE, KIND_PATCH, KIND_PATCH_REMOVE_NULLS, KIND_SET
from fluxdb._core.outcome cimport MISSING, OK, WOULD_BLOCK, Outcome
from fluxdb._core.platform cimport fluxdb_now_ns
from fluxdb._core.replies cimport (
    bytes_put, bytes_reserve, bytes_shrink, reply_nothing_deleted, reply_pong, reply_written,
)
from fluxdb._core.reply_queue cimport PLACE_GET, PLACE_PYTHON, PLACE_WRITE, Hub, Place, ReplyQueue
from fluxdb._core.stage cimport Request, request_free, request_prepare
from fluxdb._core.table cimport table_hash
from fluxdb._core.wire cimport (
    WIRE_AUTH, WIRE_DELETE, WIRE_GET, WIRE_OK, WIRE_PATCH, WIRE_PING, WIRE_SET, Slice, wire_parse, wire_scratch_bytes,
)
from fluxdb._core.write_path cimport Commit, commit_submit

from fluxdb._core.complaints import FOREIGN, WIRE_NAMES
from fluxdb.errors import ClosedError

cdef enum:
    WRITTEN_BYTES_MAX = 128         # of a write's reply, without its id

cdef enum Step:
    DONE = 0                # go on with the next line
    STALL = 1               # the line was not taken: come back to it when replies have gone
    HAND_OVER = 2           # Python has to answer it


cdef class Connection(ReplyQueue):
    def __cinit__(
        self, Hub hub not None, *, size_t line_bytes_max, bint authenticated, size_t output_bytes_max=SIZE_MAX,
    ):
        self.hub = hub
        self.line_bytes_max = line_bytes_max
        self.output_bytes_max = output_bytes_max
        self.authenticated = authenticated
        self.first_line = True

    def __dealloc__(self):
        free(self.input.data)
        free(self.scratch.data)

    # What the transport does

    def feed(self, const uint8_t[::1] data not None):
        """Bytes that arrived, in whatever pieces. Then call next_request() until it returns None, then take()."""
        if self.ended or self.closed or data.shape[0] == 0:
            return
        if self.input_at:
            self.input.used -= self.input_at
            memmove(self.input.data, self.input.data + self.input_at, self.input.used)
            self.input_at = 0
        if not bytes_put(&self.input, &data[0], <size_t>data.shape[0]):
            raise MemoryError

    def next_request(self):
        """Work through what was fed; the next request that Python has to answer, or None. Raises MemoryError."""
        cdef const uint8_t* line
        cdef const uint8_t* newline
        cdef size_t left
        cdef int step
        self.stalled = self.choked = False
        self.hub.now = fluxdb_now_ns()
        if self.place_count:
            self.release()
        while not self.ended and self.input_at < self.input.used:
            if self.is_full():
                self.choked = True
                break
            if not self.authenticated and self.place_count:
                self.stalled = True     # whether the password was right decides about what is behind it
                break
            line = self.input.data + self.input_at
            left = self.input.used - self.input_at
            newline = <const uint8_t*>memchr(line, c"\n", left)
            if newline != NULL:
                left = <size_t>(newline - line)
            if self.skipping:
                self.skipping = newline == NULL
            elif left > self.line_bytes_max:
                self.skipping = newline == NULL
                self.refuse_long_line(line[:16])
            elif newline == NULL:
                if self.first_line and is_foreign(line, left, False):
                    self.refuse_foreign()
                break
            else:
                step = self.take_line(line, left)
                if step == STALL:
                    self.stalled = True
                    break
                self.first_line = False
                if step == HAND_OVER:
                    self.input_at += left + 1
                    handed, self.handed = self.handed, None
                    return handed
            self.input_at += left + (newline != NULL)
        if self.ended or self.input_at == self.input.used:
            self.input.used = self.input_at = 0
            bytes_shrink(&self.input)
        bytes_shrink(&self.scratch)
        return None

    def close(self):
        """The connection is gone: what it has on its way settles without it."""
        self.closed = True
        self.input.used = self.input_at = 0

    @property
    def unread_bytes(self):
        """Fed, and not yet taken apart."""
        return self.input.used - self.input_at

    @property
    def pending(self):
        """Requests without their replies, and runs of replies behind them."""
        return self.place_count

    @property
    def idle(self):
        """Is there no request without its reply?"""
        return self.place_count == 0 and self.input_at == self.input.used

    # Requests

    cdef int take_line(self, const uint8_t* line, size_t line_bytes) except -1:
        cdef WireRequest wire
        cdef int status
        if line_bytes and line[line_bytes - 1] == c"\r":
            line_bytes -= 1
        if line_bytes == 0:
            return DONE
        if self.first_line and is_foreign(line, line_bytes, True):
            self.refuse_foreign()
            return DONE
        self.scratch.used = 0
        if not bytes_reserve(&self.scratch, wire_scratch_bytes(line_bytes)):
            raise MemoryError
        status = wire_parse(line, line_bytes, self.hub.depth_max, self.scratch.data, &wire)
        if status != WIRE_OK:
            return self.complain(status, &wire)
        if not self.authenticated and wire.kind != WIRE_AUTH and wire.kind != WIRE_PING:
            self.hub.refused[wire.kind] += 1
            self.put_error("auth", 'a password is needed first: {"kind":"auth","password":...}', &wire.id)
            return DONE
        if wire.key.data != NULL and wire.key.bytes == 0:
            self.hub.refused[wire.kind] += 1
            self.put_error("invalid_key", "a key can't be empty", &wire.id)
            return DONE
        if wire.kind == WIRE_GET:
            return self.take_get(&wire)
        if wire.kind == WIRE_SET or wire.kind == WIRE_PATCH or wire.kind == WIRE_DELETE:
            return self.take_write(&wire)
        return self.hand_over(&wire)

    cdef int take_get(self, const WireRequest* wire) except -1:
        cdef uint8_t mark = <uint8_t>table_hash(&self.hub.state.table, wire.key.data, wire.key.bytes)
        cdef Place* place
        cdef size_t start
        if not self.writes_of[mark]:
            self.hub.answered[<size_t>WIRE_GET] += 1
            return self.put_document(wire.key.data, wire.key.bytes, &wire.id)
        start = self.held.used
        if not (bytes_put(&self.held, wire.key.data, wire.key.bytes)
                and bytes_put(&self.held, wire.id.data, wire.id.bytes)):
            self.held.used = start
            raise MemoryError
        place = self.add_place(PLACE_GET)
        place.start = self.held_base + start
        place.bytes = wire.key.bytes
        place.id_bytes = wire.id.bytes
        place.key_mark = mark
        self.gets_of[mark] += 1
        return DONE

    cdef int take_write(self, WireRequest* wire) except -1:
        cdef Commit* commit = &self.hub.channel.owner.commit
        cdef Request request
        cdef Outcome outcome
        cdef Place* place
        cdef int status
        cdef uint8_t mark = <uint8_t>table_hash(&self.hub.state.table, wire.key.data, wire.key.bytes)
        if self.gets_of[mark]:
            return STALL
        if self.hub.channel.state == NULL:
            self.hub.refused[wire.kind] += 1
            self.put_exception(ClosedError("the database is closed"), &wire.id)
            return DONE
        memset(&request, 0, sizeof(Request))
        memset(&outcome, 0, sizeof(Outcome))
        request.kind = KIND_SET if wire.kind == WIRE_SET else KIND_DELETE
        if wire.kind == WIRE_PATCH:
            request.kind = KIND_PATCH_REMOVE_NULLS if wire.remove_nulls else KIND_PATCH
        request.key = wire.key.data
        request.key_bytes = wire.key.bytes
        request.text = wire.value.data
        request.text_bytes = wire.value.bytes
        request.is_canonical = True
        request.if_version = wire.if_version
        # The place first: behind the submit nothing may fail.
        place = self.add_place(PLACE_WRITE)
        if not bytes_reserve(&self.held, WRITTEN_BYTES_MAX + 2 * wire.id.bytes):
            self.place_count -= 1
            raise MemoryError
        self.hub.writers.append(self)
        status = request_prepare(&request, &commit.limits, self.hub.state, &outcome)
        outcome.status = status
        if status == OK:
            status = commit_submit(commit, &request, self.hub.channel.state, &outcome)
        request_free(&request)
        if status != OK:
            self.place_count -= 1
            self.hub.writers.pop()
            if status == WOULD_BLOCK:
                self.hub.waiting.append(self)
                return STALL
            self.hub.refused[wire.kind] += 1
            self.put_exception(outcome_exception(&outcome, commit, wire.key.data[:wire.key.bytes].decode()), &wire.id)
            return DONE
        place.wire_kind = <uint8_t>wire.kind
        place.began = self.hub.now
        place.sequence = self.hub.channel.state.submitted - 1
        place.start = self.held_base + self.held.used
        if outcome.status == MISSING:
            reply_nothing_deleted(&self.held, &wire.id)
        else:
            reply_written(&self.held, outcome.version, outcome.revision, &wire.id)
        place.bytes = self.held_base + self.held.used - place.start
        place.id_bytes = wire.id.bytes
        bytes_put(&self.held, wire.id.data, wire.id.bytes)
        place.key_mark = mark
        self.writes_of[mark] += 1
        return DONE

    cdef int hand_over(self, const WireRequest* wire) except -1:
        """What is not the hot path. It sees the effects of what was before it, so that has to be over."""
        cdef Place* place
        if self.place_count:
            return STALL
        if wire.kind == WIRE_PING:
            self.hub.answered[<size_t>WIRE_PING] += 1
            self.written(reply_pong(&self.output, &wire.id), self.output.used)
            return DONE
        key = None if wire.key.data == NULL else wire.key.data[:wire.key.bytes].decode()
        password = None if wire.password.data == NULL else wire.password.data[:wire.password.bytes]
        id = wire.id.data[:wire.id.bytes] if wire.id.data != NULL else b""
        place = self.add_place(PLACE_PYTHON)
        place.sequence = self.next_ticket
        self.handed = (self.next_ticket, WIRE_NAMES[wire.kind], id, key, password)
        self.next_ticket += 1
        return HAND_OVER

    # What is wrong

    cdef int complain(self, int status, const WireRequest* wire) except -1:
        self.hub.refused[0] += 1
        code, message = complaint(status, wire, self.hub.depth_max)
        self.put_error(code, message, &wire.id)
        return DONE

    def refuse_long_line(self, bytes beginning not None):
        cdef Slice none
        memset(&none, 0, sizeof(Slice))
        if self.first_line and beginning[:1].isupper():
            self.refuse_foreign()
            return
        self.hub.refused[0] += 1
        message = f"a line of more than {self.line_bytes_max} bytes (line_bytes_max); it was passed over"
        self.first_line = False
        self.put_error("too_large", message, &none)

    def refuse_foreign(self):
        cdef Slice none
        memset(&none, 0, sizeof(Slice))
        self.hub.refused[0] += 1
        self.put_error("invalid_request", FOREIGN, &none)
        self.ended = True
