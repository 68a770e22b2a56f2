"""JSON Pointer over canonical text. Values beside the path are skipped, not read.

Canonical text has no repeated member, and one way to write each name, so a name of the path is compared with a member's
bytes as they lie there.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memchr

from fluxdb._core.json.reading cimport spell_control

from fluxdb.errors import InvalidValueError

cdef extern from "json/skip.h" nogil:
    const uint8_t* fluxdb_string_end(const uint8_t* begin, const uint8_t* at, const uint8_t* end) noexcept
    const uint8_t* fluxdb_value_end(const uint8_t* begin, const uint8_t* at, const uint8_t* end) noexcept

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL

cdef enum:
    INDEX_DIGITS_MAX = 18   # an array has no item of a higher number


cdef int pointer_check(const uint8_t* path, size_t path_bytes) noexcept nogil:
    cdef const uint8_t* at = path
    cdef const uint8_t* end = path + path_bytes
    if path_bytes and path[0] != c'/':
        return POINTER_SYNTAX
    while at < end:
        if at[0] == c'~':
            at += 1
            if at == end or (at[0] != c'0' and at[0] != c'1'):
                return POINTER_SYNTAX
        at += 1
    return POINTER_OK


cdef const uint8_t* pointer_name_end(const uint8_t* name, const uint8_t* path_end) noexcept nogil:
    cdef const uint8_t* slash = <const uint8_t*>memchr(name, c'/', path_end - name)
    return slash if slash != NULL else path_end


cdef inline size_t spell_next(const uint8_t** at, uint8_t* out) noexcept nogil:
    """Write the next byte of a path's name as canonical text has it; how many bytes that takes (at most 6)."""
    cdef uint8_t byte = at[0][0]
    at[0] += 1
    if byte == c'~':
        byte = c'/' if at[0][0] == c'1' else c'~'
        at[0] += 1
    if byte < 0x20:
        return spell_control(byte, out)
    if byte == c'"' or byte == c'\\':
        out[0] = c'\\'
        out[1] = byte
        return 2
    out[0] = byte
    return 1


cdef size_t pointer_spell_name(const uint8_t* name, const uint8_t* name_end, uint8_t* out) noexcept nogil:
    cdef size_t spelled_bytes = 0
    while name < name_end:
        spelled_bytes += spell_next(&name, out + spelled_bytes)
    return spelled_bytes


cdef inline bint says(
    const uint8_t* member, const uint8_t* member_end, const uint8_t* name, const uint8_t* name_end
) noexcept nogil:
    """Tell whether the member's name, between its quotes, is the name of the path."""
    cdef uint8_t spelled[6]
    cdef size_t spelled_bytes, i
    while name < name_end:
        spelled_bytes = spell_next(&name, spelled)
        if <size_t>(member_end - member) < spelled_bytes:
            return False
        for i in range(spelled_bytes):
            if member[i] != spelled[i]:
                return False
        member += spelled_bytes
    return member == member_end


cdef int find_member(
    const uint8_t* begin, const uint8_t** value, const uint8_t* end, const uint8_t* name, const uint8_t* name_end
) noexcept nogil:
    """Move ``value`` from an object to the value of its member of that name."""
    cdef const uint8_t* at = value[0] + 1
    cdef const uint8_t* quote
    if at < end and at[0] == c'}':
        return POINTER_MISSING
    while at < end and at[0] == c'"':
        quote = fluxdb_string_end(begin, at + 1, end)
        if quote == NULL or end - quote < 3 or quote[1] != c':':
            return POINTER_MALFORMED
        if says(at + 1, quote, name, name_end):
            value[0] = quote + 2
            return POINTER_OK
        at = fluxdb_value_end(begin, quote + 2, end)
        if at == NULL or at == end:
            return POINTER_MALFORMED
        if at[0] == c'}':
            return POINTER_MISSING
        if at[0] != c',':
            return POINTER_MALFORMED
        at += 1
    return POINTER_MALFORMED


cdef inline bint read_index(const uint8_t* name, const uint8_t* name_end, size_t* index) noexcept nogil:
    """The number of an array's item: digits without a leading zero. "-", the place after the last item, is none."""
    index[0] = 0
    if name == name_end or name_end - name > INDEX_DIGITS_MAX or (name[0] == c'0' and name_end - name > 1):
        return False
    while name < name_end:
        if not c'0' <= name[0] <= c'9':
            return False
        index[0] = index[0] * 10 + (name[0] - c'0')
        name += 1
    return True


cdef int find_item(
    const uint8_t* begin, const uint8_t** value, const uint8_t* end, const uint8_t* name, const uint8_t* name_end
) noexcept nogil:
    """Move ``value`` from an array to its item of that number."""
    cdef const uint8_t* at = value[0] + 1
    cdef size_t index
    if not read_index(name, name_end, &index) or (at < end and at[0] == c']'):
        return POINTER_MISSING
    while index:
        at = fluxdb_value_end(begin, at, end)
        if at == NULL or at == end:
            return POINTER_MALFORMED
        if at[0] == c']':
            return POINTER_MISSING
        if at[0] != c',':
            return POINTER_MALFORMED
        at += 1
        index -= 1
    value[0] = at
    return POINTER_OK


cdef int pointer_find(
    const uint8_t* text, size_t text_bytes, const uint8_t* path, size_t path_bytes, Part* part
) noexcept nogil:
    cdef const uint8_t* end = text + text_bytes
    cdef const uint8_t* path_end = path + path_bytes
    cdef const uint8_t* value = text
    cdef const uint8_t* name_end
    cdef int status = pointer_check(path, path_bytes)
    if status != POINTER_OK:
        return status
    part.through_array = False
    while path < path_end:
        if value == end:
            return POINTER_MALFORMED
        name_end = pointer_name_end(path + 1, path_end)
        if value[0] == c'{':
            status = find_member(text, &value, end, path + 1, name_end)
        elif value[0] == c'[':
            part.through_array = True
            status = find_item(text, &value, end, path + 1, name_end)
        else:
            status = POINTER_MISSING
        if status != POINTER_OK:
            break
        path = name_end
    if status == POINTER_MALFORMED:
        return status
    part.begin = value
    part.end = fluxdb_value_end(text, value, end)
    part.rest = path
    return status if part.end != NULL else POINTER_MALFORMED


cdef const uint8_t* path_utf8(object path, Py_ssize_t* path_bytes) except NULL:
    cdef const uint8_t* utf8
    if not isinstance(path, str):
        raise TypeError(f"a path is a str, not {type(path).__name__}")
    try:
        utf8 = <const uint8_t*>PyUnicode_AsUTF8AndSize(path, path_bytes)
    except UnicodeEncodeError as error:
        message = f"a path can't hold a lone surrogate: {path!a} has one at character {error.start}"
        raise InvalidValueError(message) from None
    if pointer_check(utf8, <size_t>path_bytes[0]) != POINTER_OK:
        raise InvalidValueError(
            f"{path!r:.80} is no JSON Pointer (RFC 6901): a path is '' or '/name/0'; ~1 is a / in a name, ~0 a ~"
        )
    return utf8


def find(bytes text not None, path not None):
    cdef Py_ssize_t path_bytes = 0
    cdef const uint8_t* utf8 = path_utf8(path, &path_bytes)
    cdef const uint8_t* begin = <const uint8_t*>PyBytes_AS_STRING(text)
    cdef size_t text_bytes = <size_t>PyBytes_GET_SIZE(text)
    cdef Part part
    cdef int status
    with nogil:
        status = pointer_find(begin, text_bytes, utf8, <size_t>path_bytes, &part)
    if status == POINTER_MISSING:
        return None
    if status != POINTER_OK:
        raise ValueError("not canonical JSON text")
    return PyBytes_FromStringAndSize(<const char*>part.begin, part.end - part.begin)


def reach(bytes text not None, path not None):
    cdef Py_ssize_t path_bytes = 0
    cdef const uint8_t* utf8 = path_utf8(path, &path_bytes)
    cdef const uint8_t* begin = <const uint8_t*>PyBytes_AS_STRING(text)
    cdef Part part
    if pointer_find(begin, <size_t>PyBytes_GET_SIZE(text), utf8, <size_t>path_bytes, &part) > POINTER_MISSING:
        raise ValueError("not canonical JSON text")
    return part.begin[:part.end - part.begin], part.rest[:utf8 + path_bytes - part.rest].decode(), part.through_array


def spell_name(name not None):
    """The name, as it stands in a path, between the quotes of canonical text."""
    cdef Py_ssize_t name_bytes = 0
    cdef str path = "/" + name
    cdef const uint8_t* utf8 = path_utf8(path, &name_bytes) + 1
    cdef bytes out = PyBytes_FromStringAndSize(NULL, 6 * (name_bytes - 1))
    return out[:pointer_spell_name(utf8, utf8 + name_bytes - 1, <uint8_t*>PyBytes_AS_STRING(out))]
