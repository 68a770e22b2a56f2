"""Text as a JSON string, in its canonical spelling."""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t
from libc.string cimport memcpy

from fluxdb._core.json.reading cimport fluxdb_scan_plain, spell_control


# Room that write_string needs.
cdef inline size_t string_bytes_max(size_t text_bytes) noexcept nogil:
    return 6 * text_bytes + 2


cdef inline uint8_t* write_string(const uint8_t* text, size_t text_bytes, uint8_t* out) noexcept nogil:
    """Write valid UTF-8 in quotes, with its escapes; return the end of what was written."""
    cdef const uint8_t* at = text
    cdef const uint8_t* end = text + text_bytes
    cdef const uint8_t* run = text
    out[0] = c'"'
    out += 1
    while True:
        at = fluxdb_scan_plain(text, at, end)
        while at < end and at[0] >= 0x80:
            at += 1
        if at < end and at[0] >= c" " and at[0] != c'"' and at[0] != c"\\":
            continue
        memcpy(out, run, <size_t>(at - run))
        out += at - run
        if at == end:
            break
        if at[0] < c" ":
            out += spell_control(at[0], out)
        else:
            out[0] = c"\\"
            out[1] = at[0]
            out += 2
        at += 1
        run = at
    out[0] = c'"'
    return out + 1
