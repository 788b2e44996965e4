"""What faults make of a sound answer, in the words that the tests share."""

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from centre import AGENTS, Spoil
from fake_vendor import Asked, Last, Said, answer

Row = dict[str, Any]


def with_rows(change: Callable[[int, Row], Row | list[Row]]) -> Spoil:
    """Return a fault that makes another row, or several, of each agent's."""

    def spoilt(_asked: Asked, sound: Row) -> Said:
        rows: list[Row] = []
        for index, row in enumerate(deepcopy(sound[AGENTS])):
            made = change(index, row)
            rows += made if isinstance(made, list) else [made]
        return answer({**sound, AGENTS: rows})

    return spoilt


def with_fields(**fields: list[Any]) -> Spoil:
    """Return a fault that gives each agent the value at its place; the rest of the list is the sound ones'."""

    def changed(index: int, row: Row) -> Row:
        for name, values in fields.items():
            if index < len(values):
                row[name] = values[index](row.get(name)) if callable(values[index]) else values[index]
        return row

    return with_rows(changed)


def always(said: Said) -> Spoil:
    """Return a fault that says the same whatever is asked."""
    return lambda *_: said


def raw(body: bytes, **headers: str) -> Spoil:
    """Return a fault that answers 200 with these bytes."""
    return always(answer(body, 200, **headers))


def encoded(coding: str = "utf-8", **headers: str) -> Spoil:
    """Return a fault that sends what is sound in this coding, and with these headers."""
    return lambda _, sound: answer(json.dumps(sound).encode(coding), 200, **headers)


def until_closed(body: bytes, *lines: str) -> Last:
    """Return an answer that ends where the connection does."""
    head = "\r\n".join(("HTTP/1.1 200 OK", "Content-Type: application/json", "Connection: close", *lines))
    return Last(f"{head}\r\n\r\n".encode() + body)


def page_of(asked: Asked) -> int:
    """Return which page is asked for, from 1."""
    return int(asked.target.partition("page=")[2].partition("&")[0] or 1)


def next_page(asked: Asked, page: int) -> str:
    """Return the address of a page of the same list."""
    path = asked.target.partition("?")[0]
    return f"http://{asked.headers['host']}{path}?page={page}"


def in_pages(size: int, *, before: Callable[[int, Asked], Said | None] = lambda *_: None) -> Spoil:
    """Return a fault that sends the list in pages of so many; `before` may answer one of them otherwise."""

    def paged(asked: Asked, sound: Row) -> Said:
        page, rows = page_of(asked), sound[AGENTS]
        other = before(page, asked)
        if other is not None:
            return other
        more = page * size < len(rows)
        return answer(
            {
                **sound,
                AGENTS: rows[(page - 1) * size : page * size],
                "next_page": next_page(asked, page + 1) if more else None,
            }
        )

    return paged
