"""Which documents expire, and when: a heap by time, and behind it those whose time is over, until they are removed.

A document without an expiry has no entry, and costs nothing. An entry names its record by hash and revision; where the
key was written since, it is stale, and passed over. A sweep drops stale ones, a few with each push, so there are at
most some three times as many entries as documents that expire.
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint64_t

from fluxdb._core.documents.table cimport RECORD_DUE, Record, Table

cdef struct Expiry:
    uint64_t at_ms          # since 1970
    uint64_t hash
    uint64_t revision

# Guarded by the documents' lock.
cdef struct Expiries:
    Expiry* heap            # four children each, the earliest at the top
    size_t count
    size_t capacity
    size_t unswept          # the sweep has yet to look at the entries before this one; 0: none is on
    size_t documents        # with an expiry, those whose time is over included
    Expiry* due             # whose time is over: a queue, the earliest first
    size_t due_first
    size_t due_staged       # those before it are staged for their removal, or stale
    size_t due_end
    size_t due_capacity
    size_t hidden           # documents with RECORD_DUE

cdef void expiries_free(Expiries* expiries) noexcept nogil
# Makes sure that one more entry can be pushed. -1: no memory, nothing changed.
cdef int expiries_reserve(Expiries* expiries) noexcept nogil
# Can't fail after expiries_reserve. The record must be in the table.
cdef void expiries_push(Expiries* expiries, Table* table, const Record* record, uint64_t hash) noexcept nogil
# When the next entry's time is over; UINT64_MAX without one.
cdef uint64_t expiries_next(const Expiries* expiries) noexcept nogil
# Marks the next document whose time is over with RECORD_DUE, and puts it into the queue for removal; marked is NULL for
# a stale entry. False: there is no next one, or no memory for the queue.
cdef bint expiries_mark(Expiries* expiries, Table* table, uint64_t now_ms, Record** marked) noexcept nogil
# The next document of the queue that is not staged yet, passing over stale entries. False: every document is staged.
cdef bint expiries_take(Expiries* expiries, Table* table, Record** record, uint64_t* hash) noexcept nogil
# The group was not written: what was staged is to be staged again.
cdef void expiries_restage(Expiries* expiries) noexcept nogil
# Is something in the queue that is not staged yet?
cdef inline bint expiries_waiting(const Expiries* expiries) noexcept nogil:
    return expiries.due_staged < expiries.due_end

# The clock was put right: puts the last entry of the queue back into the heap if its time is not over by now. The
# document is at freed, no longer RECORD_DUE, NULL for a stale entry. False: nothing was put back.
cdef bint expiries_take_back(Expiries* expiries, Table* table, uint64_t now_ms, Record** freed) noexcept nogil

# The record leaves the table.
cdef inline void expiries_forget(Expiries* expiries, const Record* record) noexcept nogil:
    expiries.documents -= 1
    if record.flags & RECORD_DUE:
        expiries.hidden -= 1
    if expiries.documents == 0:     # every entry is stale
        expiries.count = expiries.unswept = expiries.due_first = expiries.due_staged = expiries.due_end = 0
