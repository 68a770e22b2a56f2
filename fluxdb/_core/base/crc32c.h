/* CRC-32C (Castagnoli): the checksum of frames and headers in the log.
 *
 * The bits run backwards, as in all CRCs of networking: the polynomial 0x1EDC6F41 is 0x82F63B78 here. Three ways to the
 * same result: the CRC instructions of x86-64 (asked for at run time) and of ARMv8 (if the compiler knows that
 * they are there), and tables anywhere else. */
#ifndef FLUXDB_CRC32C_H
#define FLUXDB_CRC32C_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#include <wmmintrin.h>
#elif defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#endif

#define FLUXDB_CRC32C_POLYNOMIAL 0x82F63B78u

/* Table k holds what a byte does to the checksum when k more bytes come after it. */
static uint32_t fluxdb_crc32c_tables[8][256];

__attribute__((constructor)) static void fluxdb_crc32c_fill_tables(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (crc & 1 ? FLUXDB_CRC32C_POLYNOMIAL : 0);
        fluxdb_crc32c_tables[0][byte] = crc;
    }
    for (int k = 1; k < 8; k++) {
        for (int byte = 0; byte < 256; byte++) {
            uint32_t before = fluxdb_crc32c_tables[k - 1][byte];
            fluxdb_crc32c_tables[k][byte] = (before >> 8) ^ fluxdb_crc32c_tables[0][before & 0xFF];
        }
    }
}

static inline uint32_t fluxdb_crc32c_load32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* By tables, eight bytes a step: runs anywhere. */
static inline uint32_t fluxdb_crc32c_portable(uint32_t crc, const void *data, size_t data_bytes)
{
    const uint32_t(*table)[256] = (const uint32_t(*)[256])fluxdb_crc32c_tables;
    const uint8_t *at = (const uint8_t *)data;
    crc = ~crc;
    for (; data_bytes >= 8; data_bytes -= 8, at += 8) {
        uint32_t low = fluxdb_crc32c_load32(at) ^ crc;
        uint32_t high = fluxdb_crc32c_load32(at + 4);
        crc = table[7][low & 0xFF] ^ table[6][low >> 8 & 0xFF] ^ table[5][low >> 16 & 0xFF] ^ table[4][low >> 24]
            ^ table[3][high & 0xFF] ^ table[2][high >> 8 & 0xFF] ^ table[1][high >> 16 & 0xFF] ^ table[0][high >> 24];
    }
    for (; data_bytes > 0; data_bytes--, at++)
        crc = (crc >> 8) ^ table[0][(crc ^ *at) & 0xFF];
    return ~crc;
}

#if defined(__x86_64__)

static inline uint64_t fluxdb_crc32c_load64(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, 8);
    return word;
}

/* One crc32 instruction waits three cycles for the one before, and one can begin each cycle: so long data is read in
 * three lanes side by side. The lanes are joined by advancing the checksums of the first two over the n bytes after
 * them: a carry-less product with x^(8n - 33), which the crc32 instruction reduces (and multiplies by x^33). */
__attribute__((target("sse4.2,pclmul"))) static inline uint64_t fluxdb_crc32c_three_lanes(
    uint64_t crc, const uint8_t *at, size_t lane_bytes, uint32_t over_two_lanes, uint32_t over_one_lane)
{
    uint64_t first = crc, second = 0, third = 0;
    for (size_t i = 0; i < lane_bytes; i += 8) {
        first = _mm_crc32_u64(first, fluxdb_crc32c_load64(at + i));
        second = _mm_crc32_u64(second, fluxdb_crc32c_load64(at + lane_bytes + i));
        third = _mm_crc32_u64(third, fluxdb_crc32c_load64(at + 2 * lane_bytes + i));
    }
    __m128i ahead = _mm_xor_si128(
        _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)first), _mm_cvtsi32_si128((int)over_two_lanes), 0),
        _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)second), _mm_cvtsi32_si128((int)over_one_lane), 0));
    return _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(ahead)) ^ third;
}

__attribute__((target("sse4.2,pclmul"))) static inline uint64_t fluxdb_crc32c_long(
    uint64_t crc, const uint8_t **at, size_t *data_bytes)
{
    for (; *data_bytes >= 3 * 1024; *data_bytes -= 3 * 1024, *at += 3 * 1024)
        crc = fluxdb_crc32c_three_lanes(crc, *at, 1024, 0xA51B6135u, 0x170076FAu);
    for (; *data_bytes >= 3 * 128; *data_bytes -= 3 * 128, *at += 3 * 128)
        crc = fluxdb_crc32c_three_lanes(crc, *at, 128, 0xB9E02B86u, 0x0D3B6092u);
    return crc;
}

__attribute__((target("sse4.2"))) static inline uint32_t fluxdb_crc32c_sse42(
    uint32_t crc, const void *data, size_t data_bytes)
{
    const uint8_t *at = (const uint8_t *)data;
    uint64_t state = (uint32_t)~crc;
    if (data_bytes >= 3 * 128 && __builtin_cpu_supports("pclmul"))
        state = fluxdb_crc32c_long(state, &at, &data_bytes);
    for (; data_bytes >= 8; data_bytes -= 8, at += 8)
        state = _mm_crc32_u64(state, fluxdb_crc32c_load64(at));
    crc = (uint32_t)state;
    if (data_bytes & 4) {
        crc = _mm_crc32_u32(crc, fluxdb_crc32c_load32(at));
        at += 4;
    }
    for (data_bytes &= 3; data_bytes > 0; data_bytes--, at++)
        crc = _mm_crc32_u8(crc, *at);
    return ~crc;
}

#elif defined(__ARM_FEATURE_CRC32)

static inline uint32_t fluxdb_crc32c_arm(uint32_t crc, const void *data, size_t data_bytes)
{
    const uint8_t *at = (const uint8_t *)data;
    uint64_t word;
    crc = ~crc;
    for (; data_bytes >= 8; data_bytes -= 8, at += 8) {
        memcpy(&word, at, 8);
        crc = __crc32cd(crc, word);
    }
    for (; data_bytes > 0; data_bytes--, at++)
        crc = __crc32cb(crc, *at);
    return ~crc;
}

#endif

/* Continues from crc (0 to begin): fluxdb_crc32c(fluxdb_crc32c(0, a), b) is that of a + b. */
static inline uint32_t fluxdb_crc32c(uint32_t crc, const void *data, size_t data_bytes)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2"))
        return fluxdb_crc32c_sse42(crc, data, data_bytes);
#elif defined(__ARM_FEATURE_CRC32)
    return fluxdb_crc32c_arm(crc, data, data_bytes);
#endif
    return fluxdb_crc32c_portable(crc, data, data_bytes);
}

#endif
