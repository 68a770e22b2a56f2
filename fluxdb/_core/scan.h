/* Scanning JSON text 16 bytes at a time: SSE2 (every x86-64 has it), NEON (every AArch64), or two 64-bit words elsewhere.
 *
 * A chunk is 16 bytes of text; a set is a number whose bit i speaks of byte i of a chunk. No function here reads outside
 * [begin, end): what is left over at the end is read again as part of the last whole chunk. */
#ifndef FLUXDB_SCAN_H
#define FLUXDB_SCAN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__) && !defined(FLUXDB_SCAN_PORTABLE)
#include <emmintrin.h>

typedef __m128i fluxdb_chunk;

static inline fluxdb_chunk fluxdb_chunk_load(const uint8_t *at)
{
    return _mm_loadu_si128((const __m128i *)at);
}

static inline uint32_t fluxdb_chunk_equal(fluxdb_chunk chunk, char byte)
{
    return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(chunk, _mm_set1_epi8(byte)));
}

/* Below a space or above ASCII: as signed numbers, both are less than a space. */
static inline uint32_t fluxdb_chunk_unprintable(fluxdb_chunk chunk)
{
    return (uint32_t)_mm_movemask_epi8(_mm_cmplt_epi8(chunk, _mm_set1_epi8(0x20)));
}

#elif defined(__aarch64__) && defined(__ARM_NEON) && !defined(FLUXDB_SCAN_PORTABLE)
#include <arm_neon.h>

typedef uint8x16_t fluxdb_chunk;

static inline fluxdb_chunk fluxdb_chunk_load(const uint8_t *at)
{
    return vld1q_u8(at);
}

static inline uint32_t fluxdb_chunk_bits(uint8x16_t found)
{
    static const uint8_t weights[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16_t weighted = vandq_u8(found, vld1q_u8(weights));
    return (uint32_t)vaddv_u8(vget_low_u8(weighted)) | (uint32_t)vaddv_u8(vget_high_u8(weighted)) << 8;
}

static inline uint32_t fluxdb_chunk_equal(fluxdb_chunk chunk, char byte)
{
    return fluxdb_chunk_bits(vceqq_u8(chunk, vdupq_n_u8((uint8_t)byte)));
}

static inline uint32_t fluxdb_chunk_unprintable(fluxdb_chunk chunk)
{
    return fluxdb_chunk_bits(vcltq_s8(vreinterpretq_s8_u8(chunk), vdupq_n_s8(0x20)));
}

#else

typedef struct {
    uint64_t low, high;
} fluxdb_chunk;

#define FLUXDB_EACH_BYTE 0x0101010101010101ULL

static inline fluxdb_chunk fluxdb_chunk_load(const uint8_t *at)
{
    fluxdb_chunk chunk;
    memcpy(&chunk.low, at, 8);
    memcpy(&chunk.high, at + 8, 8);
    return chunk;
}

/* The top bits of the eight bytes, as a number of eight bits. */
static inline uint32_t fluxdb_word_bits(uint64_t word)
{
    return (uint32_t)((word >> 7 & FLUXDB_EACH_BYTE) * 0x0102040810204080ULL >> 56);
}

static inline uint64_t fluxdb_word_zeros(uint64_t word)
{
    uint64_t low_bits = 0x7F * FLUXDB_EACH_BYTE;
    return ~(((word & low_bits) + low_bits) | word);
}

static inline uint32_t fluxdb_chunk_equal(fluxdb_chunk chunk, char byte)
{
    uint64_t wanted = (uint8_t)byte * FLUXDB_EACH_BYTE;
    return fluxdb_word_bits(fluxdb_word_zeros(chunk.low ^ wanted))
         | fluxdb_word_bits(fluxdb_word_zeros(chunk.high ^ wanted)) << 8;
}

static inline uint32_t fluxdb_chunk_unprintable(fluxdb_chunk chunk)
{
    uint64_t upper = 0x60 * FLUXDB_EACH_BYTE; /* zero in these bits: below a space (or above ASCII, taken apart) */
    return fluxdb_word_bits(fluxdb_word_zeros(chunk.low & upper) | chunk.low)
         | fluxdb_word_bits(fluxdb_word_zeros(chunk.high & upper) | chunk.high) << 8;
}

#endif

/* Bytes at which a plain run in a string ends: a quote, a backslash, a control character, or the start of a character
 * above ASCII. */
static inline uint32_t fluxdb_chunk_not_plain(fluxdb_chunk chunk)
{
    return fluxdb_chunk_equal(chunk, '"') | fluxdb_chunk_equal(chunk, '\\') | fluxdb_chunk_unprintable(chunk);
}

static inline uint32_t fluxdb_chunk_quotes(fluxdb_chunk chunk)
{
    return fluxdb_chunk_equal(chunk, '"') | fluxdb_chunk_equal(chunk, '\\');
}

static inline uint32_t fluxdb_chunk_not_space(fluxdb_chunk chunk)
{
    return 0xFFFF
         ^ (fluxdb_chunk_equal(chunk, ' ') | fluxdb_chunk_equal(chunk, '\n') | fluxdb_chunk_equal(chunk, '\r')
            | fluxdb_chunk_equal(chunk, '\t'));
}

static inline uint32_t fluxdb_chunk_structure(fluxdb_chunk chunk)
{
    return fluxdb_chunk_equal(chunk, '"') | fluxdb_chunk_equal(chunk, '{') | fluxdb_chunk_equal(chunk, '}')
         | fluxdb_chunk_equal(chunk, '[') | fluxdb_chunk_equal(chunk, ']');
}

/* The first byte at or behind `at` that set_of() finds; `end` where there is none. */
#define FLUXDB_SCAN(name, set_of)                                                                                      \
    static inline const uint8_t *name(const uint8_t *begin, const uint8_t *at, const uint8_t *end)                     \
    {                                                                                                                  \
        uint32_t found;                                                                                                \
        for (; end - at >= 16; at += 16) {                                                                             \
            found = set_of(fluxdb_chunk_load(at));                                                                     \
            if (found)                                                                                                 \
                return at + __builtin_ctz(found);                                                                      \
        }                                                                                                              \
        if (at == end)                                                                                                 \
            return end;                                                                                                \
        if (end - begin >= 16) {                                                                                       \
            found = set_of(fluxdb_chunk_load(end - 16)) >> (16 - (end - at));                                          \
        } else {                                                                                                       \
            uint8_t rest[16] = {0};                                                                                    \
            memcpy(rest, at, (size_t)(end - at));                                                                      \
            found = set_of(fluxdb_chunk_load(rest)) & ((1u << (end - at)) - 1);                                        \
        }                                                                                                              \
        return found ? at + __builtin_ctz(found) : end;                                                                \
    }

FLUXDB_SCAN(fluxdb_scan_plain, fluxdb_chunk_not_plain)
FLUXDB_SCAN(fluxdb_scan_quote, fluxdb_chunk_quotes)
FLUXDB_SCAN(fluxdb_scan_structure, fluxdb_chunk_structure)
FLUXDB_SCAN(fluxdb_scan_space, fluxdb_chunk_not_space)

/* From here on the text is taken to be canonical; of other text the ends may be found wrong, but never outside of it.
 *
 * The closing quote of the string whose first byte is at `at`; NULL where there is none. */
static inline const uint8_t *fluxdb_scan_string_end(const uint8_t *begin, const uint8_t *at, const uint8_t *end)
{
    for (;;) {
        at = fluxdb_scan_quote(begin, at, end);
        if (at == end)
            return NULL;
        if (*at == '"')
            return at;
        if (end - at < 2)
            return NULL;
        at += 2; /* a backslash, and what it escapes */
    }
}

/* Behind the bracket that closes the array or object in which `at` is, not in a string; NULL where there is none. */
static inline const uint8_t *fluxdb_scan_nested_end(const uint8_t *begin, const uint8_t *at, const uint8_t *end)
{
    for (size_t depth = 1;;) {
        at = fluxdb_scan_structure(begin, at, end);
        if (at == end)
            return NULL;
        if (*at == '"') {
            at = fluxdb_scan_string_end(begin, at + 1, end);
            if (at == NULL)
                return NULL;
        } else if (*at == '{' || *at == '[') {
            depth++;
        } else if (--depth == 0) {
            return at + 1;
        }
        at++;
    }
}

/* Behind the value at `at`; NULL where there is none. */
static inline const uint8_t *fluxdb_scan_value_end(const uint8_t *begin, const uint8_t *at, const uint8_t *end)
{
    const uint8_t *value = at;
    if (at == end)
        return NULL;
    if (*at == '"') {
        at = fluxdb_scan_string_end(begin, at + 1, end);
        return at ? at + 1 : NULL;
    }
    if (*at == '{' || *at == '[')
        return fluxdb_scan_nested_end(begin, at + 1, end);
    while (at < end && *at != ',' && *at != '}' && *at != ']')
        at++;
    return at > value ? at : NULL;
}

/* Copies a run of a text to its canonical form, which never gets longer: where a whole chunk can be read, there is room for
 * it, too. What it writes behind the run is overwritten by what follows. */
static inline void fluxdb_copy_run(uint8_t *out, const uint8_t *run, size_t run_bytes, const uint8_t *text_end)
{
    if (run_bytes <= 16 && text_end - run >= 16)
        memcpy(out, run, 16);
    else if (run_bytes > 0)
        memcpy(out, run, run_bytes);
}

/* The end of the characters above ASCII that begin at `at`, as far as they are valid UTF-8 (RFC 3629). */
static inline const uint8_t *fluxdb_scan_utf8(const uint8_t *at, const uint8_t *end)
{
    while (at < end && *at >= 0x80) {
        ptrdiff_t left = end - at;
        uint32_t lead = at[0];
        uint32_t second = left > 1 ? at[1] : 0;
        if (lead < 0xE0) {
            if (lead < 0xC2 || (second & 0xC0) != 0x80)
                break;
            at += 2;
        } else if (lead < 0xF0) {
            if (left < 3 || (second & 0xC0) != 0x80 || (at[2] & 0xC0) != 0x80)
                break;
            if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second >= 0xA0)) /* overlong; a surrogate */
                break;
            at += 3;
        } else {
            if (lead > 0xF4 || left < 4 || (second & 0xC0) != 0x80 || (at[2] & 0xC0) != 0x80 || (at[3] & 0xC0) != 0x80)
                break;
            if ((lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second >= 0x90)) /* overlong; beyond U+10FFFF */
                break;
            at += 4;
        }
    }
    return at;
}

#endif
