"""How the log lies on disk: groups of frames. All numbers are little-endian.

    group  := header frame{records} trailer zeros      begins on a 512-byte sector, the zeros fill its last one

    header     64 bytes                                frame      28 bytes + key + text + expiry
      0  u32  magic "FXG" and ff                         0  u32  CRC-32C of all that follows in this frame
      4  u32  CRC-32C of bytes 8 to 63                   4  u32  bytes of the text
      8  u64  number of the group, from 1                8  u16  bytes of the key (UTF-8), at least 1
     16  u64  number of the segment                     10  u8   kind: 1 set, 2 delete, 3 patch, 4 patch that
     24  u64  offset in the segment                              removes nulls (RFC 7396), 5 touch, 6 expire
     32  u64  revision of the first frame               11  u8   flags: 1 joined, 2 expires
     40  u64  bytes of all frames together              12  u64  revision
     48  u32  number of frames, at least 1              20  u64  version of the key after it
     52  u32  CRC-32C in the header of the group        28       key, then text: compact JSON; of a patch its
              before (0: none)                                   delta; empty for delete, touch and expire
     56  u64  clock: milliseconds since 1970                     then, with the flag expires, the expiry, u64:
              (0: not known)                                     milliseconds since 1970

                                                       trailer    4 bytes: f1 db e5 d7, none of them zero

A group is written only when the group before it is durable, and is recovered whole or not at all. The header names
segment, offset and group, so bytes that once stood elsewhere never pass for a group; and no byte ff is in UTF-8, so
neither does a key or a text that was made to look like one. The trailer tells a group that was
cut short (its end reads as zeros) from one that was damaged.

A frame with the flag joined belongs to one batch with the next frame; a batch lies in one group. The expiry of a set or
a touch is the key's from then on, no expiry means that the document never expires; a patch without an expiry keeps the
document's. A separate kind of frame removes an expired document, so replay never asks for the time.

In segments of format 2 flags and clock are 0, and there is no touch and no expire. A kind or a flag that this FluxDB
does not know comes from a newer one; flags to come must not make a frame longer without a new format of segments.
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

cdef enum:
    SECTOR_BYTES = 512
    GROUP_HEADER_BYTES = 64
    FRAME_HEADER_BYTES = 28
    TRAILER_BYTES = 4

cdef enum RecordKind:
    KIND_SET = 1
    KIND_DELETE = 2
    KIND_PATCH = 3
    KIND_PATCH_REMOVE_NULLS = 4
    KIND_TOUCH = 5
    KIND_EXPIRE = 6

cdef enum FrameFlag:
    FRAME_JOINED = 1        # the next frame belongs to the same batch
    FRAME_EXPIRES = 2       # the expiry follows the text
    FRAME_FLAGS = 3         # all that are known

cdef enum:
    EXPIRY_BYTES = 8

cdef packed struct GroupHeader:
    uint32_t magic
    uint32_t checksum
    uint64_t group
    uint64_t segment
    uint64_t offset
    uint64_t first_revision
    uint64_t body_bytes
    uint32_t records
    uint32_t chain
    uint64_t clock_ms

cdef packed struct FrameHeader:
    uint32_t checksum
    uint32_t text_bytes
    uint16_t key_bytes
    uint8_t kind
    uint8_t flags
    uint64_t revision
    uint64_t version

# A frame where it lies in a buffer.
cdef struct Frame:
    FrameHeader header
    const uint8_t* key
    const uint8_t* text
    uint64_t expires_at_ms  # 0: without FRAME_EXPIRES
    size_t frame_bytes

cdef inline size_t frame_size(size_t key_bytes, size_t text_bytes, uint8_t flags) noexcept nogil:
    return FRAME_HEADER_BYTES + key_bytes + text_bytes + (EXPIRY_BYTES if flags & FRAME_EXPIRES else 0)

# A set and a patch have a text, the other kinds have none.
cdef inline bint kind_has_text(uint8_t kind) noexcept nogil:
    return kind == KIND_SET or kind == KIND_PATCH or kind == KIND_PATCH_REMOVE_NULLS

# Kind and flags are known to this FluxDB.
cdef inline bint frame_is_known(const FrameHeader* header) noexcept nogil:
    return KIND_SET <= header.kind <= KIND_EXPIRE and not header.flags & ~FRAME_FLAGS

cdef inline size_t group_size(size_t body_bytes) noexcept nogil:
    return GROUP_HEADER_BYTES + body_bytes + TRAILER_BYTES

cdef inline size_t round_up(size_t value, size_t unit) noexcept nogil:
    return (value + unit - 1) // unit * unit

# Writes a frame to out, which has room for frame_size bytes. checksum is filled in, whatever header holds. The expiry
# is written where header.flags has FRAME_EXPIRES.
cdef void frame_encode(
    uint8_t* out, const FrameHeader* header, const uint8_t* key, const uint8_t* text, uint64_t expires_at_ms,
) noexcept nogil
# Writes a group's header to out; returns its checksum. magic and checksum are filled in.
cdef uint32_t group_header_encode(uint8_t* out, const GroupHeader* header) noexcept nogil
cdef void trailer_encode(uint8_t* out) noexcept nogil

# Is there a valid group header at offset? (Magic, checksum, and that it says that offset.)
cdef bint group_header_decode(
    const uint8_t* buffer, size_t buffer_bytes, size_t offset, GroupHeader* header,
) noexcept nogil
# The valid frame at the front of left bytes; False if none is there.
cdef bint frame_decode(const uint8_t* at, size_t left, Frame* frame) noexcept nogil

cdef enum GroupStatus:
    GROUP_BROKEN = 0        # a frame or the trailer is missing, damaged, or out of sequence
    GROUP_WHOLE = 1
    GROUP_NEWER = 2         # whole, but a frame has a kind or a flag that this FluxDB does not know

# Are all frames of the group there, valid and in sequence, and its trailer?
cdef int group_status(
    const uint8_t* buffer, size_t buffer_bytes, size_t offset, const GroupHeader* header,
) noexcept nogil
