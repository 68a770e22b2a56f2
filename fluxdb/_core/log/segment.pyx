"""Log segments as files: the header block, allocation ahead; log/segment.pxd draws the layout."""

from libc.errno cimport EDQUOT, EFBIG, EINTR, ENOSPC, errno
from libc.stdio cimport snprintf
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy, memset

from fluxdb._core.base.crc32c cimport fluxdb_crc32c
from fluxdb._core.base.platform cimport fluxdb_allocate, fluxdb_sync_file
from fluxdb._core.documents.table cimport NUMBER_MAX
from fluxdb._core.log.frame cimport SECTOR_BYTES as SECTOR

import os
from typing import NamedTuple

from fluxdb.errors import DiskFullError, StorageError

cdef extern from "<fcntl.h>" nogil:
    int openat(int directory, const char* path, int flags, ...) noexcept
    int O_RDWR, O_CREAT, O_TRUNC, O_CLOEXEC, O_NOFOLLOW

cdef extern from "<unistd.h>" nogil:
    ssize_t pwrite(int descriptor, const void* data, size_t size, long offset) noexcept
    int close(int descriptor) noexcept
    int unlinkat(int directory, const char* path, int flags) noexcept

cdef extern from "<stdio.h>" nogil:
    int renameat(int from_directory, const char* old, int to_directory, const char* new) noexcept

cdef enum:
    FORMAT = 3
    FORMAT_OLDEST = 2           # 1: a key could hold the header of a group

SEGMENT_HEADER_BYTES = HEADER_BYTES
SECTOR_BYTES = SECTOR
FORMAT_VERSION = FORMAT

cdef const char* MAGIC = b"FLUXLOG\0"


class SegmentHeader(NamedTuple):
    database_id: bytes
    number: int
    segment_bytes: int
    start: tuple
    previous_end: int
    format_version: int = FORMAT_VERSION


cdef int no_room_or(int error, int otherwise) noexcept nogil:
    return SEGMENT_NO_ROOM if error == ENOSPC or error == EDQUOT or error == EFBIG else otherwise


cdef int segment_allocate(int directory, const char* name, uint64_t size, int* out, int* error) noexcept nogil:
    cdef int descriptor = openat(directory, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
    out[0] = -1
    if descriptor < 0:
        error[0] = errno
        return no_room_or(errno, SEGMENT_REFUSED)
    error[0] = fluxdb_allocate(descriptor, <long>size)
    if error[0]:
        segment_discard(directory, name, descriptor)
        return no_room_or(error[0], SEGMENT_REFUSED)
    out[0] = descriptor
    return SEGMENT_OK


cdef void segment_discard(int directory, const char* name, int descriptor) noexcept nogil:
    unlinkat(directory, name, 0)
    close(descriptor)


cdef int write_block(int descriptor, const uint8_t* block) noexcept nogil:
    """0 or an errno."""
    cdef size_t done = 0
    cdef ssize_t wrote
    while done < HEADER_BYTES:
        wrote = pwrite(descriptor, block + done, HEADER_BYTES - done, <long>done)
        if wrote < 0 and errno == EINTR:
            continue
        if wrote <= 0:
            return errno if wrote < 0 else ENOSPC
        done += <size_t>wrote
    return 0


cdef uint32_t checksum_of(const uint8_t* block) noexcept nogil:
    """Return the checksum of everything but the checksum itself."""
    return fluxdb_crc32c(fluxdb_crc32c(0, block, 12), block + 16, HEADER_BYTES - 16)


cdef void encode_head(uint8_t* block, const SegmentHead* head) noexcept nogil:
    cdef SegmentHead filled = head[0]
    memset(block, 0, HEADER_BYTES)
    memcpy(filled.magic, MAGIC, 8)
    filled.format_version = FORMAT
    memcpy(block, &filled, sizeof(SegmentHead))
    filled.checksum = checksum_of(block)
    memcpy(block, &filled, sizeof(SegmentHead))


cdef int segment_activate(
    int directory, const char* name, int descriptor, const SegmentHead* head, int* error,
) noexcept nogil:
    cdef char final_name[32]
    cdef uint8_t* block = <uint8_t*>calloc(1, HEADER_BYTES)
    if block == NULL:
        error[0] = ENOSPC
        return SEGMENT_REFUSED
    encode_head(block, head)
    error[0] = write_block(descriptor, block)
    free(block)
    if error[0] == 0:
        error[0] = fluxdb_sync_file(descriptor)
    if error[0]:
        # The file has no name that means anything yet: whatever is on disk, recovery removes it.
        return no_room_or(error[0], SEGMENT_REFUSED)
    snprintf(final_name, sizeof(final_name), "log-%016llu", <unsigned long long>head.number)
    if renameat(directory, name, directory, final_name) != 0:
        error[0] = errno
        return no_room_or(errno, SEGMENT_REFUSED)
    error[0] = fluxdb_sync_file(directory)
    return SEGMENT_OK if error[0] == 0 else SEGMENT_FAILED


cdef int to_head(object header, SegmentHead* head) except -1:
    database_id = bytes(header.database_id)
    if len(database_id) != 16:
        raise ValueError("a database id has 16 bytes")
    memset(head, 0, sizeof(SegmentHead))
    memcpy(head.database_id, <const uint8_t*>database_id, 16)
    head.number = header.number
    head.segment_bytes = header.segment_bytes
    head.revision, head.group, segment, offset, head.chain = header.start
    if segment != header.number or offset != HEADER_BYTES:
        raise ValueError("a segment starts behind its own header")
    head.previous_end = header.previous_end
    return 0


def encode_header(header not None):
    cdef SegmentHead head
    cdef uint8_t block[HEADER_BYTES]
    to_head(header, &head)
    encode_head(block, &head)
    return (<const uint8_t*>block)[:HEADER_BYTES]


def decode_header(const uint8_t[::1] block not None):
    cdef SegmentHead head
    if block.shape[0] < HEADER_BYTES:
        raise ValueError(f"it has {block.shape[0]} bytes, less than a segment's header")
    memcpy(&head, &block[0], sizeof(SegmentHead))
    if memcmp(head.magic, MAGIC, 8) != 0:
        raise ValueError("it is not a FluxDB log segment")
    if head.checksum != checksum_of(&block[0]) or head.format_version == 0:
        raise ValueError("its header's checksum does not fit")
    if head.format_version > <uint32_t>FORMAT_VERSION:
        raise StorageError(
            f"a log segment has format {head.format_version}, newer than this FluxDB reads ({FORMAT_VERSION}): "
            "open the folder with a newer FluxDB"
        )
    if head.format_version < FORMAT_OLDEST:
        raise StorageError(
            f"a log segment has format {head.format_version}, of before the first release, which this FluxDB can't "
            "read: take `fluxdb dump` of the version that wrote it, and `fluxdb load` of this one"
        )
    if head.revision > NUMBER_MAX:
        raise ValueError(f"its header speaks of revision {head.revision}, which can't be")
    return SegmentHeader(
        bytes(head.database_id[:16]), head.number, head.segment_bytes,
        (head.revision, head.group, head.number, HEADER_BYTES, head.chain), head.previous_end, head.format_version,
    )


def change_header(const uint8_t[::1] block not None, bytes database_id not None, uint64_t segment_bytes):
    cdef SegmentHead head
    cdef uint8_t changed[HEADER_BYTES]
    decode_header(block)
    if len(database_id) != 16:
        raise ValueError("a database id has 16 bytes")
    memcpy(changed, &block[0], HEADER_BYTES)
    memcpy(&head, changed, sizeof(SegmentHead))
    memcpy(head.database_id, <const uint8_t*>database_id, 16)
    head.segment_bytes = segment_bytes
    memcpy(changed, &head, sizeof(SegmentHead))
    head.checksum = checksum_of(changed)
    memcpy(changed, &head, sizeof(SegmentHead))
    return (<const uint8_t*>changed)[:HEADER_BYTES]


def segment_name(number):
    return f"log-{number:016d}"


def create_segment(int directory_fd, header not None):
    cdef SegmentHead head
    cdef int descriptor = -1, error = 0, status
    cdef const char* name = b"segment.tmp"
    to_head(header, &head)
    with nogil:
        status = segment_allocate(directory_fd, name, head.segment_bytes, &descriptor, &error)
        if status == SEGMENT_OK:
            status = segment_activate(directory_fd, name, descriptor, &head, &error)
            if status != SEGMENT_OK:
                segment_discard(directory_fd, name, descriptor)
    if status == SEGMENT_NO_ROOM:
        raise DiskFullError(f"no room for a log segment of {head.segment_bytes} bytes: {os.strerror(error)}")
    if status != SEGMENT_OK:
        raise StorageError(f"can't create {segment_name(head.number)}: {os.strerror(error)}")
    return descriptor
