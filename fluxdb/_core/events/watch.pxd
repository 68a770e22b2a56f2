"""Watched keys, and the events of commits to them until they are taken. Guarded by the documents' lock.

An event of a large document holds the record itself (pinned), not a copy: GETs wait while a group is applied.

Events are taken in pieces. A burst is everything present when its first piece is taken, to the end of the last event's
commit group; so a group is never split, and a burst is bounded by bytes_max and one group.
"""

from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint64_t

from fluxdb._core.base.platform cimport pthread_cond_t
from fluxdb._core.documents.state cimport State
from fluxdb._core.documents.table cimport Record, Table, record_value

cdef struct Event:
    Event* next
    Record* old             # pinned; NULL: no document, or it follows
    Record* new
    uint64_t group
    uint64_t version
    uint64_t revision
    uint64_t commit         # revision of the last write of the batch
    size_t key_bytes
    size_t old_bytes
    size_t new_bytes
    uint8_t kind
    bint has_old
    bint has_new
    # the key follows, then those of old and new that are not pinned

cdef struct Watch:
    Table keys              # records without values; their version counts the watchers
    pthread_cond_t arrived
    Event* first
    Event* last
    Event* last_whole       # the last one before the batch that is being applied, NULL without one
    size_t bytes            # of the events that wait
    size_t bytes_max
    bint overflowed         # the latest events were dropped
    uint64_t dropped
    uint64_t group          # counts the applied groups, including the one being applied
    bint in_burst           # a piece of one was taken, and there may be more
    uint64_t burst_group    # its last group

cdef inline uint8_t* event_key(Event* event) noexcept nogil:
    return <uint8_t*>event + sizeof(Event)

cdef inline uint8_t* event_old(Event* event) noexcept nogil:
    return record_value(event.old) if event.old != NULL else event_key(event) + event.key_bytes

cdef inline uint8_t* event_new(Event* event) noexcept nogil:
    if event.new != NULL:
        return record_value(event.new)
    return event_key(event) + event.key_bytes + (0 if event.old != NULL else event.old_bytes)

# 0, or -1 without memory.
cdef int watch_init(Watch* watch, size_t bytes_max, uint64_t seed) noexcept nogil
cdef void watch_free(Watch* watch, State* state) noexcept nogil
# Without the lock, which it takes where an event holds a record.
cdef void events_free(Event* first, State* state) noexcept nogil
# Returns how many watch the key now, or -1 without memory.
cdef int64_t watch_add(Watch* watch, const uint8_t* key, size_t key_bytes) noexcept nogil
# If nobody watches any key any more: returns the undelivered events, for events_free.
cdef Event* watch_remove(Watch* watch, const uint8_t* key, size_t key_bytes) noexcept nogil
# The next events of the burst, for events_free: events_max at most, and none after the first bytes_max bytes.
# applying: a group is being applied just now. burst_over: the next event begins a burst.
cdef Event* watch_take(
    Watch* watch, size_t events_max, size_t bytes_max, bint applying, bint* burst_over,
) noexcept nogil
# If the key is watched: put its change (old may be NULL) at the end of the queue. True if it is watched.
cdef bint watch_commit(Watch* watch, uint8_t kind, Record* old, Record* new, uint64_t commit) noexcept nogil
# Before the first write of a batch: events of one batch are kept together or dropped together.
cdef inline void watch_begin(Watch* watch) noexcept nogil:
    watch.last_whole = watch.last
