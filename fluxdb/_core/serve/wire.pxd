"""One line of the protocol: a request as it came, taken apart; the replies to it as bytes.

    line    := JSON object "\n"                 a "\r" before the newline is white space
    request := kind, and by kind: key, value | delta, if_version, remove_nulls, password; in any: id

Members may come in any order; of one that comes twice the last counts; members of other names are passed over, so that
clients of a later version can say more. The line is brought to canonical form once, and a value is stored from there.
"""

from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from fluxdb._core.serve.slice cimport Slice

cdef enum WireKind:
    WIRE_NONE = 0
    WIRE_GET = 1
    WIRE_SET = 2
    WIRE_DELETE = 3
    WIRE_PATCH = 4
    WIRE_SNAPSHOT = 5
    WIRE_SUBSCRIBE = 6
    WIRE_UNSUBSCRIBE = 7
    WIRE_PING = 8
    WIRE_INFO = 9
    WIRE_AUTH = 10
    WIRE_KINDS = 11         # how many there are

cdef enum WireStatus:
    WIRE_OK = 0
    WIRE_BAD_JSON = 1       # detail: JsonStatus; offset: where in the line
    WIRE_NOT_AN_OBJECT = 2
    WIRE_NO_KIND = 3
    WIRE_UNKNOWN_KIND = 4
    WIRE_MISSING = 5        # member: which one
    WIRE_WRONG_TYPE = 6     # member: which one
    WIRE_NO_MEMORY = 7
    # Behind these is no fault of the line's form.
    WIRE_TOO_LONG = 8       # offset: the limit
    WIRE_FOREIGN = 9        # another protocol
    WIRE_UNAUTHENTICATED = 10
    WIRE_EMPTY_KEY = 11

cdef struct WireRequest:
    int kind
    Slice id                # JSON: a number or a string
    Slice key               # what the JSON string says, in UTF-8
    Slice value             # of a SET its value, of a PATCH its delta: canonical JSON
    Slice password          # what the JSON string says, in UTF-8
    int64_t if_version      # -1: no condition
    bint remove_nulls
    int detail
    size_t offset
    const char* member

# Room that wire_parse needs at scratch; the request points into it.
cdef inline size_t wire_scratch_bytes(size_t line_bytes) noexcept nogil:
    return 3 * line_bytes + 16

# Takes the line (without its newline) apart. On failure id is what was found of it.
cdef int wire_parse(
    const uint8_t* line, size_t line_bytes, uint32_t depth_max, uint8_t* scratch, WireRequest* request,
) noexcept nogil
