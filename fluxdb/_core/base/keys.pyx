"""Keys on their way in: a str as UTF-8, checked."""

from fluxdb.errors import InvalidKeyError, LimitError

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL


cdef object key_too_long(size_t key_bytes, size_t key_bytes_max):
    return LimitError(f"a key of {key_bytes} bytes is over the limit of {key_bytes_max} (key_bytes_max)")


cdef const uint8_t* key_utf8(object key, Py_ssize_t* key_bytes) except NULL:
    cdef const char* utf8
    if not isinstance(key, str):
        raise InvalidKeyError(f"a key must be a str, not {type(key).__name__}")
    try:
        utf8 = PyUnicode_AsUTF8AndSize(key, key_bytes)
    except UnicodeEncodeError as error:
        message = f"a key can't hold a lone surrogate: {key!a} has one at character {error.start}"
        raise InvalidKeyError(message) from None
    if key_bytes[0] == 0:
        raise InvalidKeyError("a key can't be empty")
    return <const uint8_t*>utf8
