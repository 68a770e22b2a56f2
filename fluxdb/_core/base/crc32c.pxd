"""CRC-32C (Castagnoli, RFC 3720 appendix B.4): by the processor where it can, by tables elsewhere."""

from libc.stddef cimport size_t
from libc.stdint cimport uint32_t

cdef extern from "base/crc32c.h" nogil:
    # Continues from crc (0 to begin): fluxdb_crc32c(fluxdb_crc32c(0, a), b) is that of a + b.
    uint32_t fluxdb_crc32c(uint32_t crc, const void* data, size_t data_bytes) noexcept
