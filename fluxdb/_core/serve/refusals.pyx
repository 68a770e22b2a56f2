"""Answers to a client whose bytes can't be accepted."""

from libc.string cimport memcmp, strchr

from fluxdb._core.commit.boundary cimport outcome_exception
from fluxdb._core.json.reading cimport JSON_DEPTH
from fluxdb._core.json.text cimport json_status_words
from fluxdb._core.serve.messages cimport error_members, error_text
from fluxdb._core.serve.wire cimport (
    WIRE_BAD_JSON, WIRE_BAD_LIMIT, WIRE_BAD_PATH, WIRE_BAD_TTL, WIRE_EMPTY_KEY, WIRE_FOREIGN, WIRE_MISSING,
    WIRE_NOT_AN_OBJECT, WIRE_NOT_IN_BATCH, WIRE_NO_KIND, WIRE_NO_MEMORY, WIRE_OK, WIRE_PAGE_TOO_LARGE, WIRE_TOO_LONG,
    WIRE_TOO_MANY, WIRE_UNAUTHENTICATED, WIRE_UNKNOWN_KIND,
)

# By WireKind.
WIRE_NAMES = (
    None, "get", "set", "del", "patch", "snapshot", "subscribe", "unsubscribe", "ping", "info", "auth", "get_many",
    "scan", "count", "batch", "increment", "touch", "backup",
)
KINDS = ", ".join(WIRE_NAMES[1:])
KINDS_IN_BATCH = "set, del, patch, increment, touch, check"
FOREIGN = "this port speaks FluxDB's protocol: one JSON object a line, no HTTP, no TLS"
PROXY = (
    "this port does not speak the PROXY protocol: turn that off in the proxy or load balancer in front of it "
    "(send-proxy, proxy_protocol)"
)


cdef bytes error_line(const Handed* handed, const Commit* commit):
    cdef bytes id = b',"id":' + handed.id.data[:handed.id.bytes] if handed.id.bytes else b""
    cdef bytes members
    if handed.wire_status == WIRE_OK:
        key = handed.key.data[:handed.key.bytes].decode() if handed.key.data != NULL else None
        path = handed.password.data[:handed.password.bytes].decode() if handed.password.data != NULL else ""
        error = outcome_exception(&handed.outcome, commit, key, path)
        if handed.index >= 0:
            error.index = handed.index
        members = error_members(error)
    else:
        code, message = complaint(handed, commit.limits.depth_max)
        members = error_text(code, message)
        if handed.index >= 0:
            members += b',"index":%d' % handed.index
    return b'{"kind":"error",%b%b}\n' % (members, id)


# By WireStatus: (code, message) of what needs no number and no name.
COMPLAINTS = {
    int(WIRE_NOT_AN_OBJECT): ("invalid_request", 'a request is a JSON object, as {"kind":"get","key":"a"}'),
    int(WIRE_NO_KIND): ("invalid_request", f"the request has no member kind; it is one of {KINDS}"),
    int(WIRE_UNKNOWN_KIND): ("invalid_request", f"the kind is none of {KINDS}"),
    int(WIRE_NOT_IN_BATCH): ("invalid_request", f"the kind of an operation is one of {KINDS_IN_BATCH}"),
    int(WIRE_NO_MEMORY): ("no_memory", "no memory for the request"),
    int(WIRE_UNAUTHENTICATED): ("auth", 'a password is needed first: {"kind":"auth","password":...}'),
    int(WIRE_EMPTY_KEY): ("invalid_key", "a key can't be empty"),
    int(WIRE_BAD_PATH): (
        "invalid_value",
        'the path is no JSON Pointer (RFC 6901): a path is "" or "/name/0"; ~1 is a / in a name, ~0 a ~',
    ),
    int(WIRE_BAD_TTL): (
        "invalid_value", "ttl is a number of seconds, more than 0 and at most 100 years, and goes without keep_ttl",
    ),
    int(WIRE_BAD_LIMIT): ("invalid_value", "limit is a whole number from 1"),
}
LIST_LIMITS = {"keys": "page_documents_max", "ops": "batch_operations_max"}


cdef tuple complaint(const Handed* handed, uint32_t depth_max):
    """(code, message) of a line that can't be taken."""
    cdef int status = handed.wire_status
    if status in COMPLAINTS:
        return COMPLAINTS[status]
    if status == WIRE_TOO_LONG:
        bound = "line_bytes_max" if handed.detail else "auth_line_bytes_max, until the password is told"
        return "too_large", f"a line of more than {handed.offset} bytes ({bound}); it was passed over"
    if status == WIRE_BAD_JSON and handed.detail == JSON_DEPTH:
        message = f"the value is nested deeper than {depth_max} (depth_max), at byte {handed.offset} of the line"
        return "too_large", message
    if status == WIRE_BAD_JSON:
        words = json_status_words(handed.detail).decode()
        return "invalid_request", f"{words}, at byte {handed.offset} of the line"
    if status == WIRE_FOREIGN:
        return "invalid_request", PROXY if handed.detail == FOREIGN_PROXY else FOREIGN
    name = handed.member.decode()
    if status == WIRE_TOO_MANY:
        return "too_large", f"the member {name} has more than {handed.offset} items ({LIST_LIMITS[name]})"
    if status == WIRE_PAGE_TOO_LARGE:
        return "too_large", f"the documents have over {handed.offset} bytes together (page_bytes_max): ask for fewer"
    if status == WIRE_MISSING:
        return "invalid_request", f"the request has no member {name}"
    return "invalid_request", f"the member {name} is of the wrong type"


cdef inline bint is_token(uint8_t byte) noexcept nogil:
    """May it stand in the method of an HTTP request (RFC 9110, 5.6.2)? Those that a page makes up are free words."""
    if c"0" <= byte <= c"9" or c"A" <= byte <= c"Z" or c"a" <= byte <= c"z":
        return True
    return byte != 0 and strchr(b"!#$%&'*+-.^_`|~", byte) != NULL


cdef bint has_method(const uint8_t* line, size_t line_bytes) noexcept nogil:
    cdef size_t at = 0
    while at < line_bytes and is_token(line[at]):
        at += 1
    return at > 0 and at < line_bytes and (line[at] == c" " or line[at] == c"\t")


cdef int foreign_begin(const uint8_t* line, size_t line_bytes, bint whole) noexcept nogil:
    cdef size_t at = 0
    if line_bytes >= 2 and line[0] == 0x16 and line[1] == 0x03:
        return FOREIGN_OTHER
    # Version 2 begins with \r\n\r\n\0\r\nQUIT\n: two lines that are empty, then this.
    if line_bytes >= 6 and memcmp(line, b"PROXY ", 6) == 0:
        return FOREIGN_PROXY
    if whole and line_bytes == 2 and memcmp(line, b"\0\r", 2) == 0:
        return FOREIGN_PROXY
    if not whole or not has_method(line, line_bytes):
        return FOREIGN_NONE
    while at + 6 <= line_bytes:
        if memcmp(line + at, b" HTTP/", 6) == 0:
            return FOREIGN_OTHER
        at += 1
    return FOREIGN_NONE
