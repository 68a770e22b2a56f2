"""Keys put into the index, and taken out."""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fluxdb._core.documents.tree cimport Index

# 0, also where the key is there. -1: no memory; then the index may be short of keys, and is only good for index_free.
cdef int index_insert(Index* index, const uint8_t* key, size_t key_bytes) noexcept nogil
cdef void index_remove(Index* index, const uint8_t* key, size_t key_bytes) noexcept nogil
