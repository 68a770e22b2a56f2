"""Reading JSON text: how far it is read and copied, white space, strings.

Functions that read take the place to read from, and return the one after what they read; NULL: failed.
"""

from libc.stddef cimport size_t
from libc.stdint cimport int32_t, uint8_t, uint32_t
from libc.string cimport memchr, memcmp, memcpy

cdef enum:
    DEPTH_CAP = 1026        # levels of any text: the greatest Limits.depth_max, and a batch in its line around a value

cdef enum JsonStatus:
    JSON_OK = 0
    JSON_SYNTAX = 1         # not JSON (RFC 8259), or something after it
    JSON_UTF8 = 2           # bytes that are not UTF-8
    JSON_SURROGATE = 3      # an escaped surrogate without its other half
    JSON_NUMBER_RANGE = 4   # an integer beyond [-2^63, 2^64 - 1], or a number beyond a double
    JSON_DEPTH = 5          # arrays and objects nested deeper than depth_max
    JSON_MEMORY = 6         # malloc failed

cdef extern from "json/scan.h" nogil:
    const uint8_t* fluxdb_scan_plain(const uint8_t* begin, const uint8_t* at, const uint8_t* end) noexcept
    const uint8_t* fluxdb_scan_space(const uint8_t* begin, const uint8_t* at, const uint8_t* end) noexcept
    const uint8_t* fluxdb_scan_utf8(const uint8_t* at, const uint8_t* end) noexcept
    int32_t fluxdb_read_hex(const uint8_t* at, const uint8_t* end) noexcept
    bint fluxdb_is_name(const uint8_t* at, const uint8_t* end, const uint8_t* name, uint32_t name_bytes) noexcept
    void fluxdb_copy_run(uint8_t* out, const uint8_t* run, size_t run_bytes, const uint8_t* text_end) noexcept

cdef extern from *:
    bint likely(bint) noexcept nogil
    bint unlikely(bint) noexcept nogil


cdef struct Reading:
    const uint8_t* begin
    const uint8_t* end
    const uint8_t* run  # canonical from here on, and not yet copied
    uint8_t* out_begin
    uint8_t* out
    int status
    const uint8_t* failed_at


cdef inline const uint8_t* fail(Reading* reading, int status, const uint8_t* at) noexcept nogil:
    reading.status = status
    reading.failed_at = at
    return NULL


cdef inline void flush(Reading* reading, const uint8_t* upto) noexcept nogil:
    """Copy what is canonical and not yet copied."""
    cdef size_t run_bytes = upto - reading.run
    fluxdb_copy_run(reading.out, reading.run, run_bytes, reading.end)
    reading.out += run_bytes
    reading.run = upto


cdef inline const uint8_t* skip_space(Reading* reading, const uint8_t* at) noexcept nogil:
    if likely(at < reading.end and at[0] > c' '):
        return at
    return drop_space(reading, at)


cdef inline const uint8_t* drop_space(Reading* reading, const uint8_t* at) noexcept nogil:
    cdef const uint8_t* after = at
    while after < reading.end and (after[0] == c' ' or after[0] == c'\n' or after[0] == c'\r' or after[0] == c'\t'):
        after += 1
        if after - at == 4:
            after = fluxdb_scan_space(reading.begin, after, reading.end)
    if after > at:
        flush(reading, at)
        reading.run = after
    return after


cdef inline const uint8_t* read_string(Reading* reading, const uint8_t* at) noexcept nogil:
    """``at``: after the opening quote."""
    while True:
        at = fluxdb_scan_plain(reading.begin, at, reading.end)
        if likely(at < reading.end and at[0] == c'"'):
            return at + 1
        at = read_special(reading, at)
        if unlikely(at == NULL):
            return NULL


cdef inline const uint8_t* read_special(Reading* reading, const uint8_t* at) noexcept nogil:
    """Read the parts of a string that are not plain: escapes, characters above ASCII, and forbidden characters."""
    while at < reading.end and at[0] == c'\\':
        at = read_escape(reading, at)
        if unlikely(at == NULL):
            return NULL
    at = fluxdb_scan_utf8(at, reading.end)
    if unlikely(at == reading.end or at[0] < c' '):
        return fail(reading, JSON_SYNTAX, at)
    if unlikely(at[0] >= 0x80):
        return fail(reading, JSON_UTF8, at)
    return at


cdef inline const uint8_t* read_escape(Reading* reading, const uint8_t* at) noexcept nogil:
    cdef int32_t unit, low
    cdef const uint8_t* after = at + 6
    if unlikely(reading.end - at < 2):
        return fail(reading, JSON_SYNTAX, reading.end)
    if at[1] != c'u':
        if at[1] == c'/':
            return respell(reading, at, at + 2, c'/')
        if likely(memchr(b'"\\nrtbf', at[1], 7) != NULL):
            return at + 2
        return fail(reading, JSON_SYNTAX, at)
    unit = fluxdb_read_hex(at + 2, reading.end)
    if unlikely(unit < 0):
        return fail(reading, JSON_SYNTAX, at)
    if unit & 0xF800 == 0xD800:
        if unit >= 0xDC00 or reading.end - after < 2 or after[0] != c'\\' or after[1] != c'u':
            return fail(reading, JSON_SURROGATE, at)
        low = fluxdb_read_hex(after + 2, reading.end)
        if low < 0:
            return fail(reading, JSON_SYNTAX, after)
        if low & 0xFC00 != 0xDC00:
            return fail(reading, JSON_SURROGATE, at)
        unit = 0x10000 + ((unit & 0x3FF) << 10) + (low & 0x3FF)
        after += 6
    return respell(reading, at, after, unit)


cdef inline const uint8_t* respell(
    Reading* reading, const uint8_t* at, const uint8_t* after, int32_t character
) noexcept nogil:
    """Write a character that was escaped in [at, after) as canonical text has it."""
    cdef uint8_t spelled[6]
    cdef size_t spelled_bytes
    if character < 0x20:
        spelled_bytes = spell_control(character, spelled)
        if spelled_bytes == 6 and memcmp(spelled, at, 6) == 0:
            return after  # as it was
        flush(reading, at)
        memcpy(reading.out, spelled, spelled_bytes)
    else:
        flush(reading, at)
        spelled_bytes = spell(character, reading.out)
    reading.out += spelled_bytes
    reading.run = after
    return after


cdef inline size_t spell_control(int32_t character, uint8_t* out) noexcept nogil:
    """A control character in canonical text; how many bytes it takes."""
    cdef const char* digits = b"0123456789abcdef"
    cdef const char* letters = b"btn\0fr"  # from U+0008 on
    out[0] = c'\\'
    if 8 <= character <= 13 and character != 11:
        out[1] = letters[character - 8]
        return 2
    out[1] = c'u'
    out[2] = out[3] = c'0'
    out[4] = digits[character >> 4]
    out[5] = digits[character & 15]
    return 6


cdef inline size_t spell(int32_t character, uint8_t* out) noexcept nogil:
    """Any other character; how many bytes it takes."""
    if character >= 0x800:
        if character < 0x10000:
            out[0] = <uint8_t>(0xE0 | character >> 12)
            out[1] = <uint8_t>(0x80 | character >> 6 & 0x3F)
            out[2] = <uint8_t>(0x80 | character & 0x3F)
            return 3
        out[0] = <uint8_t>(0xF0 | character >> 18)
        out[1] = <uint8_t>(0x80 | character >> 12 & 0x3F)
        out[2] = <uint8_t>(0x80 | character >> 6 & 0x3F)
        out[3] = <uint8_t>(0x80 | character & 0x3F)
        return 4
    if character >= 0x80:
        out[0] = <uint8_t>(0xC0 | character >> 6)
        out[1] = <uint8_t>(0x80 | character & 0x3F)
        return 2
    if character == c'"' or character == c'\\':
        out[0] = c'\\'
        out[1] = <uint8_t>character
        return 2
    out[0] = <uint8_t>character
    return 1
