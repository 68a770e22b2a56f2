"""Looking at a log without applying it: what recovery, check and repair want to know of a segment's bytes."""

from libc.stdint cimport uint64_t

from fluxdb._core.frame cimport (
    GROUP_HEADER_BYTES, SECTOR_BYTES, Frame, GroupHeader as Header, frame_decode, group_header_decode, group_size,
    round_up,
)


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


def has_zero_sector(const uint8_t[::1] segment not None, size_t offset, size_t end):
    cdef size_t buffer_bytes = <size_t>segment.shape[0]
    cdef const uint8_t* buffer = &segment[0] if buffer_bytes else NULL
    cdef size_t at = offset
    cdef size_t left
    cdef bint found = end > buffer_bytes
    with nogil:
        while at < end and not found:
            left = end - at
            found = is_zero(buffer + at, left if left < SECTOR_BYTES else SECTOR_BYTES)
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
    while len(frames) < header.records and frame_decode(at, left, &frame):
        key = frame.key[:frame.header.key_bytes].decode("utf-8", "backslashreplace")
        frames.append(
            (frame.header.kind, frame.header.revision, frame.header.version, key, frame.text[:frame.header.text_bytes])
        )
        at += frame.frame_bytes
        left -= frame.frame_bytes
    return frames
