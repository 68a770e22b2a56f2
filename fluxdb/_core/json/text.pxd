"""JSON text checked and brought to its canonical compact form, without changing what it says."""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t

cdef enum JsonStatus:
    JSON_OK = 0
    JSON_SYNTAX = 1         # not JSON (RFC 8259), or something behind it
    JSON_UTF8 = 2           # bytes that are not UTF-8
    JSON_SURROGATE = 3      # an escaped surrogate without its other half
    JSON_NUMBER_RANGE = 4   # an integer beyond [-2^63, 2^64 - 1], or a number beyond a double
    JSON_DEPTH = 5          # arrays and objects nested deeper than depth_max
    JSON_MEMORY = 6         # malloc failed

# Writes the canonical form of text to out, which has room for text_bytes (it never gets longer), and its length to
# out_bytes; what out holds behind that is of no meaning.
# On failure error_offset is the byte of text at which it was noticed. out and text must not overlap.
cdef int json_compact(
    const uint8_t* text, size_t text_bytes, uint32_t depth_max,
    uint8_t* out, size_t* out_bytes, size_t* error_offset,
) noexcept nogil

# The words for a status: "not valid JSON", ...
cdef const char* json_status_words(int status) noexcept nogil
