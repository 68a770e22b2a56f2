"""Canonical JSON text cut into the texts of its parts."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t

import orjson

cdef extern from "json/skip.h" nogil:
    const uint8_t* fluxdb_string_end(const uint8_t* begin, const uint8_t* at, const uint8_t* end) noexcept
    const uint8_t* fluxdb_value_end(const uint8_t* begin, const uint8_t* at, const uint8_t* end) noexcept


cdef inline bytes piece(const uint8_t* begin, const uint8_t* end):
    return PyBytes_FromStringAndSize(<const char*>begin, end - begin)


def cut_members(bytes text not None):
    cdef const uint8_t* begin = <const uint8_t*>PyBytes_AS_STRING(text)
    cdef const uint8_t* end = begin + PyBytes_GET_SIZE(text)
    cdef const uint8_t* at = begin + 1
    cdef const uint8_t* name_end
    cdef const uint8_t* value_end
    cdef dict found = {}
    if end - begin < 2 or begin[0] != c"{":
        raise ValueError("not the text of an object")
    while at[0] != c"}":
        if at[0] != c'"':
            raise ValueError("not the canonical text of an object")
        name_end = fluxdb_string_end(begin, at + 1, end)
        if name_end == NULL or name_end + 1 >= end or name_end[1] != c":":
            raise ValueError("not the canonical text of an object")
        value_end = fluxdb_value_end(begin, name_end + 2, end)
        if value_end == NULL or value_end >= end:
            raise ValueError("not the canonical text of an object")
        found[orjson.loads(piece(at, name_end + 1))] = piece(name_end + 2, value_end)
        at = value_end + (value_end[0] == c"," and value_end + 1 < end)
        if at == value_end and at[0] != c"}":
            raise ValueError("not the canonical text of an object")
    return found


def cut_items(bytes text not None):
    cdef const uint8_t* begin = <const uint8_t*>PyBytes_AS_STRING(text)
    cdef const uint8_t* end = begin + PyBytes_GET_SIZE(text)
    cdef const uint8_t* at = begin + 1
    cdef const uint8_t* item_end
    cdef list found = []
    if end - begin < 2 or begin[0] != c"[":
        raise ValueError("not the text of an array")
    while at[0] != c"]":
        item_end = fluxdb_value_end(begin, at, end)
        if item_end == NULL or item_end >= end or item_end == at:
            raise ValueError("not the canonical text of an array")
        found.append(piece(at, item_end))
        at = item_end + (item_end[0] == c"," and item_end + 1 < end)
        if at == item_end and at[0] != c"]":
            raise ValueError("not the canonical text of an array")
    return found
