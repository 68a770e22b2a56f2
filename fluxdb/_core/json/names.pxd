"""The names of objects' members: is this one there already? A few are compared one by one, many are hashed."""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp

cdef extern from "base/hash.h" nogil:
    uint64_t fluxdb_hash(const void* data, size_t data_bytes, uint64_t seed) noexcept
    uint64_t fluxdb_fold(uint64_t a, uint64_t b) noexcept

cdef extern from *:
    """
    /* The first and the last eight bytes of a name; of a shorter one, all of it in `first`. */
    static inline void fluxdb_name_ends(const uint8_t *name, uint32_t name_bytes, uint64_t *first, uint64_t *last)
    {
        uint32_t half, other_half;
        *first = *last = 0;
        if (name_bytes >= 8) {
            memcpy(first, name, 8);
            memcpy(last, name + name_bytes - 8, 8);
        } else if (name_bytes >= 4) {
            memcpy(&half, name, 4);
            memcpy(&other_half, name + name_bytes - 4, 4);
            *first = half | (uint64_t)other_half << 32;
        } else if (name_bytes > 0) {
            *first = name[0] | (uint64_t)name[name_bytes / 2] << 8 | (uint64_t)name[name_bytes - 1] << 16;
        }
    }

    /* Names whose marks differ are different; this spares most comparisons. */
    static inline uint32_t fluxdb_name_mark(const uint8_t *name, uint32_t name_bytes)
    {
        uint64_t first, last;
        fluxdb_name_ends(name, name_bytes, &first, &last);
        return (uint32_t)((first ^ (last << 29 | last >> 35) ^ name_bytes) * 0x9E3779B97F4A7C15ULL >> 32);
    }

    /* Is the mark among these? Without a way out in between, so that four are compared at once. */
    static inline int fluxdb_has_mark(const uint32_t *marks, uint32_t count, uint32_t mark)
    {
        uint32_t found = 0;
        for (uint32_t i = 0; i < count; i++)
            found |= marks[i] == mark;
        return (int)found;
    }
    """
    void fluxdb_name_ends(const uint8_t* name, uint32_t name_bytes, uint64_t* first, uint64_t* last) noexcept nogil
    uint32_t fluxdb_name_mark(const uint8_t* name, uint32_t name_bytes) noexcept nogil
    bint fluxdb_has_mark(const uint32_t* marks, uint32_t count, uint32_t mark) noexcept nogil

cdef enum:
    NAMES_COMPARED_MAX = 32  # beyond so many, an object's names are hashed


cdef struct Name:
    const uint8_t* at
    uint32_t name_bytes
    uint32_t mark


# Open addressing over names that lie elsewhere: a slot holds a name's number plus one, 0 where it is empty.
cdef struct NameIndex:
    uint32_t* slots
    uint32_t mask
    uint32_t used


cdef inline void set_name(Name* name, const uint8_t* at, uint32_t name_bytes) noexcept nogil:
    name.at = at
    name.name_bytes = name_bytes
    name.mark = fluxdb_name_mark(at, name_bytes)


cdef inline bint same_name(const Name* a, const Name* b) noexcept nogil:
    return a.mark == b.mark and a.name_bytes == b.name_bytes and memcmp(a.at, b.at, a.name_bytes) == 0


cdef inline int index_init(NameIndex* index, uint32_t names) noexcept nogil:
    """Room for so many names; -1 where there is no memory."""
    cdef uint64_t slots = 64
    while slots < 2 * <uint64_t>names:
        slots *= 2
    index.slots = <uint32_t*>calloc(slots, sizeof(uint32_t))
    index.mask = <uint32_t>(slots - 1)
    index.used = 0
    return 0 if index.slots != NULL else -1


cdef inline void index_free(NameIndex* index) noexcept nogil:
    free(index.slots)
    index.slots = NULL


cdef inline bint index_is_full(const NameIndex* index) noexcept nogil:
    return 2 * <uint64_t>index.used > index.mask


cdef inline uint32_t* index_slot(
    const NameIndex* index, const void* names, size_t stride, const Name* name, uint64_t seed
) noexcept nogil:
    """The slot that holds the number of an equal name, or the empty one that is this name's place.

    ``names``: an array of structures of ``stride`` bytes that begin with a Name. The seed is random, so that a client
    that chooses the names can't choose the collisions.
    """
    cdef uint32_t place = <uint32_t>name_hash(name, seed) & index.mask
    cdef uint32_t number
    while True:
        number = index.slots[place]
        if number == 0 or same_name(<const Name*>(<const char*>names + (number - 1) * stride), name):
            return &index.slots[place]
        place = (place + 1) & index.mask


cdef inline uint64_t name_hash(const Name* name, uint64_t seed) noexcept nogil:
    cdef uint64_t first, last
    if name.name_bytes > 16:
        return fluxdb_hash(name.at, name.name_bytes, seed)
    fluxdb_name_ends(name.at, name.name_bytes, &first, &last)  # all of it
    return fluxdb_fold(first ^ seed, last ^ name.name_bytes ^ (seed << 32 | seed >> 32))
