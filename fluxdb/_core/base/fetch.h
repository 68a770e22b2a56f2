/* A hint to the processor, given without a lock: what it reads may be changed, or old, at that very moment. It names an
   address and never looks there, so the worst is that the wrong memory is fetched. */
#ifndef FLUXDB_FETCH_H
#define FLUXDB_FETCH_H

#include <stddef.h>
#include <stdint.h>

static inline void fluxdb_fetch_slot(void *const *slots, const uint32_t *mask, uint32_t home)
{
    uintptr_t begin = (uintptr_t)__atomic_load_n(slots, __ATOMIC_RELAXED);
    uint32_t slot = home & __atomic_load_n(mask, __ATOMIC_RELAXED);
    __builtin_prefetch((const void *)(begin + slot * sizeof(uint64_t)));
}

/* So many bytes from there on, a line of the cache at a time. */
static inline void fluxdb_fetch_bytes(const void *begin, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += 64)
        __builtin_prefetch((const char *)begin + at);
}

#endif
