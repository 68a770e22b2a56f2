"""One commit group: frames gathered in chunks that never move, written by one gathered call."""

from libc.errno cimport EINTR, EIO, errno
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memset

from fluxdb._core.base.platform cimport fluxdb_cond_init, pthread_cond_destroy
from fluxdb._core.log.frame cimport (
    GROUP_HEADER_BYTES, SECTOR_BYTES, TRAILER_BYTES, frame_encode, frame_size, group_header_encode, group_size,
    round_up, trailer_encode,
)

cdef extern from "<sys/uio.h>" nogil:
    cdef struct iovec:
        void* iov_base
        size_t iov_len
    ssize_t pwritev(int descriptor, const iovec* parts, int count, long offset) noexcept

cdef enum:
    CHUNK_BYTES = 262144
    PARTS_MAX = 64          # of one system call; IOV_MAX is at least that much everywhere


cdef int group_init(Group* group) noexcept nogil:
    memset(group, 0, sizeof(Group))
    return fluxdb_cond_init(&group.settled)


cdef void free_chunks_from(Group* group, size_t first) noexcept nogil:
    cdef size_t i
    for i in range(first, group.chunk_count):
        free(group.chunks[i].data)
    group.chunk_count = first if first < group.chunk_count else group.chunk_count


cdef void group_free(Group* group) noexcept nogil:
    free_chunks_from(group, 0)
    free(group.chunks)
    free(group.operations)
    pthread_cond_destroy(&group.settled)


cdef void group_reset(Group* group) noexcept nogil:
    # One chunk of the usual size is kept: most groups need no other.
    free_chunks_from(group, 1 if group.chunk_count and group.chunks[0].capacity == CHUNK_BYTES else 0)
    if group.chunk_count:
        group.chunks[0].used = GROUP_HEADER_BYTES
    group.body_bytes = 0
    group.record_bytes = 0
    group.records = 0
    group.operation_count = 0
    group.thread_waiters = 0


cdef int add_chunk(Group* group, size_t frame_bytes) noexcept nogil:
    cdef size_t head = GROUP_HEADER_BYTES if group.chunk_count == 0 else 0
    cdef size_t capacity = CHUNK_BYTES if head + frame_bytes <= CHUNK_BYTES else head + frame_bytes
    cdef size_t slots
    cdef Chunk* larger
    cdef Chunk* chunk
    if group.chunk_count == group.chunk_slots:
        slots = group.chunk_slots * 2 if group.chunk_slots else 16
        larger = <Chunk*>realloc(group.chunks, slots * sizeof(Chunk))
        if larger == NULL:
            return -1
        group.chunks = larger
        group.chunk_slots = slots
    chunk = &group.chunks[group.chunk_count]
    chunk.data = <uint8_t*>malloc(capacity)
    if chunk.data == NULL:
        return -1
    chunk.capacity = capacity
    chunk.used = head
    group.chunk_count += 1
    return 0


cdef int group_reserve(Group* group, size_t frame_bytes, size_t operations) noexcept nogil:
    cdef Operation* larger
    cdef Chunk* last
    cdef size_t slots
    if group.operation_count + operations > group.operation_slots:
        slots = group.operation_slots * 2 if group.operation_slots else 64
        if slots < group.operation_count + operations:
            slots = group.operation_count + operations
        larger = <Operation*>realloc(group.operations, slots * sizeof(Operation))
        if larger == NULL:
            return -1
        group.operations = larger
        group.operation_slots = slots
    if frame_bytes == 0:
        return 0
    if group.chunk_count:
        last = &group.chunks[group.chunk_count - 1]
        if last.capacity - last.used >= frame_bytes:
            return 0
    return add_chunk(group, frame_bytes)


cdef void group_add_frame(
    Group* group, const FrameHeader* header, const uint8_t* key, const uint8_t* text, uint64_t expires_at_ms,
) noexcept nogil:
    cdef size_t frame_bytes = frame_size(header.key_bytes, header.text_bytes, header.flags)
    cdef Chunk* last = &group.chunks[group.chunk_count - 1]
    frame_encode(last.data + last.used, header, key, text, expires_at_ms)
    last.used += frame_bytes
    group.body_bytes += frame_bytes
    if group.records == 0:
        group.first_revision = header.revision
    group.records += 1


cdef Operation* group_add_operation(Group* group) noexcept nogil:
    cdef Operation* operation = &group.operations[group.operation_count]
    memset(operation, 0, sizeof(Operation))
    group.operation_count += 1
    return operation


cdef int write_fully(int descriptor, iovec* parts, int count, long offset) noexcept nogil:
    """Carries on after short writes and interruptions. 0 or an errno."""
    cdef ssize_t wrote
    while count:
        wrote = pwritev(descriptor, parts, count, offset)
        if wrote < 0 and errno == EINTR:
            continue
        if wrote <= 0:
            return errno if wrote < 0 else EIO
        offset += wrote
        while count and <size_t>wrote >= parts.iov_len:
            wrote -= <ssize_t>parts.iov_len
            parts += 1
            count -= 1
        if wrote:
            parts.iov_base = <uint8_t*>parts.iov_base + wrote
            parts.iov_len -= <size_t>wrote
    return 0


cdef int group_write(Group* group, int descriptor, const GroupHeader* header, uint32_t* checksum) noexcept nogil:
    cdef iovec parts[PARTS_MAX]
    cdef uint8_t tail[TRAILER_BYTES + SECTOR_BYTES]
    cdef size_t total = group_size(group.body_bytes)
    cdef uint64_t offset = header.offset
    cdef size_t i
    cdef int count = 0, error
    checksum[0] = group_header_encode(group.chunks[0].data, header)
    memset(tail, 0, sizeof(tail))
    trailer_encode(tail)
    for i in range(group.chunk_count):
        parts[count].iov_base = group.chunks[i].data
        parts[count].iov_len = group.chunks[i].used
        count += 1
        if count == PARTS_MAX - 1:      # one is left for the tail
            error = write_fully(descriptor, parts, count, <long>offset)
            if error:
                return error
            offset = header.offset
            offset += bytes_before(group, i + 1)
            count = 0
    parts[count].iov_base = tail
    parts[count].iov_len = TRAILER_BYTES + round_up(total, SECTOR_BYTES) - total
    return write_fully(descriptor, parts, count + 1, <long>offset)


cdef inline size_t bytes_before(const Group* group, size_t chunk) noexcept nogil:
    cdef size_t i, total = 0
    for i in range(chunk):
        total += group.chunks[i].used
    return total
