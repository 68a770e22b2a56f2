/* Sixteen bytes of text at a time: SSE2 (every x86-64 has it), NEON (every AArch64), or two 64-bit words elsewhere.
 *
 * A chunk is 16 bytes, or what was found in them: then it is joined with others by fluxdb_or and fluxdb_and, and read
 * by fluxdb_set, which gives a number whose bit i speaks of byte i. */
#ifndef FLUXDB_CHUNK_H
#define FLUXDB_CHUNK_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__) && !defined(FLUXDB_SCAN_PORTABLE)
#include <emmintrin.h>

typedef __m128i fluxdb_chunk;

static inline fluxdb_chunk fluxdb_load(const uint8_t *at)
{
    return _mm_loadu_si128((const __m128i *)at);
}

static inline fluxdb_chunk fluxdb_or(fluxdb_chunk a, fluxdb_chunk b)
{
    return _mm_or_si128(a, b);
}

static inline fluxdb_chunk fluxdb_and(fluxdb_chunk a, fluxdb_chunk b)
{
    return _mm_and_si128(a, b);
}

static inline fluxdb_chunk fluxdb_all(uint8_t byte)
{
    return _mm_set1_epi8((char)byte);
}

static inline fluxdb_chunk fluxdb_equal(fluxdb_chunk chunk, uint8_t byte)
{
    return _mm_cmpeq_epi8(chunk, fluxdb_all(byte));
}

static inline fluxdb_chunk fluxdb_same(fluxdb_chunk a, fluxdb_chunk b)
{
    return _mm_cmpeq_epi8(a, b);
}

/* Below a space or above ASCII: as signed numbers, both are less than a space. */
static inline fluxdb_chunk fluxdb_unprintable(fluxdb_chunk chunk)
{
    return _mm_cmplt_epi8(chunk, fluxdb_all(0x20));
}

static inline uint32_t fluxdb_set(fluxdb_chunk found)
{
    return (uint32_t)_mm_movemask_epi8(found);
}

#elif defined(__aarch64__) && defined(__ARM_NEON) && !defined(FLUXDB_SCAN_PORTABLE)
#include <arm_neon.h>

typedef uint8x16_t fluxdb_chunk;

static inline fluxdb_chunk fluxdb_load(const uint8_t *at)
{
    return vld1q_u8(at);
}

static inline fluxdb_chunk fluxdb_or(fluxdb_chunk a, fluxdb_chunk b)
{
    return vorrq_u8(a, b);
}

static inline fluxdb_chunk fluxdb_and(fluxdb_chunk a, fluxdb_chunk b)
{
    return vandq_u8(a, b);
}

static inline fluxdb_chunk fluxdb_all(uint8_t byte)
{
    return vdupq_n_u8(byte);
}

static inline fluxdb_chunk fluxdb_equal(fluxdb_chunk chunk, uint8_t byte)
{
    return vceqq_u8(chunk, fluxdb_all(byte));
}

static inline fluxdb_chunk fluxdb_same(fluxdb_chunk a, fluxdb_chunk b)
{
    return vceqq_u8(a, b);
}

static inline fluxdb_chunk fluxdb_unprintable(fluxdb_chunk chunk)
{
    return vcltq_s8(vreinterpretq_s8_u8(chunk), vdupq_n_s8(0x20));
}

static inline uint32_t fluxdb_set(fluxdb_chunk found)
{
    static const uint8_t weights[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16_t weighted = vandq_u8(found, vld1q_u8(weights));
    return (uint32_t)vaddv_u8(vget_low_u8(weighted)) | (uint32_t)vaddv_u8(vget_high_u8(weighted)) << 8;
}

#else

typedef struct {
    uint64_t low, high;
} fluxdb_chunk; /* what was found is said by the top bit of each byte */

static inline fluxdb_chunk fluxdb_load(const uint8_t *at)
{
    fluxdb_chunk chunk;
    memcpy(&chunk, at, 16);
    return chunk;
}

static inline fluxdb_chunk fluxdb_or(fluxdb_chunk a, fluxdb_chunk b)
{
    return (fluxdb_chunk){a.low | b.low, a.high | b.high};
}

static inline fluxdb_chunk fluxdb_and(fluxdb_chunk a, fluxdb_chunk b)
{
    return (fluxdb_chunk){a.low & b.low, a.high & b.high};
}

static inline fluxdb_chunk fluxdb_all(uint8_t byte)
{
    return (fluxdb_chunk){byte * 0x0101010101010101ULL, byte * 0x0101010101010101ULL};
}

/* No sum here carries into the next byte. */
static inline uint64_t fluxdb_zeros(uint64_t word)
{
    uint64_t low_bits = 0x7F7F7F7F7F7F7F7FULL;
    return ~(((word & low_bits) + low_bits) | word | low_bits);
}

static inline fluxdb_chunk fluxdb_same(fluxdb_chunk a, fluxdb_chunk b)
{
    return (fluxdb_chunk){fluxdb_zeros(a.low ^ b.low), fluxdb_zeros(a.high ^ b.high)};
}

static inline fluxdb_chunk fluxdb_equal(fluxdb_chunk chunk, uint8_t byte)
{
    return fluxdb_same(chunk, fluxdb_all(byte));
}

static inline fluxdb_chunk fluxdb_unprintable(fluxdb_chunk chunk)
{
    fluxdb_chunk printable = fluxdb_and(chunk, fluxdb_all(0x60)); /* of ASCII: one of these bits */
    return fluxdb_or(fluxdb_equal(printable, 0), fluxdb_and(chunk, fluxdb_all(0x80)));
}

static inline uint32_t fluxdb_set(fluxdb_chunk found)
{
    uint64_t low = (found.low >> 7) * 0x0102040810204080ULL >> 56;
    uint64_t high = (found.high >> 7) * 0x0102040810204080ULL >> 56;
    return (uint32_t)(low | high << 8);
}

#endif

#endif
