"""The CRC-32 of bytes that are put together, from those of their parts, without another look at them.

A CRC is the remainder of a polynomial whose coefficients are bits; here, as in gzip, the highest power stands in
the lowest bit. What comes before n bytes is multiplied by x to the power of 8n: that remainder is their shift.
"""

from functools import cache

_POLYNOMIAL = 0xEDB88320
_ONE = 1 << 31
_X = 1 << 30


def _product(a: int, b: int) -> int:
    """Return the remainder of the product of two polynomials."""
    product = 0
    for power in range(31, -1, -1):
        if a >> power & 1:
            product ^= b
        b = b >> 1 ^ _POLYNOMIAL if b & 1 else b >> 1
    return product


@cache
def _square(times: int) -> int:
    """Return the remainder of x, squared so many times."""
    return _product(_square(times - 1), _square(times - 1)) if times else _X


def shift(size: int) -> int:
    """Return what the CRC of the bytes before so many others is to be multiplied by."""
    bits, power = 8 * size, _ONE
    for times in range(bits.bit_length()):
        if bits >> times & 1:
            power = _product(power, _square(times))
    return power


def combined(first: int, second: int, shift: int) -> int:
    """Return the CRC of two parts together; `shift` is that of the second one's size."""
    return _product(first, shift) ^ second
