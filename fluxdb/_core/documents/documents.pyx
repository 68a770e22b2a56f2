"""The documents as Python sees them, over the state in C that the committer and the replay change."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stddef cimport size_t
from libc.stdint cimport SIZE_MAX, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from fluxdb._core.base.clock cimport clock_init, clock_not_before, clock_now, clock_sure
from fluxdb._core.base.crc32c cimport fluxdb_crc32c
from fluxdb._core.base.keys cimport key_too_long, key_utf8
from fluxdb._core.base.platform cimport (
    lock_beside_gil, pthread_mutex_destroy, pthread_mutex_init, pthread_mutex_lock, pthread_mutex_unlock,
)
from fluxdb._core.documents.expiry cimport expiries_free
from fluxdb._core.documents.ordered cimport ordered_free
from fluxdb._core.documents.position cimport from_position, to_position
from fluxdb._core.documents.state cimport (
    FLOOR_BUCKETS, LOAD_NO_MEMORY, SHARD_BITS, LogPosition, State, record_is_live, state_digest, state_load,
    state_loaded, state_lock_between_groups, state_lock_marked, state_shown,
)
from fluxdb._core.documents.table cimport NUMBER_MAX as number_max
from fluxdb._core.documents.table cimport (
    PINS_MAX, RECORD_DEAD, RECORD_EXPIRES, RECORD_EXPIRY_BYTES, RECORD_TOMBSTONE, Record, record_bytes,
    record_expires_at, record_value, table_find, table_free, table_hash, table_init,
)

import os
from typing import NamedTuple

from fluxdb._core.documents.view import View

cdef enum:
    PIN_BYTES_MIN = 65536   # larger values are copied without the lock

NUMBER_MAX = number_max
LOAD_COMPLAINTS = (None, "its records don't parse", "a record has an impossible version or revision", "no memory",
                   "a key is there twice")


cdef class Documents:
    def __cinit__(self, *, size_t tombstones_max=65536):
        memset(&self.state, 0, sizeof(State))
        pthread_mutex_init(&self.state.lock, NULL)
        pthread_mutex_init(&self.state.building_lock, NULL)
        self.state.tombstones_max = tombstones_max
        self.key_bytes_max = SIZE_MAX
        clock_init(&self.state.clock)
        if table_init(&self.state.table, SHARD_BITS, int.from_bytes(os.urandom(8), "little")) != 0:
            raise MemoryError

    def __dealloc__(self):
        with nogil:
            table_free(&self.state.table, True)
            free(self.state.queue.ring)
            free(self.state.floors)
            ordered_free(&self.state.ordered)
            expiries_free(&self.state.expiries)
        pthread_mutex_destroy(&self.state.lock)
        pthread_mutex_destroy(&self.state.building_lock)

    def __len__(self):
        cdef size_t shown
        with nogil:
            state_lock_marked(&self.state)
            shown = state_shown(&self.state)
            pthread_mutex_unlock(&self.state.lock)
        return shown

    @property
    def stored(self):
        return self.state.live

    @property
    def expiring(self):
        return self.state.expiries.documents

    @property
    def expiry_entries(self):
        return self.state.expiries.count + self.state.expiries.due_end - self.state.expiries.due_first

    @property
    def clock_ms(self):
        cdef uint64_t now_ms
        with nogil:
            pthread_mutex_lock(&self.state.lock)
            now_ms = clock_sure(&self.state.clock)
            pthread_mutex_unlock(&self.state.lock)
        return now_ms

    def take_clock_jump(self):
        cdef bint jumped
        lock_beside_gil(&self.state.lock)
        clock_now(&self.state.clock)
        jumped = self.state.clock.jumped
        self.state.clock.jumped = False
        pthread_mutex_unlock(&self.state.lock)
        return jumped

    @property
    def forgotten_revision(self):
        return self.state.forgotten_revision

    @property
    def tombstones(self):
        return self.state.tombstones

    @property
    def tombstone_entries(self):
        return self.state.queue.tail - self.state.queue.head

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
        cdef uint64_t version = 0, expires_at_ms = 0
        text = find_text(self, key, False, &version, &expires_at_ms)
        return None if text is None else (text, version)

    def get_stored(self, key):
        cdef uint64_t version = 0, expires_at_ms = 0
        text = find_text(self, key, True, &version, &expires_at_ms)
        return None if text is None else (text, version, expires_at_ms)

    def bound_keys(self, size_t key_bytes_max):
        self.key_bytes_max = key_bytes_max

    def digest(self):
        """Two 64-bit hashes a record, summed: the order in which the table holds them does not count."""
        cdef uint64_t first = 0, second = 0
        with nogil:
            state_lock_between_groups(&self.state)
            state_digest(&self.state, &first, &second)
            pthread_mutex_unlock(&self.state.lock)
        return f"{first:016x}{second:016x}"

    def begin(self, position, bytes floors not None, *, uint64_t clock_ms=0, uint64_t forgotten_revision=0):
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
        self.state.forgotten_revision = forgotten_revision
        clock_not_before(&self.state.clock, clock_ms)

    def load_block(self, const uint8_t[::1] payload):
        cdef size_t records = 0
        cdef int complaint
        if payload.shape[0] == 0:
            return 0
        with nogil:
            pthread_mutex_lock(&self.state.lock)
            complaint = state_load(&self.state, &payload[0], <size_t>payload.shape[0], &records)
            pthread_mutex_unlock(&self.state.lock)
        if complaint == LOAD_NO_MEMORY:
            raise MemoryError
        if complaint:
            raise ValueError(LOAD_COMPLAINTS[complaint])
        return records

    def loaded(self):
        with nogil:
            pthread_mutex_lock(&self.state.lock)
            state_loaded(&self.state)
            pthread_mutex_unlock(&self.state.lock)

    def open_view(self):
        return View(self)


def pack_record(key, bytes text, uint64_t version, uint64_t revision, uint64_t expires_at_ms=0):
    """A record as it lies in a snapshot block; text None: a tombstone; expires_at_ms 0: it never expires."""
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
    head.flags = RECORD_TOMBSTONE if text is None else RECORD_EXPIRES if expires_at_ms else 0
    expiry = (<const uint8_t*>&expires_at_ms)[:RECORD_EXPIRY_BYTES] if head.flags & RECORD_EXPIRES else b""
    return (<const uint8_t*>&head)[:sizeof(Record)] + utf8[:key_bytes] + (text or b"") + expiry


class StoredRecord(NamedTuple):
    key: str
    text: bytes | None
    version: int
    revision: int
    expires_at_ms: int


def read_records(const uint8_t[::1] payload not None):
    """The records of a snapshot block. Raises ValueError."""
    cdef Record head
    cdef uint64_t expires_at_ms
    cdef size_t left = <size_t>payload.shape[0]
    cdef const uint8_t* at = &payload[0] if left else NULL
    records = []
    while left:
        if left >= sizeof(Record):
            memcpy(&head, at, sizeof(Record))
        if left < sizeof(Record) or left < record_bytes(&head):
            raise ValueError(LOAD_COMPLAINTS[1])
        key = at[sizeof(Record):sizeof(Record) + head.key_bytes].decode("utf-8", "backslashreplace")
        text = at[sizeof(Record) + head.key_bytes:sizeof(Record) + head.key_bytes + head.value_bytes]
        expires_at_ms = 0
        if head.flags & RECORD_EXPIRES:
            memcpy(&expires_at_ms, at + record_bytes(&head) - RECORD_EXPIRY_BYTES, RECORD_EXPIRY_BYTES)
        records.append(StoredRecord(
            key, None if head.flags & RECORD_TOMBSTONE else text, head.version, head.revision, expires_at_ms,
        ))
        at += record_bytes(&head)
        left -= record_bytes(&head)
    return records


def block_directories(const uint8_t[::1] payload not None, size_t block_bytes_min):
    """The records cut into blocks; of each: from, to, how many records, and the u32 CRC-32C of each record."""
    cdef size_t total = <size_t>payload.shape[0]
    cdef const uint8_t* records = &payload[0] if total else NULL
    cdef uint32_t* checksums = <uint32_t*>malloc((total // sizeof(Record) + 1) * sizeof(uint32_t))
    cdef size_t begin = 0, end = 0, count, size
    blocks = []
    if checksums == NULL:
        raise MemoryError
    try:
        while begin < total:
            count = 0
            with nogil:
                while end < total and (count == 0 or end - begin < block_bytes_min):
                    size = record_at(records + end, total - end)
                    checksums[count] = fluxdb_crc32c(0, records + end, size)
                    end += size
                    count += 1
            blocks.append((begin, end, count, PyBytes_FromStringAndSize(<char*>checksums, <Py_ssize_t>(count * 4))))
            begin = end
    finally:
        free(checksums)
    return blocks


cdef size_t record_at(const uint8_t* at, size_t left) noexcept nogil:
    """The bytes of the record there; all that is left where they don't make one."""
    cdef Record head
    if left < sizeof(Record):
        return left
    memcpy(&head, at, sizeof(Record))
    return record_bytes(&head) if record_bytes(&head) < left else left


cdef object find_text(Documents documents, object key, bint stored, uint64_t* version, uint64_t* expires_at_ms):
    """The key's value as new bytes, or None. stored: even if its time is over."""
    cdef State* state = &documents.state
    cdef Py_ssize_t key_bytes = 0
    cdef const uint8_t* utf8 = key_utf8(key, &key_bytes)
    cdef uint64_t hash = table_hash(&state.table, utf8, <size_t>key_bytes)
    cdef Record* record
    cdef bint pinned
    if <size_t>key_bytes > documents.key_bytes_max:
        raise key_too_long(<size_t>key_bytes, documents.key_bytes_max)
    lock_beside_gil(&state.lock)
    record = table_find(&state.table, utf8, <size_t>key_bytes, hash)
    if record == NULL or record.flags & RECORD_TOMBSTONE or not (stored or record_is_live(state, record)):
        pthread_mutex_unlock(&state.lock)
        return None
    version[0] = record.version
    expires_at_ms[0] = record_expires_at(record)
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
        lock_beside_gil(&state.lock)
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
