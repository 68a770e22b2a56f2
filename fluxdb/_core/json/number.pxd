"""Numbers in JSON text: their grammar, and whether they can be given back exactly."""

from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcmp

cdef extern from *:
    """
    /* 2^1024 - 2^970: from here on, the nearest double is infinity. */
    static const char fluxdb_infinity_digits[] =
        "1797693134862315807937289714053034150799341327100378269361737789804449682927647509466490179775872070963"
        "3028641669288791094655554785194040263065748867150582068190890200070838367627385484581771153176447573027"
        "0069855571366959622842914819860834936475292719074168444365510704342711559699508093042880177904174497792";
    """
    const char* fluxdb_infinity_digits

cdef enum:
    INFINITY_DIGITS = 309


cdef enum NumberStatus:
    NUMBER_OK
    NUMBER_SYNTAX
    NUMBER_RANGE


cdef inline bint is_digit(uint8_t byte) noexcept nogil:
    return <uint8_t>(byte - c'0') <= 9


cdef inline const uint8_t* skip_digits(const uint8_t* at, const uint8_t* end) noexcept nogil:
    while at < end and is_digit(at[0]):
        at += 1
    return at


cdef inline int number_end(const uint8_t** at, const uint8_t* end) noexcept nogil:
    """Step over the number that begins at ``at`` (a digit or a minus); to the byte at fault where it is none."""
    cdef const uint8_t* begin = at[0]
    cdef const uint8_t* digits = begin + (begin[0] == c'-')
    cdef const uint8_t* here
    cdef int status
    if digits == end or not is_digit(digits[0]):
        at[0] = digits
        return NUMBER_SYNTAX
    here = digits + 1 if digits[0] == c'0' else skip_digits(digits + 1, end)
    at[0] = here
    if here < end and (here[0] == c'.' or (here[0] | 0x20) == c'e'):
        status = real_end(at, digits, end)
        if status == NUMBER_RANGE:
            at[0] = begin
        return status
    if here - digits >= 19 and not integer_fits(digits, here - digits, digits > begin):
        at[0] = begin
        return NUMBER_RANGE
    return NUMBER_OK


cdef inline bint integer_fits(const uint8_t* digits, int64_t count, bint negative) noexcept nogil:
    """Tell whether it is within [-2^63, 2^64 - 1]. Among numbers of equally many digits the greater has the greater
    text.
    """
    if negative:
        return count < 19 or (count == 19 and memcmp(digits, b"9223372036854775808", 19) <= 0)
    return count < 20 or (count == 20 and memcmp(digits, b"18446744073709551615", 20) <= 0)


cdef inline int real_end(const uint8_t** at, const uint8_t* digits, const uint8_t* end) noexcept nogil:
    """Step over a fraction and an exponent from the dot, or the e, at ``at``; the number begins at ``digits``."""
    cdef const uint8_t* here = at[0]
    cdef const uint8_t* digits_end
    cdef int64_t exponent = 0
    cdef int64_t integer_digits = here - digits
    cdef bint negative = False
    if here[0] == c'.':
        at[0] = here = here + 1
        here = skip_digits(here, end)
        if here == at[0]:
            return NUMBER_SYNTAX
    digits_end = here
    if here < end and (here[0] | 0x20) == c'e':
        here += 1
        if here < end and (here[0] == c'+' or here[0] == c'-'):
            negative = here[0] == c'-'
            here += 1
        at[0] = here
        while here < end and is_digit(here[0]):
            if exponent < <int64_t>1 << 40:  # far beyond what any text's digits could make up for
                exponent = 10 * exponent + (here[0] - c'0')
            here += 1
        if here == at[0]:
            return NUMBER_SYNTAX
    at[0] = here
    if exponent == 0 and integer_digits < INFINITY_DIGITS:
        return NUMBER_OK
    if real_fits(digits, digits_end, integer_digits, -exponent if negative else exponent):
        return NUMBER_OK
    return NUMBER_RANGE


cdef inline bint real_fits(
    const uint8_t* digits, const uint8_t* digits_end, int64_t integer_digits, int64_t exponent
) noexcept nogil:
    """Tell whether the double nearest to the number is finite."""
    cdef const uint8_t* here = digits
    cdef int64_t places  # the number is 0.ddd * 10^places, where the first d is not 0
    cdef int i
    cdef uint8_t digit
    while here < digits_end and (here[0] == c'0' or here[0] == c'.'):
        here += 1
    if here == digits_end:
        return True  # zero, whatever the exponent
    places = integer_digits - (here - digits) + exponent
    if here - digits > integer_digits:
        places += 1  # the dot was counted, too
    if places != INFINITY_DIGITS:
        return places < INFINITY_DIGITS
    for i in range(INFINITY_DIGITS):
        if here < digits_end and here[0] == c'.':
            here += 1
        digit = c'0'
        if here < digits_end:
            digit = here[0]
            here += 1
        if digit != <uint8_t>fluxdb_infinity_digits[i]:
            return digit < <uint8_t>fluxdb_infinity_digits[i]
    return False
