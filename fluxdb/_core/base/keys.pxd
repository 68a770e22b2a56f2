"""Keys on their way in: a str as UTF-8, checked."""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t

# The error for a key of so many bytes.
cdef object key_too_long(size_t key_bytes, size_t key_bytes_max)

# The key's UTF-8, owned by the str. Raises InvalidKeyError where it is no str, is empty, or holds a lone surrogate.
cdef const uint8_t* key_utf8(object key, Py_ssize_t* key_bytes) except NULL
