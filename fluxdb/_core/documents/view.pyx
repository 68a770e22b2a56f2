"""A view of the documents at one revision, read shard by shard while writers go on.

If a write replaces a record before its shard is copied, the state keeps the old record for the view (state_release).
Newer records are skipped.
"""

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memset

from fluxdb._core.base.clock cimport clock_sure
from fluxdb._core.base.platform cimport pthread_mutex_lock, pthread_mutex_unlock
from fluxdb._core.documents.position cimport StateOwner, to_position
from fluxdb._core.documents.state cimport (
    FLOOR_BUCKETS, SHARD_BITS, LogPosition, State, ViewState, state_lock_between_groups,
)
from fluxdb._core.documents.table cimport (
    RECORD_DEAD, RECORD_EXPIRES, RECORD_TOMBSTONE, Record, Shard, record_bytes, slot_record,
)

from fluxdb.errors import StorageError

cdef extern from "<unistd.h>" nogil:
    int usleep(unsigned int microseconds) noexcept

cdef enum:
    # The lock is not fair: who waits for it gets it only while the view is elsewhere, so the view goes away for a
    # moment after so many bytes.
    NAP_EVERY_BYTES = 16384
    NAP_US = 20


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


# No part of any cycle; and the collector must not clear what it points to before its own end, which needs that.
@cython.no_gc
cdef class View:
    cdef StateOwner documents
    cdef object at_position
    cdef uint64_t at_logged
    cdef bytes at_floors
    cdef readonly object clock_ms
    cdef readonly object forgotten_revision
    cdef size_t kept_at         # the kept records before it were copied
    cdef uint8_t* buffer
    cdef size_t buffer_capacity
    cdef size_t buffer_bytes
    cdef bint is_open

    def __cinit__(self, StateOwner documents not None):
        cdef State* state = &documents.state
        cdef LogPosition position
        cdef bint busy, half_applied
        cdef uint64_t clock_ms, forgotten_revision
        self.documents = documents
        self.at_floors = b""
        floors = bytearray(FLOOR_BUCKETS * sizeof(uint64_t))
        cdef uint8_t[::1] floors_view = floors
        cdef bint has_floors
        with nogil:
            state_lock_between_groups(state)
            busy = state.view.open
            half_applied = state.revision != state.position.revision    # and it stays so: memory ran out
            if not busy and not half_applied:
                memset(&state.view, 0, sizeof(ViewState))
                state.view.open = True
                state.view.revision = state.position.revision
            position = state.position
            self.at_logged = state.logged
            clock_ms = clock_sure(&state.clock)
            forgotten_revision = state.forgotten_revision
            has_floors = state.floors != NULL
            if has_floors:
                memcpy(&floors_view[0], state.floors, FLOOR_BUCKETS * sizeof(uint64_t))
            pthread_mutex_unlock(&state.lock)
        if busy:
            raise RuntimeError("a view is open already")
        if half_applied:
            raise StorageError(
                f"memory ran out while revisions from {position.revision + 1} on were applied: the log holds them "
                "whole, the documents don't; close the database and open it again"
            )
        self.is_open = True
        self.at_position = to_position(&position)
        self.clock_ms = clock_ms
        self.forgotten_revision = forgotten_revision
        if has_floors:
            self.at_floors = bytes(floors)

    def __dealloc__(self):
        if self.is_open:
            self.close()
        free(self.buffer)

    @property
    def position(self):
        return self.at_position

    @property
    def logged(self):
        return self.at_logged

    def floors(self):
        return self.at_floors

    def read_block(self, size_t bytes_min, *, bint naps=True):
        cdef State* state = &self.documents.state
        cdef size_t records = 0
        cdef size_t napped_bytes = 0
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
                if naps and self.buffer_bytes - napped_bytes >= NAP_EVERY_BYTES:
                    napped_bytes = self.buffer_bytes
                    usleep(NAP_US)
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
        copied.flags &= RECORD_TOMBSTONE | RECORD_EXPIRES
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
