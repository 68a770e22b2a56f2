"""Event loops that write: what each is still to be told, and the bell that wakes it.

Guarded by the committer's lock.
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint64_t

from fluxdb._core.commit.outcome cimport Outcome

cdef struct Failure:
    Failure* next
    uint64_t sequence       # of the channel's submits, from 0
    Outcome outcome

# An event loop that writes.
cdef struct ChannelState:
    int bell[2]
    uint64_t submitted
    uint64_t settled
    uint64_t collected
    Failure* first_failure  # in order
    Failure* last_failure
    uint64_t lost_begin     # of these there was no memory to keep what became of them; end is 0: of none
    uint64_t lost_end
    bint must_ring
    bint wants_room         # a submit was told WOULD_BLOCK
    bint leads              # its thread leads, or sees to it that somebody does: a submit wakes nobody
    bint muted              # its thread leads at this moment, and looks by itself
    bint closed             # freed when all that it submitted is settled
    ChannelState* next

# A new one at the front of the list; NULL where there is no memory (error 0) or no descriptor.
cdef ChannelState* channel_add(ChannelState** channels, int* error) noexcept nogil
# Takes it out of the list and frees it: at once, or when all that it submitted is settled.
cdef void channel_remove(ChannelState** channels, ChannelState* channel) noexcept nogil
# The outcome of the oldest submit that has none yet.
cdef void channel_settle(ChannelState* channel, const Outcome* outcome) noexcept nogil

# What was settled since the last time, and not all of it well.
cdef struct Collected:
    uint64_t first          # submits of these sequences are settled
    uint64_t end
    Failure* failures       # in order; free each
    uint64_t lost_begin     # what became of these is not known, where no failure says it
    uint64_t lost_end

cdef void channel_collect(ChannelState* channel, Collected* collected) noexcept nogil
cdef inline bint is_lost(const Collected* collected, uint64_t sequence) noexcept nogil:
    return collected.lost_begin <= sequence < collected.lost_end
# Wakes the loops that have news, or all.
cdef void channels_ring(ChannelState** channels, bint all) noexcept nogil
cdef void channels_free(ChannelState** channels) noexcept nogil
