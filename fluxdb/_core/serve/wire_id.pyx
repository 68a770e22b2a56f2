"""A look at the members of the outermost object, over whatever their values hold. Only what was refused comes here."""

from libc.string cimport memcmp, memcpy

from fluxdb._core.json.reading cimport JSON_NUMBER_RANGE, JSON_OK
from fluxdb._core.json.text cimport json_compact

cdef extern from "json/skip.h" nogil:
    const uint8_t* fluxdb_string_end(const uint8_t* begin, const uint8_t* at, const uint8_t* end) noexcept


cdef void wire_find_id(const uint8_t* line, size_t line_bytes, uint8_t* scratch, Slice* id) noexcept nogil:
    cdef const uint8_t* end = line + line_bytes
    cdef const uint8_t* at = behind_space(line, end)
    cdef const uint8_t* closing
    cdef const uint8_t* behind
    cdef size_t depth = 0
    cdef bint at_name = False
    id.data = NULL
    id.bytes = 0
    while at < end:
        if at[0] == c'"':
            closing = fluxdb_string_end(line, at + 1, end)
            if closing == NULL:
                return
            behind = behind_space(closing + 1, end)
            if depth == 1 and at_name and behind < end and behind[0] == c":":
                at_name = False
                if closing - at == 3 and memcmp(at, b'"id"', 4) == 0:
                    take_id(line, behind_space(behind + 1, end), end, scratch, id)
            at = closing + 1
            continue
        if at[0] == c"{" or at[0] == c"[":
            depth += 1
            at_name = at[0] == c"{"
        elif at[0] == c"}" or at[0] == c"]":
            if depth <= 1:
                return
            depth -= 1
        elif at[0] == c",":
            at_name = True
        at += 1


cdef inline const uint8_t* behind_space(const uint8_t* at, const uint8_t* end) noexcept nogil:
    while at < end and (at[0] == c" " or at[0] == c"\t" or at[0] == c"\r" or at[0] == c"\n"):
        at += 1
    return at


cdef inline bint in_number(uint8_t byte) noexcept nogil:
    return c"0" <= byte <= c"9" or byte == c"-" or byte == c"+" or byte == c"." or byte == c"e" or byte == c"E"


cdef void take_id(
    const uint8_t* line, const uint8_t* at, const uint8_t* end, uint8_t* scratch, Slice* id,
) noexcept nogil:
    """The value that begins there."""
    cdef const uint8_t* last = at
    cdef size_t failed_at = 0
    cdef int status
    id.data = NULL
    if at == end:
        return
    if at[0] == c'"':
        last = fluxdb_string_end(line, at + 1, end)
        if last == NULL:
            return
        last += 1
    else:
        while last < end and in_number(last[0]):
            last += 1
    status = json_compact(at, <size_t>(last - at), 1, scratch, &id.bytes, &failed_at)
    if status == JSON_NUMBER_RANGE:     # the number can't be given back as one: its text can
        scratch[0] = scratch[last - at + 1] = c'"'
        memcpy(scratch + 1, at, <size_t>(last - at))
        id.bytes = <size_t>(last - at) + 2
        status = JSON_OK
    if status == JSON_OK:
        id.data = scratch
