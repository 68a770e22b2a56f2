"""A pack: keys in order, close together, without the beginning that all of them share.

    u32 count | u32 prefix_bytes | u32 text_bytes | u32 capacity
    prefix, suffix 0, suffix 1, ...                  (text_bytes)
    room                                             (up to capacity)
    ..., u32 end of suffix 1, u32 end of suffix 0    from the back; counted from the prefix

A key is the prefix and its suffix. Keys are compared as bytes, which for UTF-8 is the order of code points. In memory
only.
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t

cdef enum:
    PACK_ROOM = 1000        # bytes of a pack that is not larger: 1 KiB with its head and its slack

cdef struct Pack:
    uint32_t count
    uint32_t prefix_bytes
    uint32_t text_bytes
    uint32_t capacity

# A key in two pieces; second_bytes may be 0.
cdef struct Pieces:
    const uint8_t* first
    size_t first_bytes
    const uint8_t* second
    size_t second_bytes

cdef inline uint8_t* pack_text(const Pack* pack) noexcept nogil:
    return <uint8_t*>pack + sizeof(Pack)

cdef inline uint32_t* pack_ends(const Pack* pack) noexcept nogil:
    """Behind the end of suffix 0: that of suffix i is at [-1 - i]."""
    return <uint32_t*>(pack_text(pack) + pack.capacity)

cdef inline uint32_t pack_begin(const Pack* pack, uint32_t i) noexcept nogil:
    """The offset at which suffix i begins."""
    return pack_ends(pack)[-<int>i] if i else pack.prefix_bytes

cdef inline uint32_t pack_end(const Pack* pack, uint32_t i) noexcept nogil:
    return pack_ends(pack)[-1 - <int>i]

cdef inline Pieces pack_key(const Pack* pack, uint32_t i) noexcept nogil:
    cdef Pieces key
    cdef uint32_t begin = pack_begin(pack, i)
    key.first = pack_text(pack)
    key.first_bytes = pack.prefix_bytes
    key.second = pack_text(pack) + begin
    key.second_bytes = pack_end(pack, i) - begin
    return key

# NULL and -1 below mean: there is no memory, and nothing was changed.

# An empty pack with room for so many bytes of prefix, suffixes and ends.
cdef Pack* pack_new(size_t bytes_needed) noexcept nogil
# A new pack of the keys from first to last (exclusive).
cdef Pack* pack_slice(const Pack* pack, uint32_t first, uint32_t last) noexcept nogil
# A new pack of the keys of both; all of left are smaller than those of right.
cdef Pack* pack_join(const Pack* left, const Pack* right) noexcept nogil
# The bytes that such a pack would need.
cdef size_t pack_join_bytes(const Pack* left, const Pack* right) noexcept nogil
# How many keys are smaller; found: the next one is equal.
cdef uint32_t pack_find(const Pack* pack, const uint8_t* key, size_t key_bytes, bint* found) noexcept nogil
# The bytes that the pack would need with that key, too.
cdef size_t pack_bytes_with(const Pack* pack, const uint8_t* key, size_t key_bytes) noexcept nogil
# Puts the key at i, the place that pack_find gave. The pack may move.
cdef int pack_insert(Pack** place, uint32_t i, const uint8_t* key, size_t key_bytes) noexcept nogil
cdef void pack_remove(Pack* pack, uint32_t i) noexcept nogil
# The length of the beginning that both keys share.
cdef size_t shared_bytes(const Pieces* a, const Pieces* b) noexcept nogil
# Writes the key to out, which has room for it; its length.
cdef size_t pieces_copy(const Pieces* key, uint8_t* out) noexcept nogil
