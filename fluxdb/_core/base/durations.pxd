"""Durations of requests of one kind, counted by the number of bits of their nanoseconds."""

from libc.stddef cimport size_t
from libc.stdint cimport uint64_t

cdef enum:
    DURATION_BITS = 40      # the last bucket has what is longer, too

cdef struct Durations:
    uint64_t ns_total
    uint64_t buckets[DURATION_BITS]

cdef inline void durations_count(Durations* durations, uint64_t ns, uint64_t requests) noexcept nogil:
    cdef uint64_t rest = ns
    cdef size_t bits = 0
    durations.ns_total += ns * requests
    while rest and bits < DURATION_BITS - 1:
        rest >>= 1
        bits += 1
    durations.buckets[bits] += requests
