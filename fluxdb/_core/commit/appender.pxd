"""The end of the log: the segment that is written, the place in it, and the next segment. The leader's alone."""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fluxdb._core.commit.group cimport Group
from fluxdb._core.documents.state cimport LogPosition

cdef struct LogCounters:
    uint64_t groups
    uint64_t records
    uint64_t bytes              # of groups, padding included
    uint64_t syncs
    uint64_t sync_ns_total
    uint64_t sync_ns_max
    uint64_t sync_ns_last
    uint64_t rotations
    uint64_t sync_histogram[40]     # [i]: syncs that took less than 2^i ns (and not less than 2^(i-1))
    uint64_t group_histogram[40]    # likewise: records in a group

cdef struct Log:
    int directory
    int descriptor
    LogPosition end             # of what is written and durable
    uint64_t size               # of the file behind descriptor
    bint is_older               # that file has an older format: nothing is added to it, the next group gets a new one
    uint64_t written            # up to here all blocks of the file were written since it was opened or allocated
    uint64_t segment_bytes      # of a segment that is fully grown: the first ones are smaller
    uint8_t database_id[16]
    int spare                   # the next segment, allocated ahead, or -1
    uint64_t spare_size
    uint64_t refused_bytes      # of the segment that could not be allocated last
    const char* failed          # the call that failed, NULL while the log is sound
    int error                   # and its errno
    int refusal                 # of the last group, which needed a segment more: NO_ROOM or REFUSED; OK: it was taken
    uint64_t refused_ns         # when an allocation last found no room
    uint64_t began_ns           # when the group began that is being written, 0 while none is: by fluxdb_noted_ns
    LogCounters counters

# The size of the segment after this one, if a group of needed bytes comes next. It grows: a database that holds little
# takes little of the disk, and one that is written to soon has segments of segment_bytes.
cdef uint64_t log_next_segment_bytes(const Log* log, size_t needed) noexcept nogil
# Makes the group durable: Status OK, NO_ROOM, REFUSED (nothing was written; log.error says why), or UNKNOWN
# (log.failed is set and stays so).
cdef int log_append(Log* log, Group* group) noexcept nogil
