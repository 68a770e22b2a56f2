"""The record that an INCREMENT makes.

The sum replaces the bytes of the number that stands there, or is merged into the innermost object that the path
reaches: so a replay of the logged patch gives the same bytes.
"""

from libc.stdint cimport uint64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from fluxdb._core.documents.record cimport RECORD_MERGED, RECORD_TOO_LARGE, record_merge, record_new
from fluxdb._core.documents.table cimport RECORD_EXPIRES, record_expires_at, record_set_expiry, record_value
from fluxdb._core.json.merge cimport MERGE_OK, merge_bytes_max, merge_patch
from fluxdb._core.json.number cimport is_digit
from fluxdb._core.json.pointer cimport (
    POINTER_MISSING, POINTER_OK, Part, pointer_find, pointer_name_end, pointer_spell_name,
)

cdef extern from *:
    """
    #define fluxdb_add_overflows(a, b, sum) __builtin_add_overflow(a, b, sum)
    """
    bint fluxdb_add_overflows(int64_t a, int64_t b, int64_t* sum) noexcept nogil
    const uint64_t POSITIVE_MAX "INT64_MAX"

cdef enum:
    SUM_BYTES_MAX = 24      # of its digits


cdef size_t path_depth(const uint8_t* path, size_t path_bytes) noexcept nogil:
    cdef size_t i, depth = 0
    for i in range(path_bytes):
        depth += path[i] == c'/'
    return depth


cdef int read_integer(const uint8_t* at, const uint8_t* end, int64_t* number) noexcept nogil:
    """A value of canonical text as a signed 64-bit integer, or why it is none."""
    cdef bint negative = at[0] == c'-'
    cdef const uint8_t* digit = at + negative
    cdef uint64_t most = POSITIVE_MAX + negative
    cdef uint64_t magnitude = 0
    if digit == end or not is_digit(digit[0]):
        return INCREMENT_NOT_INTEGER
    while digit < end:
        if not is_digit(digit[0]):
            return INCREMENT_NOT_INTEGER
        if magnitude > (most - (digit[0] - c'0')) // 10:
            return INCREMENT_OUT_OF_RANGE
        magnitude = magnitude * 10 + (digit[0] - c'0')
        digit += 1
    number[0] = <int64_t>(0 - magnitude if negative else magnitude)
    return INCREMENT_OK


cdef uint8_t* new_delta(
    const uint8_t* path, const uint8_t* path_end, const uint8_t* digits, size_t digits_bytes, size_t* delta_bytes,
) noexcept nogil:
    """The patch that puts the digits at the path: {"a":{"b":1}}. NULL: no memory."""
    cdef size_t depth = path_depth(path, path_end - path)
    # The room for a name: its bytes, escaped; around it a brace, two quotes, a colon and a brace.
    cdef uint8_t* delta = <uint8_t*>malloc(6 * (path_end - path) + 5 * depth + digits_bytes)
    cdef uint8_t* out = delta
    cdef const uint8_t* name_end
    if delta == NULL:
        return NULL
    while path < path_end:
        name_end = pointer_name_end(path + 1, path_end)
        out[0] = c'{'
        out[1] = c'"'
        out += 2
        out += pointer_spell_name(path + 1, name_end, out)
        out[0] = c'"'
        out[1] = c':'
        out += 2
        path = name_end
    memcpy(out, digits, digits_bytes)
    out += digits_bytes
    memset(out, c'}', depth)
    delta_bytes[0] = out + depth - delta
    return delta


cdef int put_part(
    const uint8_t* key, size_t key_bytes, Record* current, const Part* part, const uint8_t* new_part,
    size_t new_bytes, size_t value_bytes_max, Record** made,
) noexcept nogil:
    """The document with other bytes in the place of a part of it."""
    cdef const uint8_t* value = record_value(current)
    cdef size_t before = part.begin - value
    cdef size_t after = value + current.value_bytes - part.end
    cdef size_t value_bytes = before + new_bytes + after
    cdef Record* record
    if value_bytes > value_bytes_max:
        return INCREMENT_TOO_LARGE
    record = record_new(key, key_bytes, value_bytes, current.flags & RECORD_EXPIRES)
    if record == NULL:
        return INCREMENT_NO_MEMORY
    memcpy(record_value(record), value, before)
    memcpy(record_value(record) + before, new_part, new_bytes)
    memcpy(record_value(record) + before + new_bytes, part.end, after)
    record_set_expiry(record, record_expires_at(current))
    made[0] = record
    return INCREMENT_OK


cdef int put_member(
    const uint8_t* key, size_t key_bytes, Record* current, const Part* part, const uint8_t* delta, size_t delta_bytes,
    size_t value_bytes_max, Record** made,
) noexcept nogil:
    """The document with a member more in an object that an array leads to."""
    cdef size_t part_bytes = part.end - part.begin
    cdef size_t merged_bytes = 0
    cdef uint8_t* merged = <uint8_t*>malloc(merge_bytes_max(part_bytes, delta_bytes))
    cdef int status = INCREMENT_NO_MEMORY
    if merged == NULL:
        return status
    if merge_patch(part.begin, part_bytes, delta, delta_bytes, False, merged, &merged_bytes) == MERGE_OK:
        status = put_part(key, key_bytes, current, part, merged, merged_bytes, value_bytes_max, made)
    free(merged)
    return status


cdef int put_merged(
    const uint8_t* key, size_t key_bytes, Record* current, Increment* made, size_t value_bytes_max,
) noexcept nogil:
    cdef int status = record_merge(
        key, key_bytes, current, made.delta, made.delta_bytes, False, 0, value_bytes_max, &made.record
    )
    if status == RECORD_MERGED:
        return INCREMENT_OK
    return INCREMENT_TOO_LARGE if status == RECORD_TOO_LARGE else INCREMENT_NO_MEMORY


cdef int find_sum(
    Record* current, int64_t by, const uint8_t* path, size_t path_bytes, Part* part, Increment* made, bint* is_there,
) noexcept nogil:
    """The part that the path reaches, is it all of the path, and the sum."""
    cdef int64_t number = 0
    cdef int status
    if current != NULL:
        status = pointer_find(record_value(current), current.value_bytes, path, path_bytes, part)
        if status > POINTER_MISSING:
            return INCREMENT_NOT_INTEGER    # the path and the value were checked when they came in
        made.standing = part.begin[0]
        is_there[0] = status == POINTER_OK
        if is_there[0]:
            status = read_integer(part.begin, part.end, &number)
            if status != INCREMENT_OK:
                return status
        elif part.begin[0] != c'{':
            return INCREMENT_NOT_INTEGER
    return INCREMENT_OUT_OF_RANGE if fluxdb_add_overflows(number, by, &made.sum) else INCREMENT_OK


cdef int increment_make(
    const uint8_t* key, size_t key_bytes, Record* current, int64_t by, const uint8_t* path, size_t path_bytes,
    size_t value_bytes_max, Increment* made,
) noexcept nogil:
    cdef const uint8_t* path_end = path + path_bytes
    cdef uint8_t digits[SUM_BYTES_MAX]
    cdef size_t digits_bytes
    cdef Part part
    cdef bint is_there = False
    cdef int status
    made.record = NULL
    made.delta = NULL
    made.delta_bytes = 0
    made.sum = 0
    made.standing = 0
    part.begin = part.end = part.rest = NULL
    part.through_array = False
    status = find_sum(current, by, path, path_bytes, &part, made, &is_there)
    if status != INCREMENT_OK:
        return status
    digits_bytes = <size_t>snprintf(<char*>digits, SUM_BYTES_MAX, b"%lld", <long long>made.sum)
    if path_bytes == 0 or (is_there and part.through_array):
        if current == NULL:
            return new_number(key, key_bytes, digits, digits_bytes, value_bytes_max, made)
        return put_part(key, key_bytes, current, &part, digits, digits_bytes, value_bytes_max, &made.record)
    made.delta = new_delta(part.rest if part.through_array else path, path_end, digits, digits_bytes, &made.delta_bytes)
    if made.delta == NULL:
        return INCREMENT_NO_MEMORY
    if part.through_array:
        status = put_member(
            key, key_bytes, current, &part, made.delta, made.delta_bytes, value_bytes_max, &made.record
        )
    else:
        status = put_merged(key, key_bytes, current, made, value_bytes_max)
    if status != INCREMENT_OK or part.through_array:
        free(made.delta)
        made.delta = NULL
    return status


cdef int new_number(
    const uint8_t* key, size_t key_bytes, const uint8_t* digits, size_t digits_bytes, size_t value_bytes_max,
    Increment* made,
) noexcept nogil:
    if digits_bytes > value_bytes_max:
        return INCREMENT_TOO_LARGE
    made.record = record_new(key, key_bytes, digits_bytes, 0)
    if made.record == NULL:
        return INCREMENT_NO_MEMORY
    memcpy(record_value(made.record), digits, digits_bytes)
    return INCREMENT_OK
