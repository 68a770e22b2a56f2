"""One pass over the text: check, and copy what is canonical already in runs as long as possible.

Nothing is written while the text is as it should be: ``run`` is where the part not yet copied begins. Only white space, an
escape that can be spelled shorter, or the end of the text makes a copy of it. Arrays and objects that are open are on a
stack of levels, names of the members of open objects on a stack of members.

Of a member that comes again the last one stays. The one before is overwritten where it lies in the output, with a mark and
its length, and all marks are squeezed out once at the end: whatever the text, no byte moves more than twice.
"""

import os

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memchr, memcmp, memcpy, memmove

from fluxdb._core.jsonnames cimport (
    NAMES_COMPARED_MAX, Name, NameIndex, index_free, index_init, index_is_full, index_slot, same_name, set_name,
)
from fluxdb._core.jsonnumber cimport NUMBER_OK, NUMBER_RANGE, is_digit, number_end

from fluxdb.errors import InvalidValueError, LimitError

cdef extern from "scan.h" nogil:
    const uint8_t* fluxdb_scan_plain(const uint8_t* begin, const uint8_t* at, const uint8_t* end) noexcept
    const uint8_t* fluxdb_scan_space(const uint8_t* begin, const uint8_t* at, const uint8_t* end) noexcept
    const uint8_t* fluxdb_scan_utf8(const uint8_t* at, const uint8_t* end) noexcept
    void fluxdb_copy_run(uint8_t* out, const uint8_t* run, size_t run_bytes, const uint8_t* text_end) noexcept

cdef extern from *:
    const uint32_t OFFSET_MAX "UINT32_MAX"
    const uint32_t IS_ARRAY "UINT32_MAX"  # in Level.members_begin
    const uint32_t NAME_REPLACED "UINT32_MAX"  # in Name.name_bytes: longer than any name
    bint likely(bint) noexcept nogil
    bint unlikely(bint) noexcept nogil

cdef enum:
    DEPTH_CAP = 1024  # the greatest depth_max there is
    MEMBERS_ON_STACK = 64
    REPLACED_MARK = 0  # no control character is left in canonical text


cdef struct Member:
    Name name
    uint32_t out_offset  # where it begins in the output: its name's quote


cdef struct Level:
    uint32_t members_begin
    NameIndex index  # slots are NULL while the object has few members


cdef struct Reading:
    const uint8_t* begin
    const uint8_t* end
    const uint8_t* run
    uint8_t* out_begin
    uint8_t* out
    Member* members
    uint32_t members_used
    uint32_t members_room
    bint replaced  # is there anything to squeeze out?
    int status
    const uint8_t* failed_at
    Member first_members[MEMBERS_ON_STACK]


cdef uint64_t names_seed = int.from_bytes(os.urandom(8), "little")


cdef int json_compact(
    const uint8_t* text, size_t text_bytes, uint32_t depth_max,
    uint8_t* out, size_t* out_bytes, size_t* error_offset,
) noexcept nogil:
    cdef Level levels[DEPTH_CAP]
    cdef Reading reading
    cdef uint32_t depth = 0
    reading.begin = reading.run = text
    reading.end = text + text_bytes
    reading.out_begin = reading.out = out
    reading.members = reading.first_members
    reading.members_used = 0
    reading.members_room = MEMBERS_ON_STACK
    reading.replaced = False
    reading.status = JSON_OK
    reading.failed_at = text
    if text_bytes >= OFFSET_MAX:
        reading.status = JSON_MEMORY  # offsets are kept in 32 bits
    elif read_text(&reading, levels, &depth, depth_max if depth_max < DEPTH_CAP else DEPTH_CAP) != NULL:
        flush(&reading, reading.end)
        if reading.replaced:
            squeeze(&reading)
        out_bytes[0] = reading.out - out
    while depth > 0:  # it failed within these
        depth -= 1
        if levels[depth].members_begin != IS_ARRAY:
            index_free(&levels[depth].index)
    if reading.members != reading.first_members:
        free(reading.members)
    error_offset[0] = reading.failed_at - text
    return reading.status


cdef const char* json_status_words(int status) noexcept nogil:
    if status == JSON_OK:
        return b"valid JSON"
    if status == JSON_UTF8:
        return b"bytes that are not valid UTF-8"
    if status == JSON_SURROGATE:
        return b"an escaped surrogate without its other half"
    if status == JSON_NUMBER_RANGE:
        return b"a number that can't be kept exactly (integers: -2^63 to 2^64 - 1; others: what a double can hold)"
    if status == JSON_DEPTH:
        return b"arrays and objects are nested too deep"
    if status == JSON_MEMORY:
        return b"not enough memory"
    return b"not valid JSON"


cdef inline const uint8_t* fail(Reading* reading, int status, const uint8_t* at) noexcept nogil:
    reading.status = status
    reading.failed_at = at
    return NULL


# Where to go on: each of these takes the place to read from, and returns the one behind what it read, or NULL: failed.


cdef const uint8_t* read_text(Reading* reading, Level* levels, uint32_t* depth, uint32_t depth_max) noexcept nogil:
    """A whole text: one value, and nothing behind it but white space. ``depth`` says how many levels are left open."""
    cdef const uint8_t* at = reading.begin
    cdef const uint8_t* end = reading.end
    cdef Level* level = levels - 1  # the innermost that is open
    cdef uint8_t byte
    while True:
        # A value begins here.
        at = skip_space(reading, at)
        if unlikely(at == end):
            return fail(reading, JSON_SYNTAX, at)
        byte = at[0]
        if byte == c'"':
            at = read_string(reading, at + 1)
        elif is_digit(byte) or byte == c'-':
            at = read_number(reading, at)
        elif byte == c'{' or byte == c'[':
            if unlikely(depth[0] == depth_max):
                return fail(reading, JSON_DEPTH, at)
            level += 1
            depth[0] += 1
            level.index.slots = NULL
            level.members_begin = reading.members_used if byte == c'{' else IS_ARRAY
            at = skip_space(reading, at + 1)
            if at == end or at[0] != byte + 2:  # an opening bracket plus two is the closing one
                if byte == c'{':
                    at = read_name(reading, level, at)
                    if unlikely(at == NULL):
                        return NULL
                continue
            level -= 1
            depth[0] -= 1
            at += 1
        else:
            at = read_word(reading, at)
        if unlikely(at == NULL):
            return NULL
        # Behind a value: ends of arrays and objects, then the next value of the one that is still open.
        while True:
            at = skip_space(reading, at)
            if depth[0] == 0:
                return at if at == end else fail(reading, JSON_SYNTAX, at)
            if unlikely(at == end):
                return fail(reading, JSON_SYNTAX, at)
            byte = at[0]
            if byte == c',':
                at += 1
                if level.members_begin != IS_ARRAY:
                    at = read_name(reading, level, skip_space(reading, at))
                    if unlikely(at == NULL):
                        return NULL
                break
            if level.members_begin == IS_ARRAY:
                if unlikely(byte != c']'):
                    return fail(reading, JSON_SYNTAX, at)
            else:
                if unlikely(byte != c'}'):
                    return fail(reading, JSON_SYNTAX, at)
                reading.members_used = level.members_begin
                if level.index.slots != NULL:
                    index_free(&level.index)
            level -= 1
            depth[0] -= 1
            at += 1


cdef inline const uint8_t* skip_space(Reading* reading, const uint8_t* at) noexcept nogil:
    if likely(at < reading.end and at[0] > c' '):
        return at
    return drop_space(reading, at)


cdef const uint8_t* drop_space(Reading* reading, const uint8_t* at) noexcept nogil:
    cdef const uint8_t* after = at
    while after < reading.end and (after[0] == c' ' or after[0] == c'\n' or after[0] == c'\r' or after[0] == c'\t'):
        after += 1
        if after - at == 4:
            after = fluxdb_scan_space(reading.begin, after, reading.end)
    if after > at:
        flush(reading, at)
        reading.run = after
    return after


cdef inline void flush(Reading* reading, const uint8_t* upto) noexcept nogil:
    """Copy what is canonical and not yet copied."""
    cdef size_t run_bytes = upto - reading.run
    fluxdb_copy_run(reading.out, reading.run, run_bytes, reading.end)
    reading.out += run_bytes
    reading.run = upto


cdef inline const uint8_t* read_word(Reading* reading, const uint8_t* at) noexcept nogil:
    cdef size_t left = reading.end - at
    if left >= 4 and (memcmp(at, b"true", 4) == 0 or memcmp(at, b"null", 4) == 0):
        return at + 4
    if left >= 5 and memcmp(at, b"false", 5) == 0:
        return at + 5
    return fail(reading, JSON_SYNTAX, at)


cdef inline const uint8_t* read_number(Reading* reading, const uint8_t* at) noexcept nogil:
    cdef int status = number_end(&at, reading.end)
    if likely(status == NUMBER_OK):
        return at
    return fail(reading, JSON_NUMBER_RANGE if status == NUMBER_RANGE else JSON_SYNTAX, at)


cdef inline const uint8_t* read_string(Reading* reading, const uint8_t* at) noexcept nogil:
    """``at``: behind the opening quote."""
    while True:
        at = fluxdb_scan_plain(reading.begin, at, reading.end)
        if likely(at < reading.end and at[0] == c'"'):
            return at + 1
        at = read_special(reading, at)
        if unlikely(at == NULL):
            return NULL


cdef const uint8_t* read_special(Reading* reading, const uint8_t* at) noexcept nogil:
    """What is not plain in a string: escapes, characters above ASCII, and what may not be there."""
    cdef const uint8_t* after
    if at == reading.end:
        return fail(reading, JSON_SYNTAX, at)
    if at[0] == c'\\':
        return read_escape(reading, at)
    if at[0] < 0x80:
        return fail(reading, JSON_SYNTAX, at)  # a control character
    after = fluxdb_scan_utf8(at, reading.end)
    if after < reading.end and after[0] >= 0x80:
        return fail(reading, JSON_UTF8, after)
    return after


cdef const uint8_t* read_escape(Reading* reading, const uint8_t* at) noexcept nogil:
    cdef uint8_t letter
    cdef int32_t unit, low
    cdef const uint8_t* after = at + 6
    if reading.end - at < 2:
        return fail(reading, JSON_SYNTAX, reading.end)
    letter = at[1]
    if letter == c'/':
        return respell(reading, at, at + 2, c'/')
    if letter != c'u':
        if memchr(b'"\\bfnrt', letter, 7) != NULL:
            return at + 2
        return fail(reading, JSON_SYNTAX, at)
    unit = read_hex(at + 2, reading.end)
    if unit < 0:
        return fail(reading, JSON_SYNTAX, at)
    if unit & 0xF800 == 0xD800:
        if unit >= 0xDC00 or reading.end - after < 2 or after[0] != c'\\' or after[1] != c'u':
            return fail(reading, JSON_SURROGATE, at)
        low = read_hex(after + 2, reading.end)
        if low < 0:
            return fail(reading, JSON_SYNTAX, after)
        if low & 0xFC00 != 0xDC00:
            return fail(reading, JSON_SURROGATE, at)
        unit = 0x10000 + ((unit & 0x3FF) << 10) + (low & 0x3FF)
        after += 6
    return respell(reading, at, after, unit)


cdef int32_t read_hex(const uint8_t* at, const uint8_t* end) noexcept nogil:
    """Four hexadecimal digits, -1 where they are none."""
    cdef int32_t unit = 0
    cdef uint8_t byte
    cdef int i
    if end - at < 4:
        return -1
    for i in range(4):
        byte = at[i]
        if is_digit(byte):
            unit = unit << 4 | (byte - c'0')
        else:
            byte |= 0x20
            if byte < c'a' or byte > c'f':
                return -1
            unit = unit << 4 | (byte - c'a' + 10)
    return unit


cdef const uint8_t* respell(
    Reading* reading, const uint8_t* at, const uint8_t* after, int32_t character
) noexcept nogil:
    """Write a character that was escaped in [at, after) as canonical text has it."""
    cdef uint8_t spelled[6]
    cdef size_t spelled_bytes = spell(character, spelled)
    if spelled_bytes == <size_t>(after - at) and memcmp(spelled, at, spelled_bytes) == 0:
        return after  # as it was
    flush(reading, at)
    memcpy(reading.out, spelled, spelled_bytes)
    reading.out += spelled_bytes
    reading.run = after
    return after


cdef size_t spell(int32_t character, uint8_t* out) noexcept nogil:
    """A character of a string in canonical text; how many bytes it takes."""
    cdef const char* digits = b"0123456789abcdef"
    cdef const char* letters = b"btn\0fr"  # from U+0008 on
    if character < 0x20:
        out[0] = c'\\'
        if 8 <= character <= 13 and character != 11:
            out[1] = letters[character - 8]
            return 2
        out[1] = c'u'
        out[2] = out[3] = c'0'
        out[4] = digits[character >> 4]
        out[5] = digits[character & 15]
        return 6
    if character == c'"' or character == c'\\':
        out[0] = c'\\'
        out[1] = <uint8_t>character
        return 2
    if character < 0x80:
        out[0] = <uint8_t>character
        return 1
    if character < 0x800:
        out[0] = <uint8_t>(0xC0 | character >> 6)
        out[1] = <uint8_t>(0x80 | character & 0x3F)
        return 2
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


# Members of objects: the last one of a name stays.


cdef inline const uint8_t* read_name(Reading* reading, Level* level, const uint8_t* at) noexcept nogil:
    """A member's name and the colon behind it."""
    cdef const uint8_t* after
    cdef Member* member
    cdef uint32_t number = reading.members_used
    if unlikely(at == reading.end or at[0] != c'"'):
        return fail(reading, JSON_SYNTAX, at)
    if unlikely(number == reading.members_room) and not more_members(reading):
        return fail(reading, JSON_MEMORY, at)
    member = &reading.members[number]
    member.out_offset = <uint32_t>((reading.out - reading.out_begin) + (at - reading.run))
    after = read_string(reading, at + 1)
    if unlikely(after == NULL):
        return NULL
    if likely(reading.run <= at):
        set_name(&member.name, at + 1, <uint32_t>(after - at) - 2)
    else:  # it was respelled: take what was written
        flush(reading, after)
        at = reading.out_begin + member.out_offset + 1
        set_name(&member.name, at, <uint32_t>(reading.out - at) - 1)
    reading.members_used = number + 1
    if number > level.members_begin and unlikely(not add_member(reading, level, number, after)):
        return fail(reading, JSON_MEMORY, after)
    at = skip_space(reading, after)
    if unlikely(at == reading.end or at[0] != c':'):
        return fail(reading, JSON_SYNTAX, at)
    return at + 1


cdef bint more_members(Reading* reading) noexcept nogil:
    cdef size_t room = 2 * <size_t>reading.members_room
    cdef Member* members
    if reading.members == reading.first_members:
        members = <Member*>malloc(room * sizeof(Member))
        if members != NULL:
            memcpy(members, reading.first_members, sizeof(reading.first_members))
    else:
        members = <Member*>realloc(reading.members, room * sizeof(Member))
    if members == NULL:
        return False
    reading.members = members
    reading.members_room = <uint32_t>room
    return True


cdef inline bint add_member(Reading* reading, Level* level, uint32_t number, const uint8_t* after) noexcept nogil:
    """Look for an earlier member of the same name in the object, and replace it."""
    cdef const Name* name = &reading.members[number].name
    cdef uint32_t i
    if number - level.members_begin >= NAMES_COMPARED_MAX:
        return add_to_index(reading, level, number, after)
    for i in range(level.members_begin, number):
        if unlikely(same_name(&reading.members[i].name, name)):
            replace_member(reading, i, after)
            break
    return True


cdef bint add_to_index(Reading* reading, Level* level, uint32_t number, const uint8_t* after) noexcept nogil:
    cdef uint32_t* slot
    if level.index.slots == NULL or index_is_full(&level.index):
        if not build_index(reading, level, number):
            return False
    slot = index_slot(&level.index, reading.members, sizeof(Member), &reading.members[number].name, names_seed)
    if slot[0] != 0:
        replace_member(reading, slot[0] - 1, after)
    else:
        level.index.used += 1
    slot[0] = number + 1
    return True


cdef bint build_index(Reading* reading, Level* level, uint32_t number) noexcept nogil:
    """An index of the object's members before ``number``, with room for as many again."""
    cdef uint32_t i
    cdef uint32_t names = level.index.used if level.index.slots != NULL else number - level.members_begin
    index_free(&level.index)
    if index_init(&level.index, 2 * names) != 0:
        return False
    for i in range(level.members_begin, number):
        if reading.members[i].name.name_bytes != NAME_REPLACED:
            index_slot(&level.index, reading.members, sizeof(Member), &reading.members[i].name, names_seed)[0] = i + 1
            level.index.used += 1
    return True


cdef void replace_member(Reading* reading, uint32_t number, const uint8_t* upto) noexcept nogil:
    """Overwrite a member in the output with a mark and its length, which reaches to the member behind it.

    There is room for these five bytes: the shortest member is ``"":0`` and its comma.
    """
    cdef Member* member = &reading.members[number]
    cdef uint8_t* place = reading.out_begin + member.out_offset
    cdef uint32_t member_bytes = reading.members[number + 1].out_offset - member.out_offset
    flush(reading, upto)
    place[0] = REPLACED_MARK
    memcpy(place + 1, &member_bytes, sizeof(member_bytes))
    member.name.name_bytes = NAME_REPLACED
    reading.replaced = True


cdef void squeeze(Reading* reading) noexcept nogil:
    """Close the gaps that replaced members left."""
    cdef uint8_t* end = reading.out
    cdef uint8_t* gap = <uint8_t*>memchr(reading.out_begin, REPLACED_MARK, end - reading.out_begin)
    cdef uint8_t* after
    cdef uint32_t gap_bytes
    reading.out = gap
    while gap != NULL:
        memcpy(&gap_bytes, gap + 1, sizeof(gap_bytes))
        after = gap + gap_bytes
        gap = <uint8_t*>memchr(after, REPLACED_MARK, end - after)
        memmove(reading.out, after, (gap if gap != NULL else end) - after)
        reading.out += (gap if gap != NULL else end) - after



def compact(bytes text not None, uint32_t depth_max=128):
    """``text`` in canonical form: no white space, strings spelled in one way only, members unique (the last one stays).

    Raises InvalidValueError, and LimitError where it is nested deeper than ``depth_max``; both say where.
    """
    cdef const uint8_t* begin = <const uint8_t*>PyBytes_AS_STRING(text)
    cdef size_t text_bytes = <size_t>PyBytes_GET_SIZE(text)
    cdef size_t out_bytes = 0
    cdef size_t error_offset = 0
    cdef int status
    cdef uint8_t* out = <uint8_t*>malloc(text_bytes + 1)
    if out == NULL:
        raise MemoryError
    try:
        with nogil:
            status = json_compact(begin, text_bytes, depth_max, out, &out_bytes, &error_offset)
        if status == JSON_OK:
            return PyBytes_FromStringAndSize(<char*>out, <Py_ssize_t>out_bytes)
    finally:
        free(out)
    if status == JSON_MEMORY:
        raise MemoryError
    if status == JSON_DEPTH:
        raise LimitError(f"arrays and objects are nested deeper than depth_max ({depth_max}) at byte {error_offset}")
    raise InvalidValueError(f"{json_status_words(status).decode()}, at byte {error_offset} of {text_bytes}")
