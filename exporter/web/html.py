"""Markup that cannot be forged: whatever is not an element already is text, and is escaped."""

from html import escape


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def tag(name: str, /, *children: str, **attributes: str) -> Html:
    """Return an element; `class_` stands for `class`, `aria_hidden` for `aria-hidden`."""
    told = "".join(f' {key.rstrip("_").replace("_", "-")}="{_safe(value)}"' for key, value in attributes.items())
    return Html(f"<{name}{told}>{join(*children)}</{name}>")


def join(*children: str) -> Html:
    """Return the children one after the other."""
    return Html("".join(child if isinstance(child, Html) else _safe(child) for child in children))


def _safe(text: str) -> str:
    """Escape markup; what has no shape of its own (controls, bidi marks, lone surrogates) is shown as U+FFFD."""
    if not text.isprintable():
        text = "".join(char if char.isprintable() else "\ufffd" for char in text)
    return escape(text)
