import zlib

from hypothesis import given
from hypothesis import strategies as st

from exporter.metrics.checksum import combined, shift


@given(st.binary(max_size=3_000), st.binary(max_size=3_000))
def test_the_crc_of_two_parts_together_is_that_of_the_whole(first: bytes, second: bytes) -> None:
    assert combined(zlib.crc32(first), zlib.crc32(second), shift(len(second))) == zlib.crc32(first + second)


def test_it_is_so_for_parts_as_long_as_a_page_may_be() -> None:
    first, second = bytes(range(256)) * 3, b"agent" * 5_000_000
    assert combined(zlib.crc32(first), zlib.crc32(second), shift(len(second))) == zlib.crc32(first + second)
