"""The documents as Python sees them, over the state in C that the committer and the replay change."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_SET_ITEM
from libc.stdlib cimport calloc, free, malloc, qsort, realloc
from libc.string cimport memcpy, memset

from fluxdb._core.crc32c cimport fluxdb_crc32c
from fluxdb._core.keys cimport key_utf8
from fluxdb._core.platform cimport (
    pthread_mutex_destroy, pthread_mutex_init, pthread_mutex_lock, pthread_mutex_unlock,
)
from fluxdb._core.table cimport (
    RECORD_DEAD, RECORD_TOMBSTONE, Shard, fluxdb_hash, record_bytes, record_key, record_value, slot_record,
    table_find, table_find_revision, table_free, table_hash, table_init, table_put, table_remove, table_shard_of,
)

import os

from fluxdb.errors import ClosedError
from fluxdb.model import Position

cdef extern from "Python.h":
    object PyObject_CallOneArg(object callable, object argument)
    ctypedef object (*allocfunc)(PyTypeObject* kind, Py_ssize_t items)

cdef extern from *:
    """
    static inline PyObject *fluxdb_new_tuple(PyObject *type, Py_ssize_t items)
    {
        return ((PyTypeObject *)type)->tp_alloc((PyTypeObject *)type, items);
    }
    """
    object fluxdb_new_tuple(object kind, Py_ssize_t items)

cdef enum:
    PIN_BYTES_MIN = 65536   # larger values are copied without the lock
    PINS_MAX = 255


cdef extern from "<unistd.h>" nogil:
    int usleep(unsigned int microseconds) noexcept

cdef enum:
    APPLY_WAIT_US = 50


# ---- the state, with the lock held ----

cdef void state_lock_between_groups(State* state) noexcept nogil:
    pthread_mutex_lock(&state.lock)
    while state.applying:
        pthread_mutex_unlock(&state.lock)
        usleep(APPLY_WAIT_US)
        pthread_mutex_lock(&state.lock)


cdef uint64_t state_floor(State* state, const uint8_t* key, size_t key_bytes) noexcept nogil:
    if state.floors == NULL:
        return 0
    return state.floors[fluxdb_crc32c(0, key, key_bytes) & (FLOOR_BUCKETS - 1)]


cdef void state_release(State* state, Record* record, uint64_t hash) noexcept nogil:
    cdef ViewState* view = &state.view
    cdef Record** larger
    if view.open and record.revision <= view.revision and table_shard_of(&state.table, hash) >= view.next_shard:
        if view.kept_count == view.kept_capacity:
            view.kept_capacity = view.kept_capacity * 2 if view.kept_capacity else 256
            larger = <Record**>realloc(view.kept, view.kept_capacity * sizeof(Record*))
            if larger == NULL:
                view.failed = True
                view.kept_capacity = view.kept_count
            else:
                view.kept = larger
        if view.kept_count < view.kept_capacity:
            view.kept[view.kept_count] = record
            view.kept_count += 1
            return
    if record.pins:
        record.flags |= RECORD_DEAD
    else:
        free(record)


cdef int queue_reserve(TombstoneQueue* queue) noexcept nogil:
    cdef size_t capacity, i
    cdef Tombstone* ring
    if queue.count < queue.capacity:
        return 0
    capacity = queue.capacity * 2 if queue.capacity else 64
    ring = <Tombstone*>malloc(capacity * sizeof(Tombstone))
    if ring == NULL:
        return -1
    for i in range(queue.count):
        ring[i] = queue.ring[(queue.head + i) & (queue.capacity - 1)]
    free(queue.ring)
    queue.ring = ring
    queue.head = 0
    queue.capacity = capacity
    return 0


cdef inline void queue_push(TombstoneQueue* queue, uint64_t hash, uint64_t revision) noexcept nogil:
    cdef Tombstone* last = &queue.ring[(queue.head + queue.count) & (queue.capacity - 1)]
    last.hash = hash
    last.revision = revision
    queue.count += 1


cdef inline Record* tombstone_of(State* state, const Tombstone* entry) noexcept nogil:
    """The tombstone that the entry speaks of, NULL where its key was written again."""
    cdef Record* record = table_find_revision(&state.table, entry.hash, entry.revision)
    return record if record != NULL and record.flags & RECORD_TOMBSTONE else NULL


cdef void queue_sweep(State* state) noexcept nogil:
    """Drop the entries whose tombstones are gone: keys deleted and written again leave one each."""
    cdef TombstoneQueue* queue = &state.queue
    cdef size_t i, kept = 0
    cdef Tombstone entry
    for i in range(queue.count):
        entry = queue.ring[(queue.head + i) & (queue.capacity - 1)]
        if tombstone_of(state, &entry) != NULL:
            queue.ring[(queue.head + kept) & (queue.capacity - 1)] = entry
            kept += 1
    queue.count = kept


cdef int forget_oldest(State* state) noexcept nogil:
    """Bring the tombstones back to their bound; what they knew of versions goes into the floors."""
    cdef TombstoneQueue* queue = &state.queue
    cdef Tombstone entry
    cdef Record* record
    cdef uint64_t* floor
    if state.tombstones > state.tombstones_max and state.floors == NULL:
        state.floors = <uint64_t*>calloc(FLOOR_BUCKETS, sizeof(uint64_t))
        if state.floors == NULL:
            return 0        # remembered one by one for longer; tried again at the next delete
    while state.tombstones > state.tombstones_max and queue.count:
        entry = queue.ring[queue.head]
        queue.head = (queue.head + 1) & (queue.capacity - 1)
        queue.count -= 1
        record = tombstone_of(state, &entry)
        if record == NULL:
            continue
        floor = &state.floors[fluxdb_crc32c(0, record_key(record), record.key_bytes) & (FLOOR_BUCKETS - 1)]
        if record.version > floor[0]:
            floor[0] = record.version
        table_remove(&state.table, record_key(record), record.key_bytes, entry.hash)
        state.tombstones -= 1
        state_release(state, record, entry.hash)
    if queue.count > 2 * state.tombstones_max + 1024:
        queue_sweep(state)
    return 0


cdef inline void count_record(State* state, const Record* record, int sign) noexcept nogil:
    if record.flags & RECORD_TOMBSTONE:
        state.tombstones += sign
    else:
        state.live += sign
        state.data_bytes += sign * <int64_t>(record.key_bytes + <size_t>record.value_bytes)


cdef int state_apply(State* state, Record* record, uint64_t hash, Record** replaced) noexcept nogil:
    if record.flags & RECORD_TOMBSTONE and queue_reserve(&state.queue) != 0:
        return -1
    if table_put(&state.table, record, hash, replaced) != 0:
        return -1
    if replaced[0] != NULL:
        count_record(state, replaced[0], -1)
    count_record(state, record, 1)
    if record.flags & RECORD_TOMBSTONE:
        queue_push(&state.queue, hash, record.revision)
        forget_oldest(state)
    return 0


cdef int by_revision(const void* left, const void* right) noexcept nogil:
    cdef uint64_t a = (<const Tombstone*>left).revision
    cdef uint64_t b = (<const Tombstone*>right).revision
    return (a > b) - (a < b)


cdef int load_records(State* state, const uint8_t* at, size_t left, size_t* records) noexcept nogil:
    """Put each record of a snapshot block into the table. 0, or the number of the complaint."""
    cdef Record head
    cdef Record* record
    cdef Record* replaced = NULL
    cdef uint64_t hash
    records[0] = 0
    while left:
        if left < sizeof(Record):
            return 1
        memcpy(&head, at, sizeof(Record))
        if left < record_bytes(&head) or head.key_bytes == 0 or head.pins or head.flags & ~RECORD_TOMBSTONE:
            return 1
        if head.version == 0 or head.revision == 0 or head.revision > state.position.revision:
            return 2
        record = <Record*>malloc(record_bytes(&head))
        if record == NULL:
            return 3
        memcpy(record, at, record_bytes(&head))
        hash = table_hash(&state.table, record_key(record), record.key_bytes)
        if record.flags & RECORD_TOMBSTONE and queue_reserve(&state.queue) != 0:
            free(record)
            return 3
        if table_put(&state.table, record, hash, &replaced) != 0:
            free(record)
            return 3
        if replaced != NULL:
            free(replaced)
            return 4
        count_record(state, record, 1)
        if record.flags & RECORD_TOMBSTONE:
            queue_push(&state.queue, hash, record.revision)
        at += record_bytes(&head)
        left -= record_bytes(&head)
        records[0] += 1
    return 0


LOAD_COMPLAINTS = (None, "its records don't parse", "a record has an impossible version or revision", "no memory",
                   "a key is there twice")


# ---- for Python ----

cdef class Documents:
    def __cinit__(self, *, size_t tombstones_max=65536):
        memset(&self.state, 0, sizeof(State))
        pthread_mutex_init(&self.state.lock, NULL)
        self.state.tombstones_max = tombstones_max
        if table_init(&self.state.table, SHARD_BITS, int.from_bytes(os.urandom(8), "little")) != 0:
            raise MemoryError

    def __dealloc__(self):
        with nogil:
            table_free(&self.state.table, True)
            free(self.state.queue.ring)
            free(self.state.floors)
            free_kept(&self.state.view)
        pthread_mutex_destroy(&self.state.lock)

    def __len__(self):
        return self.state.live

    @property
    def tombstones(self):
        return self.state.tombstones

    @property
    def data_bytes(self):
        return self.state.data_bytes

    @property
    def position(self):
        cdef LogPosition position
        with nogil:
            pthread_mutex_lock(&self.state.lock)
            position = self.state.position
            pthread_mutex_unlock(&self.state.lock)
        return to_position(&position)

    def get(self, key):
        cdef uint64_t version = 0
        text = find_text(&self.state, key, &version)
        return None if text is None else (text, version)

    def digest(self):
        """Two 64-bit hashes a record, summed: the order in which the table holds them does not count."""
        cdef uint64_t first = 0, second = 0
        with nogil:
            state_lock_between_groups(&self.state)
            digest_state(&self.state, &first, &second)
            pthread_mutex_unlock(&self.state.lock)
        return f"{first:016x}{second:016x}"

    def begin(self, position, bytes floors not None):
        if self.state.table.used or self.state.position.offset:
            raise RuntimeError("documents are there already")
        if floors and len(floors) != FLOOR_BUCKETS * sizeof(uint64_t):
            raise ValueError(f"{len(floors)} bytes of floors, not {FLOOR_BUCKETS * sizeof(uint64_t)}")
        if floors:
            self.state.floors = <uint64_t*>malloc(FLOOR_BUCKETS * sizeof(uint64_t))
            if self.state.floors == NULL:
                raise MemoryError
            memcpy(self.state.floors, PyBytes_AS_STRING(floors), FLOOR_BUCKETS * sizeof(uint64_t))
        from_position(position, &self.state.position)
        self.state.revision = self.state.position.revision

    def load_block(self, const uint8_t[::1] payload):
        cdef size_t records = 0
        cdef int complaint
        if payload.shape[0] == 0:
            return 0
        with nogil:
            pthread_mutex_lock(&self.state.lock)
            complaint = load_records(&self.state, &payload[0], <size_t>payload.shape[0], &records)
            pthread_mutex_unlock(&self.state.lock)
        if complaint == 3:
            raise MemoryError
        if complaint:
            raise ValueError(LOAD_COMPLAINTS[complaint])
        return records

    def loaded(self):
        with nogil:
            pthread_mutex_lock(&self.state.lock)
            if self.state.queue.count:  # head is 0: nothing was taken out yet
                qsort(self.state.queue.ring, self.state.queue.count, sizeof(Tombstone), by_revision)
            forget_oldest(&self.state)
            pthread_mutex_unlock(&self.state.lock)

    def open_view(self):
        return View(self)


def pack_record(key, bytes text, uint64_t version, uint64_t revision):
    """A record as it lies in a snapshot block; text None: a tombstone."""
    cdef Record head
    cdef Py_ssize_t key_bytes = 0
    cdef const uint8_t* utf8 = key_utf8(key, &key_bytes)
    if key_bytes > 65535 or (text is not None and len(text) > 0xFFFFFFFF):
        raise ValueError("too long for a record")
    memset(&head, 0, sizeof(Record))
    head.revision = revision
    head.version = version
    head.key_bytes = <unsigned short>key_bytes
    head.value_bytes = <uint32_t>len(text) if text is not None else 0
    head.flags = 0 if text is not None else RECORD_TOMBSTONE
    return (<const uint8_t*>&head)[:sizeof(Record)] + utf8[:key_bytes] + (text or b"")


def read_records(const uint8_t[::1] payload not None):
    """(key, text or None, version, revision) of each record of a snapshot block. Raises ValueError."""
    cdef Record head
    cdef size_t left = <size_t>payload.shape[0]
    cdef const uint8_t* at = &payload[0] if left else NULL
    records = []
    while left:
        if left >= sizeof(Record):
            memcpy(&head, at, sizeof(Record))
        if left < sizeof(Record) or left < record_bytes(&head):
            raise ValueError(LOAD_COMPLAINTS[1])
        key = at[sizeof(Record):sizeof(Record) + head.key_bytes].decode("utf-8", "backslashreplace")
        text = at[sizeof(Record) + head.key_bytes:record_bytes(&head)]
        records.append((key, None if head.flags & RECORD_TOMBSTONE else text, head.version, head.revision))
        at += record_bytes(&head)
        left -= record_bytes(&head)
    return records


cdef object to_position(const LogPosition* position):
    return Position(position.revision, position.group, position.segment, position.offset, position.chain)


cdef int from_position(object source, LogPosition* position) except -1:
    position.revision, position.group, position.segment, position.offset, position.chain = source
    return 0


cdef void digest_state(State* state, uint64_t* first, uint64_t* second) noexcept nogil:
    cdef size_t i
    cdef uint32_t at
    cdef Shard* shard
    cdef Record* record
    cdef uint64_t seed
    for i in range(<size_t>1 << SHARD_BITS):
        shard = &state.table.shards[i]
        if shard.slots == NULL:
            continue
        for at in range(shard.mask + 1):
            record = slot_record(shard.slots[at])
            if record == NULL:
                continue
            # Key and value lie side by side: the key's length in the seed says where one ends.
            seed = fluxdb_hash(record, 16, record.flags & RECORD_TOMBSTONE) ^ record.key_bytes
            first[0] += fluxdb_hash(record_key(record), record.key_bytes + <size_t>record.value_bytes, seed)
            second[0] += fluxdb_hash(record_key(record), record.key_bytes + <size_t>record.value_bytes, ~seed)
    if state.floors != NULL:
        first[0] += fluxdb_hash(state.floors, FLOOR_BUCKETS * sizeof(uint64_t), 1)
        second[0] += fluxdb_hash(state.floors, FLOOR_BUCKETS * sizeof(uint64_t), 2)
    first[0] += fluxdb_hash(&state.position.revision, sizeof(uint64_t), 3)
    second[0] += fluxdb_hash(&state.position.revision, sizeof(uint64_t), 4)


cdef object find_text(State* state, object key, uint64_t* version):
    """The key's value as new bytes, or None."""
    cdef Py_ssize_t key_bytes = 0
    cdef const uint8_t* utf8 = key_utf8(key, &key_bytes)
    cdef uint64_t hash = table_hash(&state.table, utf8, <size_t>key_bytes)
    cdef Record* record
    cdef bint pinned
    pthread_mutex_lock(&state.lock)  # held for moments by threads that never wait for the GIL
    record = table_find(&state.table, utf8, <size_t>key_bytes, hash)
    if record == NULL or record.flags & RECORD_TOMBSTONE:
        pthread_mutex_unlock(&state.lock)
        return None
    version[0] = record.version
    pinned = record.value_bytes >= PIN_BYTES_MIN and record.pins < PINS_MAX
    if not pinned:
        try:
            return PyBytes_FromStringAndSize(<char*>record_value(record), record.value_bytes)
        finally:
            pthread_mutex_unlock(&state.lock)
    record.pins += 1
    pthread_mutex_unlock(&state.lock)
    try:
        return copy_value(record)
    finally:
        pthread_mutex_lock(&state.lock)
        record.pins -= 1
        if record.flags & RECORD_DEAD and record.pins == 0:
            free(record)
        pthread_mutex_unlock(&state.lock)


cdef object copy_value(Record* record):
    cdef bytes text = PyBytes_FromStringAndSize(NULL, record.value_bytes)
    cdef char* target = PyBytes_AS_STRING(text)
    with nogil:
        memcpy(target, record_value(record), record.value_bytes)
    return text


cdef void leave_pinned(State* state, ViewState* view) noexcept nogil:
    """Kept records that a reader still copies are the reader's to free."""
    cdef size_t i
    for i in range(view.kept_count):
        if i % 256 == 0:
            if i:
                pthread_mutex_unlock(&state.lock)
            pthread_mutex_lock(&state.lock)
        if view.kept[i].pins:
            view.kept[i].flags |= RECORD_DEAD
            view.kept[i] = NULL
    if view.kept_count:
        pthread_mutex_unlock(&state.lock)


cdef void free_kept(ViewState* view) noexcept nogil:
    cdef size_t i
    for i in range(view.kept_count):
        free(view.kept[i])
    free(view.kept)
    view.kept = NULL
    view.kept_count = view.kept_capacity = 0


cdef class View:
    cdef Documents documents
    cdef object at_position
    cdef bytes at_floors
    cdef size_t kept_at         # the kept records before it were copied
    cdef uint8_t* buffer
    cdef size_t buffer_capacity
    cdef size_t buffer_bytes
    cdef bint is_open

    def __cinit__(self, Documents documents not None):
        cdef State* state = &documents.state
        cdef LogPosition position
        cdef bint busy
        self.documents = documents
        self.at_floors = b""
        floors = bytearray(FLOOR_BUCKETS * sizeof(uint64_t))
        cdef uint8_t[::1] floors_view = floors
        cdef bint has_floors
        with nogil:
            state_lock_between_groups(state)
            busy = state.view.open
            if not busy:
                memset(&state.view, 0, sizeof(ViewState))
                state.view.open = True
                state.view.revision = state.position.revision
            position = state.position
            has_floors = state.floors != NULL
            if has_floors:
                memcpy(&floors_view[0], state.floors, FLOOR_BUCKETS * sizeof(uint64_t))
            pthread_mutex_unlock(&state.lock)
        if busy:
            raise RuntimeError("a view is open already")
        self.is_open = True
        self.at_position = to_position(&position)
        if has_floors:
            self.at_floors = bytes(floors)

    def __dealloc__(self):
        if self.is_open:
            self.close()
        free(self.buffer)

    @property
    def position(self):
        return self.at_position

    def floors(self):
        return self.at_floors

    def read_block(self, size_t bytes_min):
        cdef State* state = &self.documents.state
        cdef size_t records = 0
        cdef int status = 0
        if not self.is_open:
            raise ValueError("the view is closed")
        self.buffer_bytes = 0
        with nogil:
            while status == 0 and self.buffer_bytes < bytes_min and state.view.next_shard < (<size_t>1 << SHARD_BITS):
                pthread_mutex_lock(&state.lock)
                status = self.copy_shard(state, &records)
                state.view.next_shard += 1
                pthread_mutex_unlock(&state.lock)
            # Behind the last shard nothing is added to the kept records any more.
            if state.view.next_shard == (<size_t>1 << SHARD_BITS):
                while status == 0 and self.buffer_bytes < bytes_min and self.kept_at < state.view.kept_count:
                    status = self.copy_record(state.view.kept[self.kept_at], &records)
                    self.kept_at += 1
        if status != 0 or state.view.failed:
            raise MemoryError("no memory for the view")
        return PyBytes_FromStringAndSize(<char*>self.buffer, <Py_ssize_t>self.buffer_bytes), records

    cdef int copy_shard(self, State* state, size_t* records) noexcept nogil:
        cdef Shard* shard = &state.table.shards[state.view.next_shard]
        cdef uint32_t at
        cdef Record* record
        if shard.slots == NULL:
            return 0
        for at in range(shard.mask + 1):
            record = slot_record(shard.slots[at])
            if record != NULL and record.revision <= state.view.revision:
                if self.copy_record(record, records) != 0:
                    return -1
        return 0

    cdef int copy_record(self, const Record* record, size_t* records) noexcept nogil:
        cdef size_t needed = self.buffer_bytes + record_bytes(record)
        cdef uint8_t* larger
        cdef Record* copied
        if needed > self.buffer_capacity:
            larger = <uint8_t*>realloc(self.buffer, needed * 2)
            if larger == NULL:
                return -1
            self.buffer = larger
            self.buffer_capacity = needed * 2
        copied = <Record*>(self.buffer + self.buffer_bytes)
        memcpy(copied, record, record_bytes(record))
        copied.pins = 0
        copied.flags &= RECORD_TOMBSTONE
        self.buffer_bytes = needed
        records[0] += 1
        return 0

    def close(self):
        cdef State* state = &self.documents.state
        cdef ViewState ended
        if not self.is_open:
            return
        self.is_open = False
        with nogil:
            pthread_mutex_lock(&state.lock)
            ended = state.view
            memset(&state.view, 0, sizeof(ViewState))
            pthread_mutex_unlock(&state.lock)
            leave_pinned(state, &ended)
            free_kept(&ended)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


cdef class Reader:
    cdef Documents documents
    cdef object loads
    cdef object document
    cdef bint closed

    def __cinit__(self, Documents documents not None, loads, document):
        if not (isinstance(document, type) and issubclass(document, tuple)):
            raise TypeError("document must be a tuple of two")
        self.documents = documents
        self.loads = loads
        self.document = document

    def get(self, key):
        cdef uint64_t version = 0
        if self.closed:
            raise ClosedError("the database is closed")
        text = find_text(&self.documents.state, key, &version)
        if text is None:
            return None
        value = PyObject_CallOneArg(self.loads, text)
        number = version
        # A NamedTuple made as the tuple that it is: its __new__ costs as much as all the rest.
        made = fluxdb_new_tuple(self.document, 2)
        Py_INCREF(value)
        PyTuple_SET_ITEM(made, 0, value)
        Py_INCREF(number)
        PyTuple_SET_ITEM(made, 1, number)
        return made

    def close(self):
        self.closed = True

    @classmethod
    def __class_getitem__(cls, item):
        return cls
