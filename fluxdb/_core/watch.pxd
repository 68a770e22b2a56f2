"""Watched keys, and the events of commits to them until somebody takes them. Guarded by the documents' lock."""

from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint64_t

from fluxdb._core.platform cimport pthread_cond_t
from fluxdb._core.table cimport Record, Table

cdef struct Event:
    Event* next
    uint64_t version
    uint64_t revision
    size_t key_bytes
    size_t old_bytes
    size_t new_bytes
    uint8_t kind
    bint has_old
    bint has_new
    # key, old, new follow

cdef struct Watch:
    Table keys              # records without values; their version counts the watchers
    pthread_cond_t arrived
    Event* first
    Event* last
    size_t bytes            # of the events that wait
    size_t bytes_max
    bint overflowed         # events were dropped behind last
    uint64_t dropped

cdef inline uint8_t* event_data(Event* event) noexcept nogil:
    return <uint8_t*>event + sizeof(Event)

# 0, or -1 where there is no memory.
cdef int watch_init(Watch* watch, size_t bytes_max, uint64_t seed) noexcept nogil
cdef void watch_free(Watch* watch) noexcept nogil
cdef void events_free(Event* first) noexcept nogil
# How many watch the key now, or -1 where there is no memory.
cdef int64_t watch_add(Watch* watch, const uint8_t* key, size_t key_bytes) noexcept nogil
# Where nobody watches any key any more: the events that nobody is to be told, for events_free, which needs no lock.
cdef Event* watch_remove(Watch* watch, const uint8_t* key, size_t key_bytes) noexcept nogil
# The queue, for events_free; it is empty then.
cdef Event* watch_take(Watch* watch) noexcept nogil
# If the key is watched: copy what happened to it (old may be NULL) to the end of the queue. True where it was.
cdef bint watch_commit(Watch* watch, uint8_t kind, Record* old, Record* new) noexcept nogil
