"""JSON text checked and brought to its canonical compact form, without changing what it says."""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t

# Writes the canonical form of text to out, which has room for text_bytes (it never gets longer), and its length to
# out_bytes; what out holds after that is of no meaning.
# On failure error_offset is the byte of text at which it was noticed. out and text must not overlap.
cdef int json_compact(
    const uint8_t* text, size_t text_bytes, uint32_t depth_max,
    uint8_t* out, size_t* out_bytes, size_t* error_offset,
) noexcept nogil

# A member of the outermost object, in the canonical form.
cdef struct JsonMember:
    const uint8_t* name         # between the quotes
    size_t name_bytes
    const uint8_t* value
    size_t value_bytes

# json_compact of a text that may be an object, and where the members of that object lie in out, in their order. -1 in
# member_count: they were not noted, because one came twice, or there are more than members_max.
cdef int json_compact_members(
    const uint8_t* text, size_t text_bytes, uint32_t depth_max,
    uint8_t* out, size_t* out_bytes, size_t* error_offset,
    JsonMember* found, uint32_t members_max, int* member_count,
) noexcept nogil

# The words for a status: "not valid JSON", ...
cdef const char* json_status_words(int status) noexcept nogil
