/* Finding the way through canonical JSON text (what json_compact writes) without reading its values.
 *
 * Of text that is not canonical an end may be found at the wrong place, but never outside of [begin, end). */
#ifndef FLUXDB_SKIP_H
#define FLUXDB_SKIP_H

#include "scan.h"

#define FLUXDB_NEAR_END_BYTES 4096 /* so near to the end of the text it is worth a look whether another bracket comes */

/* The closing quote of the string whose first byte is at `at`; NULL without one. */
static inline const uint8_t *fluxdb_string_end(const uint8_t *begin, const uint8_t *at, const uint8_t *end)
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

/* Opening brackets are 0x5B and 0x7B, closing ones 0x5D and 0x7D. */
static inline fluxdb_chunk fluxdb_opening(fluxdb_chunk chunk)
{
    return fluxdb_equal(fluxdb_or(chunk, fluxdb_all(0x20)), '{');
}

static inline fluxdb_chunk fluxdb_closing(fluxdb_chunk chunk)
{
    return fluxdb_equal(fluxdb_or(chunk, fluxdb_all(0x20)), '}');
}

/* The set of what was found in four chunks, one after the other. */
static inline uint64_t fluxdb_set4(fluxdb_chunk a, fluxdb_chunk b, fluxdb_chunk c, fluxdb_chunk d)
{
    return (uint64_t)(fluxdb_set(a) | fluxdb_set(b) << 16) | (uint64_t)(fluxdb_set(c) | fluxdb_set(d) << 16) << 32;
}

/* From each set bit up to the next one: ones between the quotes of a block, the opening ones included. */
static inline uint64_t fluxdb_between(uint64_t quotes)
{
    quotes ^= quotes << 1;
    quotes ^= quotes << 2;
    quotes ^= quotes << 4;
    quotes ^= quotes << 8;
    quotes ^= quotes << 16;
    return quotes ^ quotes << 32;
}

static inline uint32_t fluxdb_count(uint64_t set)
{
    set -= set >> 1 & 0x5555555555555555ULL;
    set = (set & 0x3333333333333333ULL) + (set >> 2 & 0x3333333333333333ULL);
    return (uint32_t)(((set + (set >> 4)) & 0x0F0F0F0F0F0F0F0FULL) * 0x0101010101010101ULL >> 56);
}

/* The state that a walk over blocks of 64 bytes carries from one to the next. */
typedef struct {
    uint64_t in_string;       /* all ones, or zero */
    uint64_t escaped;         /* is the first byte of the next block escaped? 1 or 0 */
    uint64_t opening, closing; /* brackets of the last block that are not in strings */
} fluxdb_walk;

/* The set of escaped bytes; notes whether the first byte after the block is one. */
static inline uint64_t fluxdb_walk_escapes(fluxdb_walk *walk, uint64_t backslashes)
{
    uint64_t escaped = walk->escaped;
    backslashes &= ~escaped;
    walk->escaped = 0;
    while (backslashes) {
        uint64_t backslash = backslashes & -backslashes;
        walk->escaped = backslash >> 63;
        escaped |= backslash << 1;
        backslashes &= ~(backslash | backslash << 1);
    }
    return escaped;
}

static inline void fluxdb_walk_block(fluxdb_walk *walk, const uint8_t *at)
{
    fluxdb_chunk a = fluxdb_load(at), b = fluxdb_load(at + 16), c = fluxdb_load(at + 32), d = fluxdb_load(at + 48);
    uint64_t quotes =
        fluxdb_set4(fluxdb_equal(a, '"'), fluxdb_equal(b, '"'), fluxdb_equal(c, '"'), fluxdb_equal(d, '"'));
    uint64_t backslashes =
        fluxdb_set4(fluxdb_equal(a, '\\'), fluxdb_equal(b, '\\'), fluxdb_equal(c, '\\'), fluxdb_equal(d, '\\'));
    if (backslashes | walk->escaped)
        quotes &= ~fluxdb_walk_escapes(walk, backslashes);
    uint64_t in_string = fluxdb_between(quotes) ^ walk->in_string;
    walk->in_string = -(in_string >> 63);
    walk->opening =
        ~in_string & fluxdb_set4(fluxdb_opening(a), fluxdb_opening(b), fluxdb_opening(c), fluxdb_opening(d));
    walk->closing =
        ~in_string & fluxdb_set4(fluxdb_closing(a), fluxdb_closing(b), fluxdb_closing(c), fluxdb_closing(d));
}

/* Walks from `at`, which lies in `depth` arrays and objects and not in a string, to `stop`, but not out of the
 * outermost: returns the byte after the bracket that closes that (depth is 0 then), or `stop` (depth is as there). */
static inline const uint8_t *fluxdb_walk_to(
    const uint8_t *at, const uint8_t *stop, const uint8_t *end, size_t *depth)
{
    fluxdb_walk walk = {0, 0, 0, 0};
    for (; at < stop; at += 64) {
        if (end - at >= 64) {
            fluxdb_walk_block(&walk, at);
        } else {
            uint8_t rest[64] = {0};
            memcpy(rest, at, (size_t)(end - at));
            fluxdb_walk_block(&walk, rest);
        }
        if (stop - at < 64) {
            uint64_t before = ((uint64_t)1 << (stop - at)) - 1;
            walk.opening &= before;
            walk.closing &= before;
        }
        if (fluxdb_count(walk.closing) < *depth) {
            *depth += fluxdb_count(walk.opening);
            *depth -= fluxdb_count(walk.closing);
            continue;
        }
        for (uint64_t brackets = walk.opening | walk.closing; brackets; brackets &= brackets - 1) {
            if (walk.opening & brackets & -brackets)
                ++*depth;
            else if (--*depth == 0)
                return at + __builtin_ctzll(brackets) + 1;
        }
    }
    return stop;
}

/* Is there any bracket in [at, stop), be it in a string? Several times as fast as walking. */
static inline int fluxdb_has_brackets(const uint8_t *at, const uint8_t *stop)
{
    for (; stop - at >= 32; at += 32) {
        fluxdb_chunk a = fluxdb_load(at), b = fluxdb_load(at + 16);
        fluxdb_chunk opening = fluxdb_or(fluxdb_opening(a), fluxdb_opening(b));
        if (fluxdb_set(fluxdb_or(opening, fluxdb_or(fluxdb_closing(a), fluxdb_closing(b)))))
            return 1;
    }
    for (; at < stop; at++) {
        if ((*at | 0x20) == '{' || (*at | 0x20) == '}')
            return 1;
    }
    return 0;
}

/* Does a member of that name begin at `at`? The byte before it must be readable, too. */
static inline int fluxdb_is_member(const uint8_t *at, const uint8_t *end, const uint8_t *name, size_t name_bytes)
{
    return *at == '"' && (at[-1] == '{' || at[-1] == ',') && (size_t)(end - at) > name_bytes + 2
        && at[name_bytes + 1] == '"' && at[name_bytes + 2] == ':' && memcmp(at + 1, name, name_bytes) == 0;
}

/* Can members of that name be found by their bytes? A quote after a brace or a comma opens a string, or closes one
 * that ends with that byte. If the latter, then a comma, a colon or a closing bracket follows. */
static inline int fluxdb_can_search(const uint8_t *name, size_t name_bytes)
{
    return name_bytes == 0 || !(*name == ',' || *name == ':' || *name == '}' || *name == ']');
}

/* Among the 16 places at `at`: those where the name's last byte and a quote would stand right, if it began there. */
static inline uint32_t fluxdb_name_places(const uint8_t *at, size_t name_bytes, uint8_t last)
{
    fluxdb_chunk ends = fluxdb_equal(fluxdb_load(at + name_bytes), last);
    return fluxdb_set(fluxdb_and(ends, fluxdb_equal(fluxdb_load(at + name_bytes + 1), '"')));
}

/* The quote at which the next member of that name begins, in whatever array or object; NULL without one. */
static inline const uint8_t *fluxdb_search_member(
    const uint8_t *at, const uint8_t *end, const uint8_t *name, size_t name_bytes)
{
    uint8_t last = name_bytes ? name[name_bytes - 1] : '"';
    for (; end - at >= (ptrdiff_t)name_bytes + 33; at += 32) {
        uint32_t places =
            fluxdb_name_places(at, name_bytes, last) | fluxdb_name_places(at + 16, name_bytes, last) << 16;
        for (; places; places &= places - 1) {
            const uint8_t *place = at + __builtin_ctz(places);
            if (fluxdb_is_member(place, end, name, name_bytes))
                return place;
        }
    }
    for (; end - at > (ptrdiff_t)name_bytes + 2; at++) {
        if (at[name_bytes + 1] == '"' && fluxdb_is_member(at, end, name, name_bytes))
            return at;
    }
    return NULL;
}

/* The quote at which the member of that name begins in an object that has one, else NULL. The object's first byte
 * after its brace is `at`, and its own closing brace the last one before `end`. */
static inline const uint8_t *fluxdb_find_member(
    const uint8_t *at, const uint8_t *end, const uint8_t *name, size_t name_bytes)
{
    size_t depth = 1;
    const uint8_t *walked = at; /* the depth is known so far */
    for (; (at = fluxdb_search_member(at, end, name, name_bytes)) != NULL; at++) {
        /* It is a member of this object, and not of one within, if no bracket lies before it, or none after it. */
        if (end - at < FLUXDB_NEAR_END_BYTES && end - at < at - walked && !fluxdb_has_brackets(at, end - 1))
            return at;
        if (depth > 1 || fluxdb_has_brackets(walked, at)) {
            fluxdb_walk_to(walked, at, end, &depth);
            if (depth == 0)
                return NULL;
        }
        walked = at;
        if (depth == 1)
            return at;
    }
    return NULL;
}

/* The byte after the bracket that closes the array or object around `at` (not in a string); NULL without one. */
static inline const uint8_t *fluxdb_nested_end(const uint8_t *at, const uint8_t *end)
{
    size_t depth = 1;
    at = fluxdb_walk_to(at, end, end, &depth);
    return depth == 0 ? at : NULL;
}

/* The byte after the value at `at`; NULL without a value. */
static inline const uint8_t *fluxdb_value_end(const uint8_t *begin, const uint8_t *at, const uint8_t *end)
{
    const uint8_t *value = at;
    if (at == end)
        return NULL;
    if (*at == '"') {
        at = fluxdb_string_end(begin, at + 1, end);
        return at ? at + 1 : NULL;
    }
    if (*at == '{' || *at == '[')
        return fluxdb_nested_end(at + 1, end);
    while (at < end && *at != ',' && *at != '}' && *at != ']')
        at++;
    return at > value ? at : NULL;
}

#endif
