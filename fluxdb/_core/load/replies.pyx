"""Counts the replies in a stream; load/replies.pxd says of what forms."""

from libc.string cimport memchr, memcmp, memcpy

cdef const char* ERROR_HEAD = b'{"kind":"error"'

cdef enum:
    ERROR_HEAD_BYTES = 15
    BULK_BYTES_MAX = 1_000_000_000


cdef int64_t replies_read(
    ReplyReader* reader, ReplyTally* tally, int protocol, const uint8_t* data, size_t data_bytes,
) noexcept nogil:
    if protocol == REPLIES_RESP:
        return read_resp(reader, tally, data, data_bytes)
    return read_lines(reader, tally, data, data_bytes)


cdef int64_t read_lines(ReplyReader* reader, ReplyTally* tally, const uint8_t* data, size_t data_bytes) noexcept nogil:
    cdef const uint8_t* end = data + data_bytes
    cdef const uint8_t* newline
    cdef int64_t replies = 0
    while data < end:
        if reader.state == REPLY_START:
            if data[0] != c'{':
                return not_understood(tally, data, end)
            reader.state = REPLY_HEAD
            reader.seen = 0
            reader.keeping = False
        if reader.state == REPLY_HEAD:
            data = read_head(reader, tally, data, end)
            if data == end:
                break
        newline = <const uint8_t*>memchr(data, c'\n', <size_t>(end - data))
        if reader.keeping:
            keep(tally, data, newline if newline != NULL else end)
        if newline == NULL:
            break
        data = newline + 1
        replies += 1
        reader.state = REPLY_START
    tally.replies += <uint64_t>replies
    return replies


cdef inline const uint8_t* read_head(
    ReplyReader* reader, ReplyTally* tally, const uint8_t* data, const uint8_t* end,
) noexcept nogil:
    """Recognise an error. Return where to continue: after the head of an error, or where it turned out to be none."""
    cdef size_t bytes = min(<size_t>(end - data), ERROR_HEAD_BYTES - reader.seen)
    if memcmp(data, ERROR_HEAD + reader.seen, bytes) != 0:
        reader.state = REPLY_LINE
        return data
    reader.seen += bytes
    if reader.seen == ERROR_HEAD_BYTES:
        reader.state = REPLY_LINE
        tally.errors += 1
        if tally.errors == 1:
            reader.keeping = True
            keep(tally, <const uint8_t*>ERROR_HEAD, <const uint8_t*>ERROR_HEAD + ERROR_HEAD_BYTES)
    return data + bytes


cdef int64_t read_resp(ReplyReader* reader, ReplyTally* tally, const uint8_t* data, size_t data_bytes) noexcept nogil:
    cdef const uint8_t* end = data + data_bytes
    cdef const uint8_t* newline
    cdef int64_t replies = 0
    cdef size_t bytes
    while data < end:
        if reader.state == REPLY_START:
            reader.keeping = False
            if data[0] == c'$':
                reader.state = REPLY_LENGTH
                reader.left = 0
                reader.negative = False
                data += 1
            elif data[0] == c'+' or data[0] == c':' or data[0] == c'-':
                if data[0] == c'-':
                    tally.errors += 1
                    reader.keeping = tally.errors == 1
                reader.state = REPLY_LINE
            else:
                return not_understood(tally, data, end)
        elif reader.state == REPLY_LINE:
            newline = <const uint8_t*>memchr(data, c'\n', <size_t>(end - data))
            if reader.keeping:
                keep(tally, data, newline if newline != NULL else end)
            if newline == NULL:
                break
            data = newline + 1
            replies += 1
            reader.state = REPLY_START
        elif reader.state == REPLY_LENGTH:
            if c'0' <= data[0] <= c'9' and reader.left < <uint64_t>BULK_BYTES_MAX:
                reader.left = reader.left * 10 + data[0] - c'0'
            elif data[0] == c'-':
                reader.negative = True
            elif data[0] == c'\n':
                replies += reader.negative
                reader.left += 2
                reader.state = REPLY_START if reader.negative else REPLY_BODY
            elif data[0] != c'\r':
                return not_understood(tally, data, end)
            data += 1
        else:
            bytes = <size_t>min(reader.left, <uint64_t>(end - data))
            data += bytes
            reader.left -= bytes
            if reader.left == 0:
                replies += 1
                reader.state = REPLY_START
    tally.replies += <uint64_t>replies
    return replies


cdef void keep(ReplyTally* tally, const uint8_t* data, const uint8_t* end) noexcept nogil:
    """Keep as much of the text as fits."""
    cdef size_t bytes = min(<size_t>(end - data), ERROR_TEXT_BYTES - tally.error_bytes)
    memcpy(tally.error_text + tally.error_bytes, data, bytes)
    tally.error_bytes += bytes


cdef int64_t not_understood(ReplyTally* tally, const uint8_t* data, const uint8_t* end) noexcept nogil:
    tally.error_bytes = 0
    keep(tally, data, end)
    return -1
