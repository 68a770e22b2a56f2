"""Per-loop write state: outcomes not yet delivered, and the bell that wakes the loop.

Guarded by the committer's lock.
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint64_t

from fluxdb._core.commit.outcome cimport Outcome

cdef struct Failure:
    Failure* next
    uint64_t sequence       # of the channel's submits, from 0
    Outcome outcome

# The state of an event loop that writes.
cdef struct ChannelState:
    int bell[2]
    uint64_t submitted
    uint64_t settled
    uint64_t collected
    Failure* first_failure  # in order
    Failure* last_failure
    uint64_t lost_begin     # for these no memory was left to keep their outcomes; end is 0: none
    uint64_t lost_end
    bint must_ring
    bint wants_room         # a submit got WOULD_BLOCK
    bint leads              # its thread leads, or makes sure that a thread does: a submit wakes nobody
    bint muted              # its thread leads at this moment, and checks by itself
    bint closed             # freed when all that it submitted is settled
    ChannelState* next

# Adds a new one at the front of the list; NULL without memory (error 0) or without a descriptor.
cdef ChannelState* channel_add(ChannelState** channels, int* error) noexcept nogil
# Takes it out of the list and frees it: at once, or when all that it submitted is settled.
cdef void channel_remove(ChannelState** channels, ChannelState* channel) noexcept nogil
# Sets the outcome of the oldest submit that has none yet.
cdef void channel_settle(ChannelState* channel, const Outcome* outcome) noexcept nogil

# The submits settled since the last time, some of which failed.
cdef struct Collected:
    uint64_t first          # submits of these sequences are settled
    uint64_t end
    Failure* failures       # in order; free each
    uint64_t lost_begin     # these submits' outcomes are unknown unless a failure says otherwise
    uint64_t lost_end

cdef void channel_collect(ChannelState* channel, Collected* collected) noexcept nogil
cdef inline bint is_lost(const Collected* collected, uint64_t sequence) noexcept nogil:
    return collected.lost_begin <= sequence < collected.lost_end
# Wakes the loops that have news, or all.
cdef void channels_ring(ChannelState** channels, bint all) noexcept nogil
cdef void channels_free(ChannelState** channels) noexcept nogil
