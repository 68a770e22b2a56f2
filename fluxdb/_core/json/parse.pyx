"""JSON text to Python objects, on the stack that the thread has."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t

import orjson

cdef extern from "json/skip.h" nogil:
    const uint8_t* fluxdb_string_end(const uint8_t* begin, const uint8_t* at, const uint8_t* end) noexcept
    const uint8_t* fluxdb_value_end(const uint8_t* begin, const uint8_t* at, const uint8_t* end) noexcept

cdef object loads_text = orjson.loads


def decode(bytes text not None):
    return parse_text(loads_text, text)


cdef object parse_on_small_stack(object loads, bytes text):
    cdef const uint8_t* begin = <const uint8_t*>PyBytes_AS_STRING(text)
    cdef const uint8_t* end = begin + PyBytes_GET_SIZE(text)
    if is_shallow(begin, end):
        return PyObject_CallOneArg(loads, text)
    return parse_by_levels(loads, begin, end)


cdef bint is_shallow(const uint8_t* at, const uint8_t* end) noexcept nogil:
    cdef const uint8_t* begin = at
    cdef int depth = 0
    while at != end:
        if at[0] == c'"':
            at = fluxdb_string_end(begin, at + 1, end)
            if at == NULL:
                return True     # not JSON, which is for loads to say
        elif at[0] == c'{' or at[0] == c'[':
            depth += 1
            if depth > SHALLOW_DEPTH_MAX:
                return False
        elif at[0] == c'}' or at[0] == c']':
            depth -= 1
        at += 1
    return True


cdef object parse_by_levels(object loads, const uint8_t* begin, const uint8_t* end):
    cdef const uint8_t* at = begin
    cdef const uint8_t* behind
    cdef list holders = []      # the arrays and objects around the place
    cdef list names = []        # the member that is read, of each object among them
    while True:
        if at == end:
            raise not_canonical()
        if at[0] == c'{' or at[0] == c'[':
            value = {} if at[0] == c'{' else []
            at += 1
            if at == end:
                raise not_canonical()
            if at[0] != c'}' and at[0] != c']':
                holders.append(value)
                if type(value) is dict:
                    at = read_name(loads, begin, at, end, names)
                continue
            at += 1
        else:
            behind = fluxdb_value_end(begin, at, end)
            if behind == NULL:
                raise not_canonical()
            value = loads(at[:behind - at])
            at = behind
        while True:
            if not holders:
                if at != end:
                    raise not_canonical()
                return value
            if at == end:
                raise not_canonical()
            holder = holders[len(holders) - 1]
            if type(holder) is dict:
                holder[names.pop()] = value
            else:
                holder.append(value)
            at += 1
            if (at - 1)[0] == c',':
                break
            if (at - 1)[0] != (c'}' if type(holder) is dict else c']'):
                raise not_canonical()
            value = holders.pop()
        if type(holder) is dict:
            at = read_name(loads, begin, at, end, names)


cdef const uint8_t* read_name(
    object loads, const uint8_t* begin, const uint8_t* at, const uint8_t* end, list names
) except NULL:
    """Put the name that begins at ``at`` on top of names; the place of its value."""
    cdef const uint8_t* quote = NULL
    if at != end and at[0] == c'"':
        quote = fluxdb_string_end(begin, at + 1, end)
    if quote == NULL or end - quote < 2 or quote[1] != c':':
        raise not_canonical()
    names.append(loads(at[:quote + 1 - at]))
    return quote + 2


cdef object not_canonical():
    return orjson.JSONDecodeError("not canonical JSON text", "", 0)
