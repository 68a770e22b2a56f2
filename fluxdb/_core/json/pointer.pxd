"""JSON Pointer (RFC 6901) in canonical JSON text: one part of a document is found without parsing the rest.

A path is "" (the whole document) or names, each after a "/": "/a/0" is the first item of the array that is the member
"a". In a name "~1" stands for "/", and "~0" for "~".
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t

cdef enum PointerStatus:
    POINTER_OK = 0
    POINTER_MISSING = 1     # the document has no such part
    POINTER_SYNTAX = 2      # the path is no JSON Pointer
    POINTER_MALFORMED = 3   # the text is not canonical

cdef struct Part:
    const uint8_t* begin    # of the part; of the innermost value that the path reaches, where it has no such part
    const uint8_t* end
    const uint8_t* rest     # of the path: from the "/" of the first name that is missing; the path's end where none is
    bint through_array      # one of the values around the part is an array

# Checks the path alone: POINTER_OK or POINTER_SYNTAX.
cdef int pointer_check(const uint8_t* path, size_t path_bytes) noexcept nogil
# Finds the part of a text. Fills part where the status is POINTER_OK or POINTER_MISSING.
cdef int pointer_find(
    const uint8_t* text, size_t text_bytes, const uint8_t* path, size_t path_bytes, Part* part
) noexcept nogil
# The end of the name that begins at name (after its "/"): the next "/", or the end of the path.
cdef const uint8_t* pointer_name_end(const uint8_t* name, const uint8_t* path_end) noexcept nogil
# Writes a name of a path as it stands between the quotes of canonical text, and returns its length there. out has room
# for six bytes for each byte of the name. The path must have passed pointer_check.
cdef size_t pointer_spell_name(const uint8_t* name, const uint8_t* name_end, uint8_t* out) noexcept nogil

# The path of a Python call as UTF-8. Raises InvalidValueError where it is no JSON Pointer, TypeError where no str.
cdef const uint8_t* path_utf8(object path, Py_ssize_t* path_bytes) except NULL
