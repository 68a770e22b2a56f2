"""Counts the replies in a stream that comes in pieces of any size, and keeps nothing of them but the first error.

    LINES   one JSON object a line; an error begins with {"kind":"error"
    RESP    +text  -error  :number  $n bytes  $-1, each with \r\n
"""

from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint64_t

cdef enum ReplyProtocol:
    REPLIES_LINES = 0
    REPLIES_RESP = 1

cdef enum:
    ERROR_TEXT_BYTES = 512

cdef enum ReplyState:
    REPLY_START = 0         # between two replies
    REPLY_HEAD = 1          # LINES: so far what an error begins with
    REPLY_LINE = 2          # up to the newline; nothing more to look at
    REPLY_LENGTH = 3        # RESP: the number after $
    REPLY_BODY = 4          # RESP: so many bytes of a bulk string

# The state of one connection. All zeros: nothing has arrived.
cdef struct ReplyReader:
    uint8_t state
    bint negative           # RESP: the length began with a minus
    bint keeping            # this reply's text goes on into the first error
    size_t seen             # LINES: bytes of the head that are as an error's
    uint64_t left           # RESP: the length as read so far, then the bytes of the body with its \r\n

# The sums over all connections.
cdef struct ReplyTally:
    uint64_t replies
    uint64_t errors
    size_t error_bytes      # of error_text: what the first error said, or what could not be understood
    uint8_t error_text[ERROR_TEXT_BYTES]

# Counts the replies that end in the bytes: how many. -1: they are no such replies, and error_text holds what they are.
cdef int64_t replies_read(
    ReplyReader* reader, ReplyTally* tally, int protocol, const uint8_t* data, size_t data_bytes,
) noexcept nogil
