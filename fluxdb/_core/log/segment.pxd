"""Log segments as files: the header block, allocation ahead. All numbers are little-endian.

    segment := header block, groups, zeros             a file of a fixed size, allocated before it gets its name

    header block   4096 bytes, written once, before the file is renamed into place
       0  8 bytes  "FLUXLOG" and a zero
       8  u32      format version, 3
      12  u32      CRC-32C of bytes 0 to 11 and 16 to 4095
      16  16 bytes id of the database
      32  u64      number of the segment, from 1
      40  u64      size of the file
      48  u64      last revision before this segment      (0: none)
      56  u64      last group before it                   (0: none)
      64  u64      offset at which the segment before ends, behind the sectors of its last group (0: none)
      72  u32      CRC-32C in the header of the last group before it
      76           zeros

A segment of format 2 is the same, but none of its frames has flags (log/frame.pxd). It is read, and never added to: the
log continues in a new segment, so that an older FluxDB finds a newer format instead of apparent damage. Magic, format
version and checksum keep their places in all future formats, so that a newer format is never taken for damage.
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t, uint64_t

cdef enum:
    HEADER_BYTES = 4096

cdef packed struct SegmentHead:
    uint8_t magic[8]
    uint32_t format_version
    uint32_t checksum
    uint8_t database_id[16]
    uint64_t number
    uint64_t segment_bytes
    uint64_t revision
    uint64_t group
    uint64_t previous_end
    uint32_t chain

cdef enum SegmentStatus:
    SEGMENT_OK = 0
    SEGMENT_NO_ROOM = 1     # refused before anything was changed: no space, no quota
    SEGMENT_REFUSED = 2     # refused before anything was changed: the errno says why
    SEGMENT_FAILED = 3      # what is on disk is not known any more

# An empty file of that size under a name without meaning to recovery; its descriptor at out.
cdef int segment_allocate(int directory, const char* name, uint64_t size, int* out, int* error) noexcept nogil
# Writes the header into that file, syncs it, gives it its name, syncs the directory.
cdef int segment_activate(
    int directory, const char* name, int descriptor, const SegmentHead* head, int* error,
) noexcept nogil
cdef void segment_discard(int directory, const char* name, int descriptor) noexcept nogil
