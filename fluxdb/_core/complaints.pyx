"""What is told to a client whose bytes can't be taken."""

from libc.string cimport memcmp

from fluxdb._core.jsontext cimport JSON_DEPTH, json_status_words
from fluxdb._core.wire cimport (
    WIRE_BAD_JSON, WIRE_MISSING, WIRE_NO_KIND, WIRE_NO_MEMORY, WIRE_NOT_AN_OBJECT, WIRE_UNKNOWN_KIND,
)

# By WireKind.
WIRE_NAMES = (None, "get", "set", "del", "patch", "snapshot", "subscribe", "unsubscribe", "ping", "info", "auth")
FOREIGN = "this port speaks FluxDB's protocol: one JSON object a line, no HTTP, no TLS"


cdef tuple complaint(int status, const WireRequest* wire, uint32_t depth_max):
    cdef str kinds = ", ".join(WIRE_NAMES[1:])
    if status == WIRE_NO_MEMORY:
        raise MemoryError
    if status == WIRE_BAD_JSON and wire.detail == JSON_DEPTH:
        message = f"the value is nested deeper than {depth_max} (depth_max), at byte {wire.offset} of the line"
        return "too_large", message
    if status == WIRE_BAD_JSON:
        message = f"{json_status_words(wire.detail).decode()}, at byte {wire.offset} of the line"
    elif status == WIRE_NOT_AN_OBJECT:
        message = 'a request is a JSON object, as {"kind":"get","key":"a"}'
    elif status == WIRE_NO_KIND:
        message = f"the request has no member kind; it is one of {kinds}"
    elif status == WIRE_UNKNOWN_KIND:
        message = f"the kind is none of {kinds}"
    elif status == WIRE_MISSING:
        message = f"the request has no member {wire.member.decode()}"
    else:
        message = f"the member {wire.member.decode()} is of the wrong type"
    return "invalid_request", message


cdef bint is_foreign(const uint8_t* line, size_t line_bytes, bint whole) noexcept nogil:
    cdef size_t at = 0
    if line_bytes >= 2 and line[0] == 0x16 and line[1] == 0x03:
        return True
    while at < line_bytes and c"A" <= line[at] <= c"Z":
        at += 1
    if at == 0 or at == line_bytes or line[at] != c" ":
        return False
    while whole and at + 6 <= line_bytes:
        if memcmp(line + at, b" HTTP/", 6) == 0:
            return True
        at += 1
    return False
