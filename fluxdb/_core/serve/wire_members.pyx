"""Members of a line, and what they say."""

from fluxdb._core.documents.table cimport NUMBER_MAX

cdef extern from "json/skip.h" nogil:
    const uint8_t* fluxdb_string_end(const uint8_t* begin, const uint8_t* at, const uint8_t* end) noexcept
    const uint8_t* fluxdb_value_end(const uint8_t* begin, const uint8_t* at, const uint8_t* end) noexcept

cdef double TTL_MS_MAX = 100 * 365.25 * 86_400 * 1_000

cdef const char* MEMBER_NAMES[NAMES]
MEMBER_NAMES[<int>KIND] = b"kind"
MEMBER_NAMES[<int>KEY] = b"key"
MEMBER_NAMES[<int>VALUE] = b"value"
MEMBER_NAMES[<int>ID] = b"id"
MEMBER_NAMES[<int>DELTA] = b"delta"
MEMBER_NAMES[<int>IF_VERSION] = b"if_version"
MEMBER_NAMES[<int>PATH] = b"path"
MEMBER_NAMES[<int>PREFIX] = b"prefix"
MEMBER_NAMES[<int>START] = b"start"
MEMBER_NAMES[<int>END] = b"end"
MEMBER_NAMES[<int>AFTER] = b"after"
MEMBER_NAMES[<int>LIMIT] = b"limit"
MEMBER_NAMES[<int>REVERSE] = b"reverse"
MEMBER_NAMES[<int>KEYS_ONLY] = b"keys_only"
MEMBER_NAMES[<int>KEYS] = b"keys"
MEMBER_NAMES[<int>OPERATIONS] = b"ops"
MEMBER_NAMES[<int>BY] = b"by"
MEMBER_NAMES[<int>TTL] = b"ttl"
MEMBER_NAMES[<int>KEEP_TTL] = b"keep_ttl"
MEMBER_NAMES[<int>VERSION] = b"version"
MEMBER_NAMES[<int>EXISTS] = b"exists"
MEMBER_NAMES[<int>REMOVE_NULLS] = b"remove_nulls"
MEMBER_NAMES[<int>PASSWORD] = b"password"
MEMBER_NAMES[<int>FOLDER] = b"folder"


cdef const char* member_name(Name name) noexcept nogil:
    return MEMBER_NAMES[<int>name]


cdef Slice* member_of(Members* members, const Slice* name) noexcept nogil:
    """Return the destination of the member of that name; NULL for an unknown name."""
    cdef int i
    for i in range(<int>NAMES):
        if is_name(name, MEMBER_NAMES[i]):
            return &members.named[i]
    return NULL


cdef inline void set_member(Members* members, const Slice* name, const Slice* value) noexcept nogil:
    cdef Slice* member = member_of(members, name)
    if member != NULL:
        member[0] = value[0]


cdef void members_take(const JsonMember* found, int count, Members* members) noexcept nogil:
    cdef Slice name, value
    cdef int i
    for i in range(count):
        name.data = found[i].name
        name.bytes = found[i].name_bytes
        value.data = found[i].value
        value.bytes = found[i].value_bytes
        set_member(members, &name, &value)


cdef void members_find(const uint8_t* text, size_t text_bytes, Members* members) noexcept nogil:
    """Find the members of a canonical object."""
    cdef const uint8_t* at = text + 1
    cdef const uint8_t* end = text + text_bytes
    cdef const uint8_t* behind
    cdef Slice name, value
    while at < end and at[0] == c'"':
        behind = fluxdb_string_end(text, at + 1, end)
        if behind == NULL or behind + 1 >= end:
            return
        name.data = at + 1
        name.bytes = <size_t>(behind - at) - 1
        at = behind + 2     # the colon
        behind = fluxdb_value_end(text, at, end)
        if behind == NULL:
            return
        value.data = at
        value.bytes = <size_t>(behind - at)
        set_member(members, &name, &value)
        at = behind + 1     # a comma, or the closing brace


cdef inline uint8_t hex_digit(uint8_t digit) noexcept nogil:
    return digit - c"0" if digit <= c"9" else digit - c"a" + 10


cdef size_t unescape(const uint8_t* at, size_t left, uint8_t* out) noexcept nogil:
    """Unescape the inside of a canonical string; return the length. Its escapes are one letter, or \\u and four digits.
    """
    cdef uint8_t* begin = out
    cdef const uint8_t* end = at + left
    while at < end:
        if at[0] != c"\\":
            out[0] = at[0]
            at += 1
        elif at[1] == c"u":
            out[0] = hex_digit(at[4]) << 4 | hex_digit(at[5])
            at += 6
        else:
            if at[1] == c"b":
                out[0] = 8
            elif at[1] == c"t":
                out[0] = 9
            elif at[1] == c"n":
                out[0] = 10
            elif at[1] == c"f":
                out[0] = 12
            elif at[1] == c"r":
                out[0] = 13
            else:
                out[0] = at[1]
            at += 2
        out += 1
    return <size_t>(out - begin)


cdef bint read_string(const Slice* json, uint8_t** room, Slice* text) noexcept nogil:
    if json.data[0] != c'"':
        return False
    text.data = room[0]
    text.bytes = unescape(json.data + 1, json.bytes - 2, room[0])
    room[0] += text.bytes
    return True


cdef bint read_whole(const Slice* json, int64_t* number) noexcept nogil:
    cdef uint64_t value = 0
    cdef size_t i
    if json.bytes > 19:
        return False
    for i in range(json.bytes):
        if not c"0" <= json.data[i] <= c"9":
            return False
        value = value * 10 + (json.data[i] - c"0")
    if value > NUMBER_MAX:
        return False
    number[0] = <int64_t>value
    return True


cdef bint read_integer(const Slice* json, int64_t* number) noexcept nogil:
    cdef Slice digits = json[0]
    if json.data[0] != c"-":
        return read_whole(json, number)
    digits.data += 1
    digits.bytes -= 1
    if is_text(&digits, b"9223372036854775808", 19):
        number[0] = -<int64_t>NUMBER_MAX - 1
        return True
    if not read_whole(&digits, number):
        return False
    number[0] = -number[0]
    return True


cdef bint read_milliseconds(const Slice* json, uint64_t* ms) noexcept nogil:
    cdef double value = 0
    cdef int exponent = 3, given = 0, i
    cdef bint fraction = False, negative
    cdef const uint8_t* at = json.data
    cdef const uint8_t* end = json.data + json.bytes
    if at[0] == c"-":
        return False
    while at < end and at[0] != c"e" and at[0] != c"E":
        if at[0] == c".":
            fraction = True
        else:
            value = value * 10 + (at[0] - c"0")
            exponent -= fraction
        at += 1
    if at < end:
        negative = at[1] == c"-"
        at += 2 if negative or at[1] == c"+" else 1
        while at < end and given < 10_000:
            given = given * 10 + (at[0] - c"0")
            at += 1
        exponent += -given if negative else given
    for i in range(min(abs(exponent), 1_000)):
        value = value * 10 if exponent > 0 else value / 10
    if not 0 < value <= TTL_MS_MAX:
        return False
    ms[0] = max(<uint64_t>(value + 0.5), <uint64_t>1)
    return True


cdef bint items_next(Items* items, Slice* item) noexcept nogil:
    cdef const uint8_t* behind
    if items.at >= items.end or items.at[0] == c"]":
        return False
    behind = fluxdb_value_end(items.at, items.at, items.end)
    if behind == NULL:
        return False
    item.data = items.at
    item.bytes = <size_t>(behind - items.at)
    items.at = behind + 1     # a comma, or the closing bracket
    return True


cdef size_t items_count(const Slice* array) noexcept nogil:
    cdef Items items = items_of(array)
    cdef Slice item
    cdef size_t count = 0
    while items_next(&items, &item):
        count += 1
    return count
