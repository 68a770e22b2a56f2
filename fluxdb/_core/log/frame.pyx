"""Encoding and checking of groups and frames; log/frame.pxd draws the layout."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memcmp, memcpy

from fluxdb._core.base.crc32c cimport fluxdb_crc32c

cdef enum:
    GROUP_MAGIC = 0xFF475846        # "FXG" and ff, as its bytes lie
    TRAILER = 0xD7E5DBF1


cdef void frame_encode(
    uint8_t* out, const FrameHeader* header, const uint8_t* key, const uint8_t* text, uint64_t expires_at_ms,
) noexcept nogil:
    cdef uint8_t* end = out + FRAME_HEADER_BYTES + header.key_bytes
    cdef uint32_t checksum
    memcpy(out, header, sizeof(FrameHeader))
    memcpy(out + FRAME_HEADER_BYTES, key, header.key_bytes)
    if header.text_bytes:
        memcpy(end, text, header.text_bytes)
    if header.flags & FRAME_EXPIRES:
        memcpy(end + header.text_bytes, &expires_at_ms, EXPIRY_BYTES)
    checksum = fluxdb_crc32c(0, out + 4, frame_size(header.key_bytes, header.text_bytes, header.flags) - 4)
    memcpy(out, &checksum, 4)


cdef uint32_t group_header_encode(uint8_t* out, const GroupHeader* header) noexcept nogil:
    cdef GroupHeader filled = header[0]
    filled.magic = GROUP_MAGIC
    filled.checksum = fluxdb_crc32c(0, <const uint8_t*>&filled + 8, GROUP_HEADER_BYTES - 8)
    memcpy(out, &filled, GROUP_HEADER_BYTES)
    return filled.checksum


cdef void trailer_encode(uint8_t* out) noexcept nogil:
    cdef uint32_t trailer = TRAILER
    memcpy(out, &trailer, TRAILER_BYTES)


cdef bint group_header_decode(
    const uint8_t* buffer, size_t buffer_bytes, size_t offset, GroupHeader* header,
) noexcept nogil:
    if offset > buffer_bytes or buffer_bytes - offset < GROUP_HEADER_BYTES:
        return False
    memcpy(header, buffer + offset, GROUP_HEADER_BYTES)
    return (
        header.magic == GROUP_MAGIC
        and header.checksum == fluxdb_crc32c(0, buffer + offset + 8, GROUP_HEADER_BYTES - 8)
        and header.offset == offset
        and header.records > 0
    )


cdef bint frame_decode(const uint8_t* at, size_t left, Frame* frame) noexcept nogil:
    if left < FRAME_HEADER_BYTES:
        return False
    memcpy(&frame.header, at, FRAME_HEADER_BYTES)
    frame.frame_bytes = frame_size(frame.header.key_bytes, frame.header.text_bytes, frame.header.flags)
    if left < frame.frame_bytes or frame.header.checksum != fluxdb_crc32c(0, at + 4, frame.frame_bytes - 4):
        return False
    frame.key = at + FRAME_HEADER_BYTES
    frame.text = frame.key + frame.header.key_bytes
    frame.expires_at_ms = 0
    if frame.header.flags & FRAME_EXPIRES:
        memcpy(&frame.expires_at_ms, frame.text + frame.header.text_bytes, EXPIRY_BYTES)
    return True


cdef int group_status(
    const uint8_t* buffer, size_t buffer_bytes, size_t offset, const GroupHeader* header,
) noexcept nogil:
    cdef size_t left = buffer_bytes - offset - GROUP_HEADER_BYTES
    cdef const uint8_t* at = buffer + offset + GROUP_HEADER_BYTES
    cdef uint32_t trailer = TRAILER
    cdef bint known = True
    cdef uint32_t i
    cdef Frame frame
    if header.body_bytes > left or left - header.body_bytes < TRAILER_BYTES:
        return GROUP_BROKEN
    left = header.body_bytes
    for i in range(header.records):
        if not frame_decode(at, left, &frame) or frame.header.revision != header.first_revision + i:
            return GROUP_BROKEN
        known = known and frame_is_known(&frame.header)
        at += frame.frame_bytes
        left -= frame.frame_bytes
    if left or memcmp(at, &trailer, TRAILER_BYTES) != 0:
        return GROUP_BROKEN
    return GROUP_WHOLE if known else GROUP_NEWER


def encode_frame(
    uint8_t kind, uint64_t revision, uint64_t version, bytes key not None, bytes text not None, uint32_t times=1, *,
    uint8_t flags=0, uint64_t expires_at_ms=0,
):
    cdef FrameHeader header
    cdef bytes made
    cdef uint8_t* out
    cdef const uint8_t* key_at = <const uint8_t*>PyBytes_AS_STRING(key)
    cdef const uint8_t* text_at = <const uint8_t*>PyBytes_AS_STRING(text)
    cdef uint32_t i
    if not key or PyBytes_GET_SIZE(key) > 0xFFFF or PyBytes_GET_SIZE(text) > 0x7FFFFFFF:
        raise ValueError("a key has 1 to 65,535 bytes, a text less than 2 GiB")
    header.checksum = 0
    header.text_bytes = <uint32_t>PyBytes_GET_SIZE(text)
    header.key_bytes = <uint16_t>PyBytes_GET_SIZE(key)
    header.kind = kind
    header.flags = flags
    header.revision = revision
    header.version = version
    if not times:
        raise ValueError("it is made at least once")
    made = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>frame_size(header.key_bytes, header.text_bytes, flags))
    out = <uint8_t*>PyBytes_AS_STRING(made)
    with nogil:
        for i in range(times):
            frame_encode(out, &header, key_at, text_at, expires_at_ms)
    return made
