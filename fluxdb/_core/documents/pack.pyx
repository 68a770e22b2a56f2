"""Packs of keys; documents/pack.pxd has their layout."""

from libc.stdint cimport UINT32_MAX, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy, memmove

cdef extern from *:
    """
    /* The first eight bytes as a number that sorts as they do; zeros where there are fewer. Eight may be read. */
    static inline uint64_t fluxdb_head(const uint8_t *at, size_t bytes)
    {
        uint64_t head;
        memcpy(&head, at, 8);
    #if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        head = __builtin_bswap64(head);
    #endif
        return bytes >= 8 ? head : bytes ? head >> (64 - 8 * bytes) << (64 - 8 * bytes) : 0;
    }

    /* The same where no more than `bytes` may be read. */
    static inline uint64_t fluxdb_first_bytes(const uint8_t *at, size_t bytes)
    {
        uint8_t first[8] = {0};
        memcpy(first, at, bytes < 8 ? bytes : 8);
        return fluxdb_head(first, 8);
    }
    """
    uint64_t fluxdb_head(const uint8_t* at, size_t bytes) noexcept nogil
    uint64_t fluxdb_first_bytes(const uint8_t* at, size_t bytes) noexcept nogil

cdef enum:
    END_BYTES = 4           # of one end
    SLACK_BYTES = 8         # behind the ends: eight bytes can be read from where any suffix begins


cdef Pack* pack_new(size_t bytes_needed) noexcept nogil:
    cdef size_t larger = (bytes_needed + bytes_needed // 4 + 3) & ~<size_t>3
    cdef size_t capacity = PACK_ROOM if bytes_needed <= PACK_ROOM else larger
    cdef Pack* pack
    if capacity > UINT32_MAX:
        return NULL
    pack = <Pack*>malloc(sizeof(Pack) + capacity + SLACK_BYTES)
    if pack == NULL:
        return NULL
    pack.count = pack.prefix_bytes = pack.text_bytes = 0
    pack.capacity = <uint32_t>capacity
    return pack


cdef size_t shared_bytes(const Pieces* a, const Pieces* b) noexcept nogil:
    cdef size_t a_bytes = a.first_bytes + a.second_bytes
    cdef size_t b_bytes = b.first_bytes + b.second_bytes
    cdef size_t least = a_bytes if a_bytes < b_bytes else b_bytes
    cdef size_t shared = 0
    while shared < least and byte_at(a, shared) == byte_at(b, shared):
        shared += 1
    return shared


cdef inline uint8_t byte_at(const Pieces* key, size_t at) noexcept nogil:
    return key.first[at] if at < key.first_bytes else key.second[at - key.first_bytes]


cdef size_t pieces_copy(const Pieces* key, uint8_t* out) noexcept nogil:
    memcpy(out, key.first, key.first_bytes)
    memcpy(out + key.first_bytes, key.second, key.second_bytes)
    return key.first_bytes + key.second_bytes


# ---- making packs: there is room, and the keys come in order ----

cdef inline void set_prefix(Pack* pack, const Pieces* key, size_t prefix_bytes) noexcept nogil:
    """The prefix of an empty pack: the first bytes of that key."""
    cdef size_t first_bytes = prefix_bytes if prefix_bytes < key.first_bytes else key.first_bytes
    memcpy(pack_text(pack), key.first, first_bytes)
    memcpy(pack_text(pack) + first_bytes, key.second, prefix_bytes - first_bytes)
    pack.prefix_bytes = pack.text_bytes = <uint32_t>prefix_bytes


cdef inline void append(Pack* pack, const Pieces* key) noexcept nogil:
    """Add a key behind all others; it begins with the prefix."""
    cdef uint8_t* out = pack_text(pack) + pack.text_bytes
    cdef size_t skipped
    if pack.prefix_bytes < key.first_bytes:
        memcpy(out, key.first + pack.prefix_bytes, key.first_bytes - pack.prefix_bytes)
        out += key.first_bytes - pack.prefix_bytes
    skipped = pack.prefix_bytes - key.first_bytes if pack.prefix_bytes > key.first_bytes else 0
    memcpy(out, key.second + skipped, key.second_bytes - skipped)
    out += key.second_bytes - skipped
    pack.text_bytes = <uint32_t>(out - pack_text(pack))
    pack_ends(pack)[-1 - <int>pack.count] = pack.text_bytes
    pack.count += 1


cdef inline void append_all(Pack* pack, const Pack* source, uint32_t first, uint32_t last) noexcept nogil:
    cdef uint32_t i
    cdef Pieces key
    for i in range(first, last):
        key = pack_key(source, i)
        append(pack, &key)


cdef Pack* pack_slice(const Pack* pack, uint32_t first, uint32_t last) noexcept nogil:
    cdef Pieces lowest, highest
    cdef Pack* slice
    if first == last:
        return pack_new(0)
    lowest = pack_key(pack, first)
    highest = pack_key(pack, last - 1)
    slice = pack_new(
        pack.prefix_bytes + (pack_end(pack, last - 1) - pack_begin(pack, first)) + END_BYTES * <size_t>(last - first)
    )
    if slice == NULL:
        return NULL
    set_prefix(slice, &lowest, shared_bytes(&lowest, &highest))
    append_all(slice, pack, first, last)
    return slice


cdef inline size_t bytes_at_prefix(const Pack* pack, size_t prefix_bytes) noexcept nogil:
    """The bytes of suffixes and ends if the prefix were shorter."""
    cdef size_t suffixes = pack.text_bytes - pack.prefix_bytes
    return suffixes + (pack.prefix_bytes - prefix_bytes) * pack.count + END_BYTES * <size_t>pack.count


cdef inline size_t joined_prefix(const Pack* left, const Pack* right) noexcept nogil:
    cdef Pieces lowest = pack_key(left, 0)
    cdef Pieces highest = pack_key(right, right.count - 1)
    cdef size_t shared = shared_bytes(&lowest, &highest)
    shared = left.prefix_bytes if left.prefix_bytes < shared else shared
    return right.prefix_bytes if right.prefix_bytes < shared else shared


cdef size_t pack_join_bytes(const Pack* left, const Pack* right) noexcept nogil:
    cdef size_t prefix_bytes = joined_prefix(left, right)
    return prefix_bytes + bytes_at_prefix(left, prefix_bytes) + bytes_at_prefix(right, prefix_bytes)


cdef Pack* pack_join(const Pack* left, const Pack* right) noexcept nogil:
    cdef Pieces lowest = pack_key(left, 0)
    cdef Pack* joined = pack_new(pack_join_bytes(left, right))
    if joined == NULL:
        return NULL
    set_prefix(joined, &lowest, joined_prefix(left, right))
    append_all(joined, left, 0, left.count)
    append_all(joined, right, 0, right.count)
    return joined


# ---- one key ----

cdef inline size_t shared_with_prefix(const Pack* pack, const uint8_t* key, size_t key_bytes) noexcept nogil:
    cdef const uint8_t* prefix = pack_text(pack)
    cdef size_t least = pack.prefix_bytes if pack.prefix_bytes < key_bytes else key_bytes
    cdef size_t shared = 0
    if memcmp(prefix, key, least) == 0:
        return least
    while prefix[shared] == key[shared]:
        shared += 1
    return shared


cdef uint32_t pack_find(const Pack* pack, const uint8_t* key, size_t key_bytes, bint* found) noexcept nogil:
    cdef const uint8_t* text = pack_text(pack)
    cdef size_t least = pack.prefix_bytes if pack.prefix_bytes < key_bytes else key_bytes
    cdef int order = memcmp(key, text, least)
    cdef uint32_t low = 0, high = pack.count, middle, begin, suffix_bytes
    cdef uint64_t head, suffix_head
    found[0] = False
    if order < 0 or (order == 0 and key_bytes < pack.prefix_bytes):
        return 0
    if order > 0:
        return pack.count
    key += pack.prefix_bytes
    key_bytes -= pack.prefix_bytes
    head = fluxdb_first_bytes(key, key_bytes)
    while low < high:
        middle = (low + high) // 2
        begin = pack_begin(pack, middle)
        suffix_bytes = pack_end(pack, middle) - begin
        suffix_head = fluxdb_head(text + begin, suffix_bytes)
        if suffix_head == head:
            order = compare(text + begin, suffix_bytes, key, key_bytes)
            if order == 0:
                found[0] = True
                return middle
        else:
            order = -1 if suffix_head < head else 1
        if order < 0:
            low = middle + 1
        else:
            high = middle
    return low


cdef inline int compare(const uint8_t* a, size_t a_bytes, const uint8_t* b, size_t b_bytes) noexcept nogil:
    cdef int order = memcmp(a, b, a_bytes if a_bytes < b_bytes else b_bytes)
    return order if order else (a_bytes > b_bytes) - (a_bytes < b_bytes)


cdef size_t pack_bytes_with(const Pack* pack, const uint8_t* key, size_t key_bytes) noexcept nogil:
    cdef size_t shared
    if pack.count == 0:
        return key_bytes + END_BYTES
    shared = shared_with_prefix(pack, key, key_bytes)
    return shared + bytes_at_prefix(pack, shared) + (key_bytes - shared) + END_BYTES


cdef int pack_insert(Pack** place, uint32_t i, const uint8_t* key, size_t key_bytes) noexcept nogil:
    cdef Pack* pack = place[0]
    cdef Pack* larger
    cdef Pieces whole
    cdef size_t bytes_needed = pack_bytes_with(pack, key, key_bytes)
    cdef size_t shared = shared_with_prefix(pack, key, key_bytes) if pack.count else key_bytes
    if pack.count and shared == pack.prefix_bytes and bytes_needed <= pack.capacity:
        make_room(pack, i, <uint32_t>(key_bytes - shared))
        memcpy(pack_text(pack) + pack_begin(pack, i), key + shared, key_bytes - shared)
        return 0
    larger = pack_new(bytes_needed)
    if larger == NULL:
        return -1
    whole.first = whole.second = key
    whole.first_bytes = key_bytes
    whole.second_bytes = 0
    set_prefix(larger, &whole, shared)
    append_all(larger, pack, 0, i)
    append(larger, &whole)
    append_all(larger, pack, i, pack.count)
    free(pack)
    place[0] = larger
    return 0


cdef inline void make_room(Pack* pack, uint32_t i, uint32_t suffix_bytes) noexcept nogil:
    """A suffix of so many bytes at i, yet to be written."""
    cdef uint32_t begin = pack_begin(pack, i)
    cdef uint32_t* ends = pack_ends(pack) - pack.count      # of the last suffix
    cdef uint32_t later = pack.count - i
    cdef uint32_t j
    memmove(pack_text(pack) + begin + suffix_bytes, pack_text(pack) + begin, pack.text_bytes - begin)
    memmove(ends - 1, ends, later * sizeof(uint32_t))
    for j in range(later):
        ends[<int>j - 1] += suffix_bytes
    ends[<int>later - 1] = begin + suffix_bytes
    pack.count += 1
    pack.text_bytes += suffix_bytes


cdef void pack_remove(Pack* pack, uint32_t i) noexcept nogil:
    cdef uint32_t begin = pack_begin(pack, i)
    cdef uint32_t end = pack_end(pack, i)
    cdef uint32_t* ends = pack_ends(pack) - pack.count
    cdef uint32_t later = pack.count - i - 1
    cdef uint32_t j
    memmove(pack_text(pack) + begin, pack_text(pack) + end, pack.text_bytes - end)
    memmove(ends + 1, ends, later * sizeof(uint32_t))
    for j in range(later):
        ends[j + 1] -= end - begin
    pack.count -= 1
    pack.text_bytes -= end - begin
