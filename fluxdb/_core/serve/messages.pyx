"""Errors and events as JSON. The texts of values are stored JSON already: they are copied, never parsed."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memset

from fluxdb._core.json.escape cimport string_bytes_max, write_string
from fluxdb._core.serve.replies cimport Bytes, bytes_put, bytes_reserve, put_number

import orjson

from fluxdb.errors import FluxDBError, VersionConflictError
from fluxdb.model import OPERATION_OF

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL

cdef tuple CONFLICT = ("index", "key", "expected", "actual")
cdef dict OPERATION_JSON = {int(kind): orjson.dumps(operation) for kind, operation in OPERATION_OF.items()}


cpdef bytes error_members(object problem):
    cdef bytes members
    if not isinstance(problem, FluxDBError):
        if isinstance(problem, MemoryError):
            return error_text("no_memory", str(problem) or "no memory for the request")
        return error_text("error", f"unexpected {type(problem).__name__}: the server's log tells more")
    members = error_text(problem.code, str(problem))
    if isinstance(problem, VersionConflictError):
        if problem.key:
            members += b',"key":%b' % orjson.dumps(problem.key)
        members += b',"expected":%b,"actual":%d' % (orjson.dumps(problem.expected), problem.actual)
        if problem.conflicts:
            members += b',"conflicts":%b' % orjson.dumps([dict(zip(CONFLICT, each)) for each in problem.conflicts])
    if problem.index is not None:
        members += b',"index":%d' % problem.index
    if problem.maybe_applied:
        members += b',"maybe_applied":true'
    return members


cpdef bytes error_text(str code, str message):
    return b'"code":%b,"message":%b' % (orjson.dumps(code), orjson.dumps(message))


cpdef bytes event_members(tuple event):
    cdef Bytes line
    kind, key, old, new, version, revision, commit = event
    memset(&line, 0, sizeof(Bytes))
    try:
        put_constant(&line, b'"key":')
        put_key(&line, key)
        put_constant(&line, b',"old":')
        put_constant(&line, b"null" if old is None else old)
        put_constant(&line, b',"new":')
        put_constant(&line, b"null" if new is None else new)
        put_constant(&line, b',"version":')
        put_whole(&line, version)
        put_constant(&line, b',"op":')
        put_constant(&line, OPERATION_JSON[kind])
        put_constant(&line, b',"revision":')
        put_whole(&line, revision)
        if commit != revision:
            put_constant(&line, b',"commit":')
            put_whole(&line, commit)
        return PyBytes_FromStringAndSize(<char*>line.data, <Py_ssize_t>line.used)
    finally:
        free(line.data)


cdef int put_constant(Bytes* line, bytes text) except -1:
    if not bytes_put(line, PyBytes_AS_STRING(text), <size_t>PyBytes_GET_SIZE(text)):
        raise MemoryError
    return 0


cdef int put_key(Bytes* line, str key) except -1:
    cdef Py_ssize_t key_bytes = 0
    cdef const uint8_t* text = <const uint8_t*>PyUnicode_AsUTF8AndSize(key, &key_bytes)
    if not bytes_reserve(line, string_bytes_max(<size_t>key_bytes)):
        raise MemoryError
    line.used = <size_t>(write_string(text, <size_t>key_bytes, line.data + line.used) - line.data)
    return 0


cdef int put_whole(Bytes* line, uint64_t number) except -1:
    if not bytes_reserve(line, 20):
        raise MemoryError
    put_number(line, number)
    return 0
