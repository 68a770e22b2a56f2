"""One line of the protocol: a parsed request, and the replies to it as bytes.

    line    := JSON object "\n"                 a "\r" before the newline is white space
    request := kind, and by kind: key, keys, ops, value | delta, if_version, remove_nulls, by, path, ttl, keep_ttl,
               prefix, start, end, after, limit, reverse, keys_only, password, folder; in any: id

Members may come in any order; if one comes twice the last one counts; members of other names are ignored, so that later
clients can send more. The line is brought to canonical form once, and a value is stored from there.
"""

from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from fluxdb._core.base.slice cimport Slice

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
    WIRE_GET_MANY = 11
    WIRE_SCAN = 12
    WIRE_COUNT = 13
    WIRE_BATCH = 14
    WIRE_INCREMENT = 15
    WIRE_TOUCH = 16
    WIRE_BACKUP = 17
    WIRE_KINDS = 18         # how many there are
    WIRE_CHECK = 18         # in a batch only

cdef enum WireStatus:
    WIRE_OK = 0
    WIRE_BAD_JSON = 1       # detail: JsonStatus; offset: where in the line
    WIRE_NOT_AN_OBJECT = 2
    WIRE_NO_KIND = 3
    WIRE_UNKNOWN_KIND = 4
    WIRE_MISSING = 5        # member: which one
    WIRE_WRONG_TYPE = 6     # member: which one
    WIRE_NO_MEMORY = 7
    WIRE_NOT_IN_BATCH = 8
    # Behind these is no fault of the line's form.
    WIRE_TOO_LONG = 9       # offset: the limit
    WIRE_FOREIGN = 10       # another protocol
    WIRE_UNAUTHENTICATED = 11
    WIRE_EMPTY_KEY = 12
    WIRE_BAD_PATH = 13
    WIRE_BAD_TTL = 14
    WIRE_BAD_LIMIT = 15     # a page of no documents
    WIRE_TOO_MANY = 16      # offset: the limit; member: of which list
    WIRE_PAGE_TOO_LARGE = 17    # offset: the limit, of what GETMANY may read at once
    WIRE_KEY_TOO_LONG = 18
    WIRE_NO_INDEX = 19      # the index of the keys is to be built first

# Text data is NULL where the request does not say it, or says null.
cdef struct WireRequest:
    int kind
    Slice id                # JSON: a number or a string
    Slice key               # what the JSON string says, in UTF-8; likewise
    Slice password          # of a BACKUP: its folder
    Slice path              # a JSON Pointer
    Slice prefix
    Slice start
    Slice end
    Slice after
    Slice value             # of a SET its value, of a PATCH its delta: canonical JSON
    Slice items             # of GETMANY its keys, of a BATCH its operations: a canonical JSON array
    int64_t if_version      # -1: no condition
    int64_t by
    uint64_t limit          # 0: none is asked for
    uint64_t ttl_ms         # 0: none
    bint remove_nulls
    bint reverse
    bint keys_only
    bint must_exist
    bint has_ttl            # or says that it never expires
    bint keep_ttl
    int detail
    size_t offset
    const char* member
    int64_t index           # of the operation of a batch that is wrong; -1: it is none

# Room that wire_parse needs at scratch; the request points into it.
cdef inline size_t wire_scratch_bytes(size_t line_bytes) noexcept nogil:
    return 3 * line_bytes + 16

# Takes the line (without its newline) apart. On failure id is what was found of it.
cdef int wire_parse(
    const uint8_t* line, size_t line_bytes, uint32_t depth_max, uint8_t* scratch, WireRequest* request,
) noexcept nogil

# Takes an operation of a batch apart, a canonical JSON value. Its texts are put into room, which moves on.
cdef int wire_parse_operation(const Slice* json, uint8_t** room, WireRequest* request) noexcept nogil
