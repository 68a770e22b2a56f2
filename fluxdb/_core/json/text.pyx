"""One pass over the text: check, and copy what is canonical already in runs as long as possible.

Nothing is written while the text is as it should be: only white space, an escape that can be spelled shorter, or the
end of the text makes a copy of the run before it. Arrays and objects that are open are on a stack of levels.
"""

import os

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp

from fluxdb._core.json.members cimport (
    PATTERN_DEPTHS, Member, Members, Pattern, has_room, is_expected, learn_pattern, leave_pattern, members_free,
    members_init, push_member, squeeze,
)
from fluxdb._core.json.names cimport NameIndex, index_free, set_name
from fluxdb._core.json.number cimport NUMBER_OK, NUMBER_RANGE, is_digit, number_end
from fluxdb._core.json.reading cimport (
    DEPTH_CAP, JSON_DEPTH, JSON_MEMORY, JSON_NUMBER_RANGE, JSON_OK, JSON_SURROGATE, JSON_SYNTAX, JSON_UTF8, Reading,
    fail, flush, likely, read_string, skip_space, unlikely,
)

from fluxdb.errors import InvalidValueError, LimitError

cdef extern from *:
    const uint32_t OFFSET_MAX "UINT32_MAX"
    const uint32_t IS_ARRAY "UINT32_MAX"  # in Level.members_begin
    const uint32_t NO_PATTERN "UINT32_MAX"  # in Level.pattern


cdef struct Level:
    uint32_t members_begin
    uint32_t pattern  # the names are those of that pattern, so far
    NameIndex index  # slots are NULL while the object has few members


cdef uint64_t names_seed = int.from_bytes(os.urandom(8), "little")


cdef int json_compact(
    const uint8_t* text, size_t text_bytes, uint32_t depth_max,
    uint8_t* out, size_t* out_bytes, size_t* error_offset,
) noexcept nogil:
    cdef int member_count
    return json_compact_members(text, text_bytes, depth_max, out, out_bytes, error_offset, NULL, 0, &member_count)


cdef int json_compact_members(
    const uint8_t* text, size_t text_bytes, uint32_t depth_max,
    uint8_t* out, size_t* out_bytes, size_t* error_offset,
    JsonMember* found, uint32_t members_max, int* member_count,
) noexcept nogil:
    cdef Level levels[DEPTH_CAP]
    cdef Members members
    cdef Reading reading
    cdef uint32_t depth = 0
    reading.begin = reading.run = reading.failed_at = text
    reading.end = text + text_bytes
    reading.out_begin = reading.out = out
    reading.status = JSON_OK
    members_init(&members, names_seed)
    if text_bytes >= OFFSET_MAX:
        reading.status = JSON_MEMORY  # offsets are kept in 32 bits
    elif read_text(&reading, &members, levels, &depth, depth_max if depth_max < DEPTH_CAP else DEPTH_CAP) != NULL:
        flush(&reading, reading.end)
        if members.replaced:
            squeeze(&reading)
        out_bytes[0] = reading.out - out
        member_count[0] = note_members(&members, out, out_bytes[0], found, members_max)
    while depth > 0:  # it failed within these
        depth -= 1
        if levels[depth].members_begin != IS_ARRAY:
            index_free(&levels[depth].index)
    members_free(&members)
    error_offset[0] = reading.failed_at - text
    return reading.status


cdef inline int note_members(
    const Members* members, const uint8_t* out, size_t out_bytes, JsonMember* found, uint32_t members_max
) noexcept nogil:
    """The members of the outermost object, which ended last: they are at the bottom of the stack still."""
    cdef uint32_t count = members.closed
    cdef size_t end
    cdef uint32_t i
    if out[0] != c'{' or members.replaced or count > members_max:
        return -1
    for i in range(count):
        end = members.list[i + 1].out_offset if i + 1 < count else out_bytes
        found[i].name = out + members.list[i].out_offset + 1
        found[i].name_bytes = members.list[i].name.name_bytes
        found[i].value = found[i].name + found[i].name_bytes + 2    # a quote, a colon
        found[i].value_bytes = <size_t>(out + end - 1 - found[i].value)     # a comma, or the closing brace
    return <int>count


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


cdef const uint8_t* read_text(
    Reading* reading, Members* members, Level* levels, uint32_t* depth, uint32_t depth_max
) noexcept nogil:
    """A whole text: one value, and nothing after it but white space. ``depth`` says how many levels are left open."""
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
            level.members_begin = members.used if byte == c'{' else IS_ARRAY
            level.pattern = NO_PATTERN
            if depth[0] <= PATTERN_DEPTHS and members.patterns[depth[0] - 1].count:
                level.pattern = depth[0] - 1
            at = skip_space(reading, at + 1)
            if at == end or at[0] != byte + 2:  # an opening bracket plus two is the closing one
                if byte == c'{':
                    at = read_member(reading, members, level, at)
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
        # After a value: ends of arrays and objects, then the next value of the one that is still open.
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
                    at = read_member(reading, members, level, skip_space(reading, at))
                    if unlikely(at == NULL):
                        return NULL
                break
            if unlikely(byte != (c']' if level.members_begin == IS_ARRAY else c'}')):
                return fail(reading, JSON_SYNTAX, at)
            if level.members_begin != IS_ARRAY:
                end_object(members, level, depth[0])
                if unlikely(level.index.slots != NULL):
                    index_free(&level.index)
            level -= 1
            depth[0] -= 1
            at += 1


cdef inline void end_object(Members* members, Level* level, uint32_t depth) noexcept nogil:
    if depth <= PATTERN_DEPTHS:
        if level.pattern == NO_PATTERN:
            learn_pattern(members, &members.patterns[depth - 1], level.members_begin)
        elif members.patterns[depth - 1].misses > 1:
            members.patterns[depth - 1].misses -= 1
    members.closed = members.used - level.members_begin
    members.used = level.members_begin


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


cdef inline const uint8_t* read_member(
    Reading* reading, Members* members, Level* level, const uint8_t* at
) noexcept nogil:
    """A member's name and the colon after it."""
    cdef const Pattern* pattern
    cdef uint32_t number
    if level.pattern != NO_PATTERN and likely(members.used < members.room):
        pattern = &members.patterns[level.pattern]
        number = members.used - level.members_begin
        if likely(is_expected(pattern, number, at, reading.end)):
            members.list[members.used].out_offset = output_offset(reading, at)
            members.used += 1
            return read_colon(reading, at + pattern.names[number].name_bytes + 2)
    return read_name(reading, members, level, at)


cdef inline uint32_t output_offset(const Reading* reading, const uint8_t* at) noexcept nogil:
    """Return the place in the output of ``at``, which is canonical so far."""
    return <uint32_t>((reading.out - reading.out_begin) + (at - reading.run))


cdef const uint8_t* read_name(Reading* reading, Members* members, Level* level, const uint8_t* at) noexcept nogil:
    """A member's name that was not expected, and the colon after it."""
    cdef const uint8_t* after
    cdef Member* member
    if unlikely(at == reading.end or at[0] != c'"'):
        return fail(reading, JSON_SYNTAX, at)
    if unlikely(not has_room(members)):
        return fail(reading, JSON_MEMORY, at)
    member = &members.list[members.used]
    member.out_offset = output_offset(reading, at)
    if level.pattern != NO_PATTERN:
        leave_pattern(members, &members.patterns[level.pattern], level.members_begin)
        level.pattern = NO_PATTERN
    after = read_string(reading, at + 1)
    if unlikely(after == NULL):
        return NULL
    if likely(reading.run <= at):
        set_name(&member.name, at + 1, <uint32_t>(after - at) - 2)
    else:  # it was respelled: take what was written
        flush(reading, after)
        at = reading.out_begin + member.out_offset + 1
        set_name(&member.name, at, <uint32_t>(reading.out - at) - 1)
    if unlikely(not push_member(members, reading, level.members_begin, &level.index, after)):
        return fail(reading, JSON_MEMORY, after)
    return read_colon(reading, after)


cdef inline const uint8_t* read_colon(Reading* reading, const uint8_t* at) noexcept nogil:
    if likely(at < reading.end and at[0] == c':'):
        return at + 1
    at = skip_space(reading, at)
    if unlikely(at == reading.end or at[0] != c':'):
        return fail(reading, JSON_SYNTAX, at)
    return at + 1


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
