import pytest
from msgspec import Struct
from msgspec.structs import replace

from exporter.errors import Unreadable
from exporter.wire.http import Reply, Request


class Page(Struct, frozen=True):
    rows: list[int]


class Told(Struct, frozen=True):
    total: int | None = None


def reply(body: bytes) -> Reply:
    return Reply(Request("users", "https://acme.example/users"), 200, body, 0.0)


def test_an_answer_is_decoded_once_in_each_shape() -> None:
    one = reply(b'{"rows":[1],"total":7}')
    assert one.decoded(Page).value == Page([1])
    assert one.decoded(Page) is one.decoded(Page)
    assert one.decoded(Told).value == Told(7)
    assert one == reply(b'{"rows":[1],"total":7}')


def test_an_answer_with_another_body_says_something_else() -> None:
    one = reply(b'{"rows":[1]}')
    assert one.decoded(Page).value == Page([1])
    assert replace(one, body=b'{"rows":[2]}').decoded(Page).value == Page([2])


def test_an_answer_that_has_not_the_shape_has_it_never() -> None:
    one = reply(b'{"rows":7}')
    for _ in range(2):
        with pytest.raises(Unreadable):
            one.decoded(Page)
    assert one.decoded(Told).value == Told()
