"""The end of the log: write, sync, rotate."""

from libc.string cimport memcpy, memset

from fluxdb._core.base.platform cimport fluxdb_free_bytes, fluxdb_note_ns, fluxdb_now_ns, fluxdb_sync_data
from fluxdb._core.commit.group cimport group_write
from fluxdb._core.commit.outcome cimport NO_ROOM, OK, REFUSED, UNKNOWN
from fluxdb._core.log.frame cimport SECTOR_BYTES, GroupHeader, group_size, round_up
from fluxdb._core.log.segment cimport (
    HEADER_BYTES, SEGMENT_FAILED, SEGMENT_NO_ROOM, SEGMENT_OK, SegmentHead, segment_activate, segment_allocate,
    segment_discard,
)

cdef extern from "<unistd.h>" nogil:
    int close(int descriptor) noexcept
    ssize_t pwrite(int descriptor, const void* data, size_t size, long offset) noexcept

cdef enum:
    SEGMENT_GROWTH = 4          # a segment is so many times as large as the one before, up to segment_bytes
    ZEROS_BYTES = 256 << 10     # written at once
    SMALL_GROUP_BYTES = 65536   # larger ones are their own ground
    RETRY_NS = 100000000        # after an allocation that found no room, where the file system still shows none

cdef const uint8_t zeros[ZEROS_BYTES]


cdef int fail(Log* log, const char* call, int error) noexcept nogil:
    log.failed = call
    log.error = error
    return UNKNOWN


cdef inline uint64_t size_with_room(size_t needed) noexcept nogil:
    return round_up(HEADER_BYTES + needed, HEADER_BYTES)


cdef uint64_t log_next_segment_bytes(const Log* log, size_t needed) noexcept nogil:
    cdef uint64_t grown = SEGMENT_GROWTH * log.size
    cdef uint64_t least = size_with_room(needed)
    if grown > log.segment_bytes:
        grown = log.segment_bytes
    return grown if grown > least else least


cdef bint is_still_full(const Log* log, size_t needed) noexcept nogil:
    """Tell whether the disk, which just had no room for a segment, still has none.

    Allocating everything that is free, and giving it back, is work for a full disk that every rejected group would
    repeat; asking for the free space is not. If that tells nothing (quotas), the allocation is tried.
    """
    return (log.refusal == NO_ROOM and log.spare < 0 and fluxdb_now_ns() - log.refused_ns < RETRY_NS
            and fluxdb_free_bytes(log.directory) < log_next_segment_bytes(log, needed))


cdef int rotate(Log* log, size_t needed) noexcept nogil:
    """Go on in the next segment, which has room for needed bytes. All groups so far are durable."""
    cdef SegmentHead head
    cdef const char* name = b"log.spare"
    cdef uint64_t size = log_next_segment_bytes(log, needed)
    cdef int descriptor = log.spare
    cdef int status = SEGMENT_OK
    # A spare with room for the group is taken, even if the segments have grown since it was made.
    if descriptor >= 0 and log.spare_size < size_with_room(needed):
        segment_discard(log.directory, name, descriptor)
        descriptor = -1
    if descriptor < 0:
        name = b"segment.tmp"
        status = segment_allocate(log.directory, name, size, &descriptor, &log.error)
        log.spare_size = log.refused_bytes = size
    log.spare = -1
    if status == SEGMENT_OK:
        memset(&head, 0, sizeof(head))
        memcpy(head.database_id, log.database_id, 16)
        head.number = log.end.segment + 1
        head.segment_bytes = log.spare_size
        head.revision = log.end.revision
        head.group = log.end.group
        head.previous_end = log.end.offset
        head.chain = log.end.chain
        status = segment_activate(log.directory, name, descriptor, &head, &log.error)
        if status != SEGMENT_OK:
            segment_discard(log.directory, name, descriptor)
    if status != SEGMENT_OK:
        if status == SEGMENT_FAILED:
            return fail(log, b"fsync of the folder", log.error)
        return NO_ROOM if status == SEGMENT_NO_ROOM else REFUSED
    close(log.descriptor)
    log.descriptor = descriptor
    log.size = log.spare_size
    log.is_older = False
    log.written = HEADER_BYTES
    log.end.segment += 1
    log.end.offset = HEADER_BYTES
    log.counters.rotations += 1
    return OK


cdef inline size_t bucket(uint64_t value) noexcept nogil:
    cdef size_t bits = 0
    while value and bits < 39:
        value >>= 1
        bits += 1
    return bits


cdef void count(Log* log, const Group* group, size_t written, uint64_t sync_ns) noexcept nogil:
    cdef LogCounters* counters = &log.counters
    counters.groups += 1
    counters.records += group.records
    counters.bytes += written
    counters.syncs += 1
    counters.sync_ns_total += sync_ns
    counters.sync_ns_last = sync_ns
    if sync_ns > counters.sync_ns_max:
        counters.sync_ns_max = sync_ns
    counters.sync_histogram[bucket(sync_ns)] += 1
    counters.group_histogram[bucket(group.records)] += 1


cdef void prepare_ground(Log* log, uint64_t end) noexcept nogil:
    """Behind a small group that goes beyond what was written: zeros, which are there already.

    To write a block for the first time is more for the file system to make durable than to write it again (ext4 has
    to note that the block holds data by now), so this is done for many groups at once. It is no promise: where it
    fails, the groups to come are only slower, and the sync says what there is to say.
    """
    cdef uint64_t fill = log.size - end
    cdef ssize_t wrote
    if end <= log.written:
        return
    log.written = end
    if end - log.end.offset > SMALL_GROUP_BYTES:
        return
    if fill > ZEROS_BYTES:
        fill = ZEROS_BYTES
    if fill:
        wrote = pwrite(log.descriptor, zeros, fill, <long>end)
        log.written = end + <uint64_t>wrote if wrote > 0 else log.size


cdef int log_append(Log* log, Group* group) noexcept nogil:
    cdef int status
    fluxdb_note_ns(&log.began_ns, fluxdb_now_ns())
    status = append(log, group)
    fluxdb_note_ns(&log.began_ns, 0)
    return status


cdef int append(Log* log, Group* group) noexcept nogil:
    cdef size_t needed = round_up(group_size(group.body_bytes), SECTOR_BYTES)
    cdef GroupHeader header
    cdef uint32_t checksum = 0
    cdef uint64_t started
    cdef int status, error
    if log.is_older or log.end.offset + needed > log.size:
        if is_still_full(log, needed):
            return NO_ROOM
        log.refusal = status = rotate(log, needed)
        if status == NO_ROOM:
            log.refused_ns = fluxdb_now_ns()
        if status != OK:
            return status
    header.group = log.end.group + 1
    header.segment = log.end.segment
    header.offset = log.end.offset
    header.first_revision = group.first_revision
    header.body_bytes = group.body_bytes
    header.records = group.records
    header.chain = log.end.chain
    header.clock_ms = group.clock_ms
    error = group_write(group, log.descriptor, &header, &checksum)
    if error:
        return fail(log, b"write", error)
    prepare_ground(log, log.end.offset + needed)
    started = fluxdb_now_ns()
    error = fluxdb_sync_data(log.descriptor)
    if error:
        return fail(log, b"fdatasync", error)
    log.refusal = OK
    count(log, group, needed, fluxdb_now_ns() - started)
    log.end.revision += group.records
    log.end.group += 1
    log.end.offset += needed
    log.end.chain = checksum
    return OK
