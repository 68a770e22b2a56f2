/* A seeded 64-bit hash of short keys: 16 bytes a step through a folded 64x64 -> 128 bit multiplication.
 *
 * Not cryptographic. The table seeds it at random, so a client that chooses keys can't choose collisions. */
#ifndef FLUXDB_HASH_H
#define FLUXDB_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "FluxDB's files and records are little-endian, and so must be the machine"
#endif

/* Odd constants with about as many ones as zeros: digits of the fractional parts of sqrt(2), sqrt(3) and sqrt(5). */
#define FLUXDB_HASH_A 0x6a09e667f3bcc909ULL
#define FLUXDB_HASH_B 0xbb67ae8584caa73bULL
#define FLUXDB_HASH_C 0x3c6ef372fe94f82bULL

static inline uint64_t fluxdb_fold(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t fluxdb_load64(const unsigned char *at)
{
    uint64_t word;
    memcpy(&word, at, 8);
    return word;
}

/* The last 0 to 8 bytes as one number; the length is mixed in apart, so zeros at the end still count. */
static inline uint64_t fluxdb_load_tail(const unsigned char *at, size_t bytes)
{
    uint64_t word = 0;
    memcpy(&word, at, bytes);
    return word;
}

static inline uint64_t fluxdb_hash(const void *data, size_t data_bytes, uint64_t seed)
{
    const unsigned char *at = (const unsigned char *)data;
    size_t left = data_bytes;
    uint64_t state = seed ^ FLUXDB_HASH_A;
    while (left > 16) {
        state = fluxdb_fold(fluxdb_load64(at) ^ FLUXDB_HASH_B, fluxdb_load64(at + 8) ^ state);
        at += 16;
        left -= 16;
    }
    uint64_t first = left > 8 ? fluxdb_load64(at) : fluxdb_load_tail(at, left);
    uint64_t second = left > 8 ? fluxdb_load_tail(at + 8, left - 8) : 0;
    state = fluxdb_fold(first ^ FLUXDB_HASH_B, second ^ state);
    return fluxdb_fold(state ^ FLUXDB_HASH_C, (uint64_t)data_bytes ^ FLUXDB_HASH_A);
}

#endif
