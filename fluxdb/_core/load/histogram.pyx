"""Durations of requests; load/histogram.pxd says how they are counted."""

from libc.stdlib cimport calloc, free
from libc.stdint cimport UINT64_MAX
from libc.string cimport memset

import math


cdef void histogram_clear(Histogram* histogram) noexcept nogil:
    memset(histogram, 0, sizeof(Histogram))
    histogram.min_ns = UINT64_MAX


cdef uint64_t bucket_end(size_t bucket) noexcept nogil:
    """The largest value that is counted in it."""
    cdef size_t shift
    if bucket < 256:
        return bucket
    shift = bucket // 128 - 1
    return ((<uint64_t>(bucket - 128 * shift) + 1) << shift) - 1


cdef uint64_t histogram_at(const Histogram* histogram, uint64_t rank) noexcept nogil:
    cdef int bucket
    cdef uint64_t seen = 0
    for bucket in range(HISTOGRAM_BUCKETS):
        seen += histogram.buckets[bucket]
        if seen >= rank and seen:
            return min(bucket_end(<size_t>bucket), histogram.max_ns)
    return 0


cdef class LatencyHistogram:
    def __cinit__(self):
        self.histogram = <Histogram*>calloc(1, sizeof(Histogram))
        if self.histogram == NULL:
            raise MemoryError
        histogram_clear(self.histogram)

    def __dealloc__(self):
        free(self.histogram)

    def record(self, uint64_t value_ns):
        histogram_record(self.histogram, value_ns)

    def add(self, LatencyHistogram other not None):
        cdef int bucket
        for bucket in range(HISTOGRAM_BUCKETS):
            self.histogram.buckets[bucket] += other.histogram.buckets[bucket]
        self.histogram.count += other.histogram.count
        self.histogram.sum_ns += other.histogram.sum_ns
        self.histogram.min_ns = min(self.histogram.min_ns, other.histogram.min_ns)
        self.histogram.max_ns = max(self.histogram.max_ns, other.histogram.max_ns)

    def percentile(self, double percent):
        if not 0 <= percent <= 100:
            raise ValueError(f"a percentile is between 0 and 100, not {percent}")
        rank = math.ceil(percent / 100 * self.histogram.count)
        return histogram_at(self.histogram, max(1, min(rank, self.histogram.count)))

    @property
    def count(self):
        return self.histogram.count

    @property
    def min(self):
        return self.histogram.min_ns if self.histogram.count else 0

    @property
    def max(self):
        return self.histogram.max_ns

    @property
    def mean(self):
        return <double>self.histogram.sum_ns / <double>self.histogram.count if self.histogram.count else 0.0
