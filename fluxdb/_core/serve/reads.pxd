"""Replies that read documents, put together from their stored texts."""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t

from fluxdb._core.documents.state cimport State
from fluxdb._core.serve.replies cimport Bytes
from fluxdb._core.serve.slice cimport Slice

# Each adds one line; id may be empty. False: there is no memory, and nothing was added.
cdef bint read_document(
    State* state, Bytes* target, const uint8_t* key, size_t key_bytes, const Slice* id,
) noexcept nogil
