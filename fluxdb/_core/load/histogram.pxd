"""Durations of requests, by count: buckets that are 1/128 of their value wide, whatever its size.

A value below 256 ns has its own bucket; above, each power of two is divided into 128 equal buckets.
"""

from libc.stdint cimport uint64_t

cdef enum:
    HISTOGRAM_BUCKETS = 57 * 128 + 256      # up to 2**64 ns

cdef struct Histogram:
    uint64_t count
    uint64_t min_ns
    uint64_t max_ns
    uint64_t sum_ns
    uint64_t buckets[HISTOGRAM_BUCKETS]

cdef extern from *:
    """
    static inline size_t fluxdb_histogram_bucket(uint64_t value)
    {
        int shift = value < 256 ? 0 : 56 - __builtin_clzll(value);
        return (size_t)(value >> shift) + 128 * (size_t)shift;
    }
    """
    size_t fluxdb_histogram_bucket(uint64_t value) noexcept nogil

cdef inline void histogram_record(Histogram* histogram, uint64_t value_ns) noexcept nogil:
    histogram.buckets[fluxdb_histogram_bucket(value_ns)] += 1
    histogram.count += 1
    histogram.sum_ns += value_ns
    if value_ns < histogram.min_ns:
        histogram.min_ns = value_ns
    if value_ns > histogram.max_ns:
        histogram.max_ns = value_ns

cdef void histogram_clear(Histogram* histogram) noexcept nogil

# The value at or below which that many of the count lie, as large as its bucket allows; 0 without any.
cdef uint64_t histogram_at(const Histogram* histogram, uint64_t rank) noexcept nogil


cdef class LatencyHistogram:
    cdef Histogram* histogram
