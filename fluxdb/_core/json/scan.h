/* Scanning JSON text. Nothing here reads outside [begin, end): what is left over at the end is read as part of the last
 * whole chunk. */
#ifndef FLUXDB_SCAN_H
#define FLUXDB_SCAN_H

#include "chunk.h"

/* A plain run in a string ends at: a quote, a backslash, a control character, or a character above ASCII. */
static inline fluxdb_chunk fluxdb_not_plain(fluxdb_chunk chunk)
{
    return fluxdb_or(fluxdb_or(fluxdb_equal(chunk, '"'), fluxdb_equal(chunk, '\\')), fluxdb_unprintable(chunk));
}

static inline fluxdb_chunk fluxdb_quote_or_escape(fluxdb_chunk chunk)
{
    return fluxdb_or(fluxdb_equal(chunk, '"'), fluxdb_equal(chunk, '\\'));
}

static inline fluxdb_chunk fluxdb_space(fluxdb_chunk chunk)
{
    return fluxdb_or(
        fluxdb_or(fluxdb_equal(chunk, ' '), fluxdb_equal(chunk, '\n')),
        fluxdb_or(fluxdb_equal(chunk, '\r'), fluxdb_equal(chunk, '\t')));
}

/* name(begin, at, end): the first byte at or after `at` that is of a kind (with flip 0xFFFF: that is not of it); `end`
 * if no byte is. */
#define FLUXDB_SCAN(name, kind, flip)                                                                                  \
    static inline const uint8_t *name(const uint8_t *begin, const uint8_t *at, const uint8_t *end)                     \
    {                                                                                                                  \
        uint32_t found;                                                                                                \
        for (; end - at >= 16; at += 16) {                                                                             \
            found = fluxdb_set(kind(fluxdb_load(at))) ^ (flip);                                                        \
            if (found)                                                                                                 \
                return at + __builtin_ctz(found);                                                                      \
        }                                                                                                              \
        if (at == end)                                                                                                 \
            return end;                                                                                                \
        if (end - begin >= 16) {                                                                                       \
            found = (fluxdb_set(kind(fluxdb_load(end - 16))) ^ (flip)) >> (16 - (end - at));                           \
        } else {                                                                                                       \
            uint8_t rest[16] = {0};                                                                                    \
            memcpy(rest, at, (size_t)(end - at));                                                                      \
            found = (fluxdb_set(kind(fluxdb_load(rest))) ^ (flip)) & ((1u << (end - at)) - 1);                         \
        }                                                                                                              \
        return found ? at + __builtin_ctz(found) : end;                                                                \
    }

FLUXDB_SCAN(fluxdb_scan_plain, fluxdb_not_plain, 0)
FLUXDB_SCAN(fluxdb_scan_quote, fluxdb_quote_or_escape, 0)
FLUXDB_SCAN(fluxdb_scan_space, fluxdb_space, 0xFFFF)

/* Does the text at `at`, a quote, go on with this name and a quote? The name stands between quotes, earlier in the same
 * text, or in its canonical form: where sixteen bytes can be read at `at`, they can be read there, too. */
static inline int fluxdb_is_name(const uint8_t *at, const uint8_t *end, const uint8_t *name, uint32_t name_bytes)
{
    if (name_bytes <= 14 && end - at >= 16) {
        uint32_t differs = ~fluxdb_set(fluxdb_same(fluxdb_load(at), fluxdb_load(name - 1)));
        return (differs & ((1u << (name_bytes + 2)) - 1)) == 0;
    }
    return (size_t)(end - at) >= (size_t)name_bytes + 2 && memcmp(at, name - 1, name_bytes + 1) == 0
           && at[name_bytes + 1] == '"';
}

/* Copies a run of a text to its canonical form, which never gets longer: where a whole chunk can be read, there is room
 * for it too. Bytes that it writes after the run are overwritten by the next ones. */
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

/* Four hexadecimal digits; negative where they are none. */
static inline int32_t fluxdb_read_hex(const uint8_t *at, const uint8_t *end)
{
    int32_t unit = 0;
    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        uint32_t digit = at[i] - (uint32_t)'0';
        uint32_t letter = (at[i] | 0x20) - (uint32_t)'a';
        if (digit > 9 && letter > 5)
            return -1;
        unit = unit << 4 | (int32_t)(digit <= 9 ? digit : letter + 10);
    }
    return unit;
}

#endif
