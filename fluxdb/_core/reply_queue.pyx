"""The replies of one connection, in the order of its requests; reply_queue.pxd says how."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdlib cimport free, malloc
from libc.string cimport memmove, memset

from fluxdb._core.platform cimport fluxdb_now_ns, pthread_mutex_lock, pthread_mutex_unlock
from fluxdb._core.replies cimport bytes_put, bytes_shrink, reply_document
from fluxdb._core.table cimport RECORD_TOMBSTONE, Record, record_value, table_find, table_hash
from fluxdb._core.wire cimport WIRE_GET, WIRE_KINDS

import orjson

from fluxdb._core.complaints import WIRE_NAMES
from fluxdb.errors import VersionConflictError

cdef enum:
    HELD_SQUEEZED_BYTES = 16384     # so much in front is given back, where it is more than half


cdef class ReplyQueue:
    def __cinit__(self, *args, **settings):
        self.replies = {}

    def __dealloc__(self):
        free(self.held.data)
        free(self.output.data)
        free(self.places)

    def take(self):
        """The bytes that may be sent now; b'' for none."""
        if self.output.used == 0:
            return b""
        text = PyBytes_FromStringAndSize(<char*>self.output.data, <Py_ssize_t>self.output.used)
        self.output.used = 0
        bytes_shrink(&self.output)
        return text

    def reply(self, uint64_t ticket, bytes line not None):
        """The reply to a request that next_request() returned: lines with their newlines."""
        cdef size_t i
        cdef Place* place
        for i in range(self.place_count):
            place = &self.places[(self.first_place + i) & (self.place_slots - 1)]
            if place.kind == PLACE_PYTHON and place.sequence == ticket:
                self.replies[ticket] = line
                place.filled = True
                break
        self.release()

    def push(self, bytes line not None):
        """Lines that nobody asked for (events), behind all replies so far."""
        cdef Bytes* target = self.target()
        cdef size_t start = target.used
        self.written(bytes_put(target, PyBytes_AS_STRING(line), <size_t>PyBytes_GET_SIZE(line)), start)

    @property
    def held_bytes(self):
        """Of replies that wait for their turn."""
        return self.held.used

    # Replies that are known

    cdef int put_document(self, const uint8_t* key, size_t key_bytes, const Slice* id) except -1:
        cdef State* state = self.hub.state
        cdef uint64_t hash = table_hash(&state.table, key, key_bytes)
        cdef Bytes* target = self.target()
        cdef size_t start = target.used
        cdef Record* record
        cdef bint done
        pthread_mutex_lock(&state.lock)
        record = table_find(&state.table, key, key_bytes, hash)
        if record == NULL or record.flags & RECORD_TOMBSTONE:
            done = reply_document(target, NULL, 0, 0, id)
        else:
            done = reply_document(target, record_value(record), record.value_bytes, record.version, id)
        pthread_mutex_unlock(&state.lock)
        return self.written(done, start)

    cdef int put_error(self, code, message, const Slice* id) except -1:
        return self.put_error_members({"kind": "error", "code": code, "message": message}, id)

    cdef int put_error_members(self, members, const Slice* id) except -1:
        cdef Bytes* target = self.target()
        cdef size_t start = target.used
        cdef bytes line = orjson.dumps(members)
        cdef bint done = bytes_put(target, PyBytes_AS_STRING(line), <size_t>PyBytes_GET_SIZE(line) - 1)
        if done and id.bytes:
            done = bytes_put(target, b',"id":', 6) and bytes_put(target, id.data, id.bytes)
        return self.written(done and bytes_put(target, b"}\n", 2), start)

    cdef int put_exception(self, error, const Slice* id) except -1:
        members = {"kind": "error", "code": getattr(error, "code", "no_memory"), "message": str(error)}
        if isinstance(error, VersionConflictError):
            members["expected"] = error.expected
            members["actual"] = error.actual
        if getattr(error, "maybe_applied", False):
            members["maybe_applied"] = True
        return self.put_error_members(members, id)

    # The queue

    cdef Bytes* target(self) noexcept:
        """Where the next reply is written that is known at once."""
        return &self.held if self.place_count else &self.output

    cdef int written(self, bint done, size_t start) except -1:
        """Behind a reply that was written to target() from start on."""
        cdef Place* last
        if not done:
            raise MemoryError
        if self.place_count == 0:
            return 0
        last = &self.places[(self.first_place + self.place_count - 1) & (self.place_slots - 1)]
        if last.kind != PLACE_TEXT:
            last = self.add_place(PLACE_TEXT)
            last.start = self.held_base + start
        last.bytes = self.held_base + self.held.used - last.start
        return 0

    cdef Place* add_place(self, uint8_t kind) except NULL:
        cdef size_t slots, i
        cdef Place* larger
        cdef Place* place
        if self.place_count == self.place_slots:
            slots = self.place_slots * 2 if self.place_slots else 8
            larger = <Place*>malloc(slots * sizeof(Place))
            if larger == NULL:
                raise MemoryError
            for i in range(self.place_count):
                larger[i] = self.places[(self.first_place + i) & (self.place_slots - 1)]
            free(self.places)
            self.places = larger
            self.place_slots = slots
            self.first_place = 0
        place = &self.places[(self.first_place + self.place_count) & (self.place_slots - 1)]
        memset(place, 0, sizeof(Place))
        place.kind = kind
        self.place_count += 1
        return place

    cdef bint is_full(self) noexcept:
        """Is more waiting here than the client may leave unread?"""
        return self.output.used + self.held.used + self.place_count * sizeof(Place) > self.output_bytes_max

    cdef int release(self) except -1:
        """Let go what may go by now, in order."""
        cdef Place* place
        while self.place_count:
            place = &self.places[self.first_place]
            if place.kind == PLACE_WRITE and place.sequence >= self.hub.settled:
                break
            if place.kind == PLACE_PYTHON and not place.filled:
                break
            if self.output.used > self.output_bytes_max:
                self.choked = True
                break
            self.settle_place(place)
        if self.place_count == 0:
            self.held_base += self.held.used
            self.held.used = 0
        elif self.places[self.first_place].kind != PLACE_PYTHON:
            self.squeeze(self.places[self.first_place].start - self.held_base)
        return 0

    cdef int settle_place(self, Place* first) except -1:
        """Take the first place out of the queue, and put its reply out."""
        cdef Place place = first[0]
        cdef uint8_t* text = self.held.data + (place.start - self.held_base)
        cdef size_t queued = self.place_count - 1
        cdef Slice id
        id.data = text + place.bytes
        id.bytes = place.id_bytes
        self.first_place = (self.first_place + 1) & (self.place_slots - 1)
        self.place_count = 0        # so that the reply goes out, not to the end of the queue
        try:
            if place.kind == PLACE_GET:
                self.gets_of[place.key_mark] -= 1
                self.hub.answered[<size_t>WIRE_GET] += 1
                self.put_document(text, place.bytes, &id)
            elif place.kind == PLACE_PYTHON:
                line = self.replies.pop(place.sequence)
                if not bytes_put(&self.output, PyBytes_AS_STRING(line), <size_t>PyBytes_GET_SIZE(line)):
                    raise MemoryError
            else:
                error = None
                if place.kind == PLACE_WRITE:
                    self.writes_of[place.key_mark] -= 1
                    if self.hub.failed:
                        error = self.hub.failed.pop(place.sequence, None)
                    if error is None:
                        self.hub.answered[place.wire_kind] += 1
                        self.hub.count_write(self.hub.now - place.began)
                    else:
                        self.hub.refused[place.wire_kind] += 1
                if error is not None:
                    self.put_exception(error, &id)
                elif not bytes_put(&self.output, text, place.bytes):
                    raise MemoryError
        finally:
            self.place_count = queued
        return 0

    def squeeze(self, size_t gone):
        """Give back the room in front of what is held still."""
        if gone > HELD_SQUEEZED_BYTES and gone > self.held.used // 2:
            self.held.used -= gone
            memmove(self.held.data, self.held.data + gone, self.held.used)
            self.held_base += gone


cdef class Hub:
    def __cinit__(self, Channel channel not None):
        self.channel = channel
        self.state = &channel.owner.documents.state
        self.depth_max = channel.owner.commit.limits.depth_max
        self.writers = []
        self.waiting = []
        self.failed = {}

    @property
    def fd(self):
        return self.channel.fd

    def collect(self):
        """Settle what became durable; the connections that may have something to send, or to read on."""
        cdef list touched = []
        cdef ReplyQueue connection
        cdef uint64_t before = self.settled
        outcomes = self.channel.collect()
        self.now = fluxdb_now_ns()
        cdef size_t count = outcomes if isinstance(outcomes, int) else len(outcomes)
        cdef size_t i
        self.settled += count
        if not isinstance(outcomes, int):
            for i in range(count):
                if outcomes[i] is not None:
                    self.failed[before + i] = outcomes[i]
        for i in range(count):
            connection = self.writers[self.writers_at + i]
            if connection.closed:
                self.failed.pop(before + i, None)
            elif not connection.noted:
                connection.noted = True
                touched.append(connection)
        self.writers_at += count
        if self.writers_at > 1024 and self.writers_at * 2 > <size_t>len(self.writers):
            del self.writers[:self.writers_at]
            self.writers_at = 0
        for connection in self.waiting:
            if not connection.noted and not connection.closed:
                connection.noted = True
                touched.append(connection)
        self.waiting = []
        for connection in touched:
            connection.noted = False
            connection.release()
        return touched

    @property
    def counts(self):
        """By kind of request, "invalid" for what could not be read: how many were answered, how many refused."""
        cdef size_t i
        cdef dict counts = {}
        for i in range(<size_t>WIRE_KINDS):
            counts[WIRE_NAMES[i] or "invalid"] = (self.answered[i], self.refused[i])
        return counts

    @property
    def write_ns_histogram(self):
        """Those times, by their count of bits."""
        return [self.write_histogram[i] for i in range(40)]

    cdef int count_write(self, uint64_t ns) noexcept:
        cdef size_t bits = 0
        self.write_ns_total += ns
        while ns and bits < 39:
            ns >>= 1
            bits += 1
        self.write_histogram[bits] += 1
        return 0

    def count(self, str kind not None, bint refused):
        """One more request that Python answered."""
        cdef size_t i = WIRE_NAMES.index(kind)
        if refused:
            self.refused[i] += 1
        else:
            self.answered[i] += 1

    def close(self):
        self.channel.close()
