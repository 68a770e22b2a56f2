"""Looking at a log without applying it: what recovery, check and repair want to know of a segment's bytes."""

from libc.stdint cimport uint64_t

from fluxdb._core.log.frame cimport (
    FRAME_HEADER_BYTES, FRAME_JOINED, GROUP_HEADER_BYTES, SECTOR_BYTES, TRAILER_BYTES, Frame, FrameHeader,
    GroupHeader as Header, frame_decode, frame_is_known, frame_size, group_header_decode, group_size, round_up,
)

from typing import NamedTuple


cdef bint is_zero(const uint8_t* at, size_t count) noexcept nogil:
    cdef size_t i
    for i in range(count):
        if at[i]:
            return False
    return True


def find_group(const uint8_t[::1] segment not None, size_t offset, uint64_t segment_number, uint64_t after_group):
    cdef size_t buffer_bytes = <size_t>segment.shape[0]
    cdef size_t at = round_up(offset, SECTOR_BYTES)
    cdef const uint8_t* buffer = &segment[0] if buffer_bytes else NULL
    cdef bint found = False
    cdef Header header
    with nogil:
        while at < buffer_bytes:
            if group_header_decode(buffer, buffer_bytes, at, &header):
                if header.segment == segment_number and header.group > after_group:
                    found = True
                    break
            at += SECTOR_BYTES
    return at if found else -1


def last_nonzero(const uint8_t[::1] segment not None, size_t offset):
    cdef size_t at = <size_t>segment.shape[0]
    cdef const uint8_t* buffer = &segment[0] if at else NULL
    with nogil:
        while at > offset and buffer[at - 1] == 0:
            at -= 1
    return at - 1 if at > offset else -1


# A frame of a group that is not whole, as far as its head can be believed.
cdef struct Walk:
    size_t at
    size_t end              # behind it
    size_t body_end         # of the group
    uint64_t revision
    bint stopped            # there is no frame here that can be believed, so nobody knows where the next one begins
    bint whole              # its checksum fits
    Frame frame


cdef void look_at_frame(const uint8_t* buffer, Walk* walk) noexcept nogil:
    cdef const FrameHeader* head = &walk.frame.header
    walk.whole = frame_decode(buffer + walk.at, walk.body_end - walk.at, &walk.frame)
    if walk.body_end - walk.at >= FRAME_HEADER_BYTES:
        walk.end = walk.at + frame_size(head.key_bytes, head.text_bytes, head.flags)
    walk.stopped = (
        walk.body_end - walk.at < FRAME_HEADER_BYTES or walk.end > walk.body_end or head.revision != walk.revision
        or not frame_is_known(head)
    )


cdef bint is_written_so(const uint8_t* buffer, size_t at, Walk* walk) noexcept nogil:
    """Was the sector of zeros at that place written as zeros? Only a key can hold any, and only NULs are their kin."""
    cdef size_t key = walk.at + FRAME_HEADER_BYTES
    cdef size_t key_end = key + walk.frame.header.key_bytes
    cdef size_t end = at + SECTOR_BYTES
    if walk.stopped or at < key or end > walk.end:
        return False
    if walk.whole:
        return True
    if end > key_end or (at == key and end == key_end):
        return False
    # A text that lacks a sector has other bytes on both sides of it.
    return (at == key or buffer[at - 1] == 0) and (end == key_end or buffer[end] == 0)


def has_gap(const uint8_t[::1] segment not None, size_t offset):
    cdef size_t buffer_bytes = <size_t>segment.shape[0]
    cdef const uint8_t* buffer = &segment[0] if buffer_bytes else NULL
    cdef size_t at = offset
    cdef size_t end
    cdef bint found = False
    cdef Header header
    cdef Walk walk
    if buffer_bytes == 0 or not group_header_decode(buffer, buffer_bytes, offset, &header):
        raise ValueError(f"there is no group at byte {offset}")
    if header.body_bytes > buffer_bytes or group_size(header.body_bytes) > buffer_bytes - offset:
        return True
    end = offset + group_size(header.body_bytes)
    walk.at = offset + GROUP_HEADER_BYTES
    walk.body_end = end - TRAILER_BYTES
    walk.revision = header.first_revision
    with nogil:
        look_at_frame(buffer, &walk)
        found = buffer[end - 1] == 0
        while at < end and not found:
            if is_zero(buffer + at, SECTOR_BYTES if end - at > SECTOR_BYTES else end - at):
                while not walk.stopped and walk.end <= at:
                    walk.at = walk.end
                    walk.revision += 1
                    look_at_frame(buffer, &walk)
                found = not is_written_so(buffer, at, &walk)
            at += SECTOR_BYTES
    return found


cdef class GroupHeader:
    cdef readonly object group
    cdef readonly object segment
    cdef readonly object offset
    cdef readonly object first_revision
    cdef readonly object records
    cdef readonly object group_bytes
    cdef readonly object chain
    cdef readonly object checksum


def read_group_header(const uint8_t[::1] segment not None, size_t offset):
    cdef Header header
    cdef GroupHeader found
    if segment.shape[0] == 0 or not group_header_decode(&segment[0], <size_t>segment.shape[0], offset, &header):
        return None
    found = GroupHeader()
    found.group = header.group
    found.segment = header.segment
    found.offset = header.offset
    found.first_revision = header.first_revision
    found.records = header.records
    found.group_bytes = group_size(header.body_bytes)
    found.chain = header.chain
    found.checksum = header.checksum
    return found


class FoundFrame(NamedTuple):
    kind: int
    revision: int
    version: int
    key: str
    text: bytes
    joined: bool
    expires_at_ms: int


def read_frames(const uint8_t[::1] segment not None, size_t offset):
    cdef size_t buffer_bytes = <size_t>segment.shape[0]
    cdef const uint8_t* at
    cdef size_t left
    cdef Header header
    cdef Frame frame
    frames = []
    if buffer_bytes == 0 or not group_header_decode(&segment[0], buffer_bytes, offset, &header):
        return frames
    at = &segment[0] + offset + GROUP_HEADER_BYTES
    left = buffer_bytes - offset - GROUP_HEADER_BYTES
    if header.body_bytes < left:
        left = header.body_bytes
    while len(frames) < header.records and frame_decode(at, left, &frame) and frame_is_known(&frame.header):
        frames.append(FoundFrame(
            frame.header.kind, frame.header.revision, frame.header.version,
            frame.key[:frame.header.key_bytes].decode("utf-8", "backslashreplace"),
            frame.text[:frame.header.text_bytes], bool(frame.header.flags & FRAME_JOINED), frame.expires_at_ms,
        ))
        at += frame.frame_bytes
        left -= frame.frame_bytes
    return frames
