"""The heap of expiries and the queue of those whose time is over; documents/expiry.pxd says what they promise."""

from libc.stdint cimport UINT64_MAX
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy

from fluxdb._core.documents.table cimport RECORD_EXPIRES, record_expires_at, table_find_revision

cdef enum:
    CHILDREN = 4
    SWEEP_ENTRIES = 4       # looked at with each push while a sweep is on
    ENTRIES_MIN = 64


cdef void expiries_free(Expiries* expiries) noexcept nogil:
    free(expiries.heap)
    free(expiries.due)


cdef int room_for_one(Expiry** entries, size_t* capacity, size_t count) noexcept nogil:
    cdef size_t larger = capacity[0] * 2 if capacity[0] else ENTRIES_MIN
    cdef Expiry* moved
    if count < capacity[0]:
        return 0
    moved = <Expiry*>realloc(entries[0], larger * sizeof(Expiry))
    if moved == NULL:
        return -1
    entries[0] = moved
    capacity[0] = larger
    return 0


cdef int expiries_reserve(Expiries* expiries) noexcept nogil:
    return room_for_one(&expiries.heap, &expiries.capacity, expiries.count)


cdef uint64_t expiries_next(const Expiries* expiries) noexcept nogil:
    return expiries.heap[0].at_ms if expiries.count else UINT64_MAX


cdef inline void rise(Expiry* heap, size_t at) noexcept nogil:
    """Move the entry up to where its parent is no later."""
    cdef Expiry entry = heap[at]
    cdef size_t parent
    while at:
        parent = (at - 1) // CHILDREN
        if heap[parent].at_ms <= entry.at_ms:
            break
        heap[at] = heap[parent]
        at = parent
    heap[at] = entry


cdef inline void sink(Expiry* heap, size_t count, size_t at) noexcept nogil:
    """Move the entry down to where none of its children is earlier."""
    cdef Expiry entry = heap[at]
    cdef size_t child, earliest, end
    while True:
        child = at * CHILDREN + 1
        if child >= count:
            break
        end = child + CHILDREN if child + CHILDREN < count else count
        earliest = child
        for child in range(earliest + 1, end):
            if heap[child].at_ms < heap[earliest].at_ms:
                earliest = child
        if heap[earliest].at_ms >= entry.at_ms:
            break
        heap[at] = heap[earliest]
        at = earliest
    heap[at] = entry


cdef void drop(Expiries* expiries, size_t at) noexcept nogil:
    """Take the entry out of the heap."""
    expiries.count -= 1
    if at == expiries.count:
        return
    expiries.heap[at] = expiries.heap[expiries.count]
    if at and expiries.heap[at].at_ms < expiries.heap[(at - 1) // CHILDREN].at_ms:
        rise(expiries.heap, at)
    else:
        sink(expiries.heap, expiries.count, at)


cdef inline Record* record_of(Table* table, const Expiry* entry) noexcept nogil:
    """NULL where the key was written since."""
    cdef Record* record = table_find_revision(table, entry.hash, entry.revision)
    return record if record != NULL and record.flags & RECORD_EXPIRES else NULL


cdef void sweep(Expiries* expiries, Table* table) noexcept nogil:
    """Look at a few entries, from the last to the first. Mostly, the one that takes a dropped place was looked at."""
    cdef size_t looks = SWEEP_ENTRIES
    if expiries.unswept > expiries.count:
        expiries.unswept = expiries.count
    while looks and expiries.unswept:
        expiries.unswept -= 1
        if record_of(table, &expiries.heap[expiries.unswept]) == NULL:
            drop(expiries, expiries.unswept)
        looks -= 1


cdef void add(Expiries* expiries, uint64_t at_ms, uint64_t hash, uint64_t revision) noexcept nogil:
    cdef Expiry* entry = &expiries.heap[expiries.count]
    entry.at_ms = at_ms
    entry.hash = hash
    entry.revision = revision
    expiries.count += 1
    rise(expiries.heap, expiries.count - 1)


cdef void expiries_push(Expiries* expiries, Table* table, const Record* record, uint64_t hash) noexcept nogil:
    add(expiries, record_expires_at(record), hash, record.revision)
    expiries.documents += 1
    if expiries.unswept:
        sweep(expiries, table)
    elif expiries.count > 2 * expiries.documents + ENTRIES_MIN:
        expiries.unswept = expiries.count


cdef inline void make_room_in_front(Expiries* expiries) noexcept nogil:
    """The queue stays at the beginning of its memory, as far as that costs little."""
    cdef size_t waiting = expiries.due_end - expiries.due_first
    if expiries.due_first and expiries.due_first >= waiting:
        memcpy(expiries.due, expiries.due + expiries.due_first, waiting * sizeof(Expiry))
        expiries.due_staged -= expiries.due_first
        expiries.due_first = 0
        expiries.due_end = waiting


cdef bint expiries_mark(Expiries* expiries, Table* table, uint64_t now_ms, Record** marked) noexcept nogil:
    cdef Expiry entry
    marked[0] = NULL
    if expiries_next(expiries) > now_ms:
        return False
    make_room_in_front(expiries)
    if room_for_one(&expiries.due, &expiries.due_capacity, expiries.due_end) != 0:
        return False
    entry = expiries.heap[0]
    drop(expiries, 0)
    marked[0] = record_of(table, &entry)
    if marked[0] != NULL:
        marked[0].flags |= RECORD_DUE
        expiries.hidden += 1
        expiries.due[expiries.due_end] = entry
        expiries.due_end += 1
    return True


cdef bint expiries_take(Expiries* expiries, Table* table, Record** record, uint64_t* hash) noexcept nogil:
    cdef const Expiry* entry
    drop_removed(expiries, table)
    while expiries.due_staged < expiries.due_end:
        entry = &expiries.due[expiries.due_staged]
        expiries.due_staged += 1
        record[0] = record_of(table, entry)
        if record[0] != NULL:
            hash[0] = entry.hash
            return True
    return False


cdef inline void drop_removed(Expiries* expiries, Table* table) noexcept nogil:
    """Forget entries at the front whose documents are gone, a few more than are taken."""
    cdef size_t looks = SWEEP_ENTRIES
    while (looks and expiries.due_first < expiries.due_staged
            and record_of(table, &expiries.due[expiries.due_first]) == NULL):
        expiries.due_first += 1
        looks -= 1


cdef void expiries_restage(Expiries* expiries) noexcept nogil:
    expiries.due_staged = expiries.due_first


cdef bint expiries_take_back(Expiries* expiries, Table* table, uint64_t now_ms, Record** freed) noexcept nogil:
    cdef Expiry* last
    freed[0] = NULL
    # A document that is staged for its removal goes, whatever the clock says now.
    if expiries.due_staged == expiries.due_end or expiries_reserve(expiries) != 0:
        return False
    last = &expiries.due[expiries.due_end - 1]
    if last.at_ms <= now_ms:
        return False
    expiries.due_end -= 1
    freed[0] = record_of(table, last)
    if freed[0] != NULL:
        freed[0].flags &= ~RECORD_DUE
        expiries.hidden -= 1
        add(expiries, last.at_ms, last.hash, last.revision)
    return True
