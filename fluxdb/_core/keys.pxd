"""Keys on their way in: a str as UTF-8, checked."""

from libc.stdint cimport uint8_t

# The key's UTF-8, owned by the str. Raises InvalidKeyError where it is no str, is empty, or holds a lone surrogate.
cdef const uint8_t* key_utf8(object key, Py_ssize_t* key_bytes) except NULL
