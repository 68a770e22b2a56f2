"""The checksum of the log for Python, which only tests need: the compiled core calls the header's functions itself."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer

from fluxdb._core.base.crc32c cimport fluxdb_crc32c

cdef extern from "base/crc32c.h" nogil:
    uint32_t fluxdb_crc32c_portable(uint32_t crc, const void* data, size_t data_bytes) noexcept


def crc32c(data, uint32_t crc=0):
    """The CRC-32C of ``data``, continued from ``crc``: ``crc32c(b, crc32c(a)) == crc32c(a + b)``."""
    cdef Py_buffer view
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    crc = fluxdb_crc32c(crc, view.buf, <size_t>view.len)
    PyBuffer_Release(&view)
    return crc


def crc32c_portable(data, uint32_t crc=0):
    """The same without the processor's CRC instructions, so that a test can compare the two."""
    cdef Py_buffer view
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    crc = fluxdb_crc32c_portable(crc, view.buf, <size_t>view.len)
    PyBuffer_Release(&view)
    return crc
