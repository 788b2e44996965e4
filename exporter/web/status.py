"""The status page: how every account is, for a person. What is not known is shown as a dash, never as 0."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import groupby

from msgspec import Struct

from exporter.model import ALL_QUEUES, Queue, Status
from exporter.store import AccountState, EndpointState, World
from exporter.web.figures import Figures, figures
from exporter.web.html import Html, join, tag
from exporter.wire.http import Budget

_EMPTY = "There is no account here: add one under accounts in config.yaml; or this shard got none of them."
_STANDING_BY = "This replica stands by: it polls, and shows the accounts, when it holds the lease."
_UNKNOWN = tag("span", "—", class_="unknown", title="not known")
_PROBLEMS_SHOWN = 20
_QUEUES_SHOWN = 40  # a table that a person reads; /metrics has them all
_URGENT = {"down": 0, "partly": 1}
_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cg fill='%232f7d6b'%3E"
    "%3Crect x='1' y='9' width='3' height='6' rx='1'/%3E%3Crect x='6.5' y='5' width='3' height='10' rx='1'/%3E"
    "%3Crect x='12' y='1' width='3' height='14' rx='1'/%3E%3C/g%3E%3C/svg%3E"
)


class Reload(Struct, frozen=True):
    """A reload that was refused; the times in seconds since the Unix epoch."""

    refused: float
    in_use: float
    """When the config that goes on was read."""
    problems: tuple[str, ...]
    """A line each, without a secret."""


def parts(
    world: World, now: float, css: str, *, standing_by: bool = False, refused: Reload | None = None
) -> Iterator[str]:
    """Yield the page piece by piece, one account at a time; `now` in seconds since the Unix epoch.

    `refused` is the last reload, if it was refused.
    """
    accounts = sorted(world.accounts.values(), key=lambda account: _URGENT.get(_state(account)[0], len(_URGENT)))
    known = {account.name: figures(account) for account in accounts}
    up = sum(account.up for account in accounts)
    yield _head(f"{up} of {len(accounts)} up · contact centres", now, css)
    yield "<main>"
    if refused:
        yield _refusal(refused, now)
    yield _tiles(f"{up} of {len(accounts)}", list(known.values()), alarm=any(map(_is_down, accounts)))
    for account in accounts:
        yield _card(account, known[account.name], now)
    if not accounts:
        yield tag("p", _STANDING_BY if standing_by else _EMPTY, class_="card")
    yield "</main>"
    links = (tag("a", path, href=path) for path in ("/metrics", "/-/healthy", "/-/ready"))
    yield join(tag("footer", *links), Html("</body></html>"))


def _head(title: str, now: float, css: str) -> Html:
    seen = tag("small", "As of ", _instant(now), " · renewed every 15 s")
    return Html(
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><meta http-equiv="refresh" content="15">'
        f'<link rel="icon" href="{_ICON}">{tag("title", title)}<style>{css}</style></head><body>'
        f"{tag('header', tag('h1', 'Contact centres'), seen)}"
    )


def _refusal(reload: Reload, now: float) -> Html:
    shown, more = reload.problems[:_PROBLEMS_SHOWN], len(reload.problems[_PROBLEMS_SHOWN:])
    rest = tag("li", f"and {more} more: contact-center-exporter check tells them all") if more else Html()
    when = _instant(reload.refused), " (", _duration(now - reload.refused), " ago); in use is the config read at "
    return tag(
        "section",
        tag(
            "header",
            tag("h2", "The last reload was refused"),
            tag("strong", "Old config in use", class_="state partly"),
        ),
        tag("ul", *(tag("li", problem) for problem in shown), rest, class_="troubles"),
        tag("small", *when, _instant(reload.in_use)),
        class_="card partly",
    )


def _tiles(up: str, known: list[Figures], *, alarm: bool) -> Html:
    def tile(name: str, value: Html | str, note: str = "", class_: str = "") -> Html:
        return tag("div", tag("dt", name), tag("dd", value, tag("small", note)), class_=f"tile {class_}")

    def over_all(values: Iterable[float | None]) -> tuple[list[float], str]:
        told = [value for value in values if value is not None]
        return told, "" if len(told) == len(known) else f"from {len(told)} of {len(known)} accounts"

    waiting, of_waiting = over_all(one.waiting for one in known)
    longest, of_longest = over_all(one.longest_wait for one in known)
    online, of_online = over_all(one.online for one in known)
    return tag(
        "dl",
        tile("Accounts up", up, class_="bad" if alarm else ""),
        tile("Contacts waiting", _count(sum(waiting) if waiting else None), of_waiting),
        tile("Longest wait", _duration(max(longest, default=None)), of_longest),
        tile("Agents online", _count(sum(online) if online else None), of_online),
        class_="tiles",
    )


def _card(account: AccountState, known: Figures, now: float) -> Html:
    kind, word = _state(account)
    budget = account.budget
    return tag(
        "section",
        tag(
            "header",
            tag("h2", _label(account.name)),
            tag("span", _label(account.vendor), class_="vendor"),
            tag("strong", word, class_=f"state {kind}"),
        ),
        _troubles(account, now),
        tag(
            "dl",
            _figure("Agents online", _count(known.online)),
            _figure("Contacts waiting", _count(known.waiting)),
            _figure("Longest wait", _duration(known.longest_wait)),
            _figure("API calls left", _UNKNOWN if budget == Budget() else _left(budget)),
            _figure("Agents by status", _UNKNOWN) if known.agents is None else "",
            class_="figures",
        ),
        "" if known.agents is None else _agents(known.agents),
        _queues(known.queues),
        _endpoints(account.endpoints, now),
        class_=f"card {kind}",
    )


def _state(account: AccountState) -> tuple[str, str]:
    """Return the kind of the account's state, and the word for it."""
    states = account.endpoints.values()
    if not any(state.tried for state in states):
        return "starting", "Not asked yet"
    if not account.up:
        return "down", "Down: new credentials are due" if account.reauth_required else "Down"
    return ("partly", "Partly up") if any(state.trouble for state in states) else ("up", "Up")


def _is_down(account: AccountState) -> bool:
    return _state(account)[0] == "down"


def _troubles(account: AccountState, now: float) -> Html:
    """Return why endpoints bring nothing; those with the same reason are told together."""
    sick = [(state.trouble, name) for name, state in account.endpoints.items() if state.trouble]
    sick.sort(key=lambda one: (one[0].reason, one[0].detail))
    items = []
    for (reason, detail), group in groupby(sick, key=lambda one: (one[0].reason, one[0].detail)):
        troubles, names = zip(*group, strict=True)
        since = min(trouble.since for trouble in troubles)
        items.append(
            tag(
                "li",
                tag("b", reason),
                " ",
                detail,
                tag("small", f"{', '.join(names)} · since ", _instant(since), " (", _duration(now - since), ")"),
            )
        )
    return tag("ul", *items, class_="troubles") if items else Html()


def _left(budget: Budget) -> Html:
    return join(_count(budget.remaining), " of ", _count(budget.limit), " a minute")


def _agents(counts: Mapping[Status, int]) -> Html:
    shares = [(status, counts.get(status, 0)) for status in Status]
    total, left, bars = sum(count for _, count in shares), 0.0, []
    for status, count in shares:
        width = 100 * count / total if total else 0.0
        if count:
            bars.append(tag("rect", class_=status, x=f"{left:.3f}", y="0", width=f"{width:.3f}", height="1"))
        left += width
    legend = (
        tag("li", _swatch(status), _word(status), " ", tag("b", _count(count)), class_="" if count else "none")
        for status, count in shares
    )
    bar = tag("svg", *bars, viewBox="0 0 100 1", preserveAspectRatio="none", class_="bar", aria_hidden="true")
    return tag("div", tag("h3", "Agents by status"), bar, tag("ul", *legend, class_="legend"))


def _queues(queues: tuple[Queue, ...]) -> Html:
    if not queues:
        return Html()
    busiest = sorted(queues, key=lambda queue: (queue.longest_wait_seconds or 0, queue.waiting or 0), reverse=True)
    shown = set(map(id, busiest[:_QUEUES_SHOWN]))
    rows = [
        tag(
            "tr",
            tag("th", "All queues" if queue.id == ALL_QUEUES else _label(queue.name or queue.id), scope="row"),
            tag("td", queue.channel),
            tag("td", _count(queue.waiting), class_="number"),
            tag("td", _duration(queue.longest_wait_seconds), class_="number"),
            tag("td", _duration(queue.average_wait_seconds), class_="number"),
            tag("td", _serving(queue.agents)),
        )
        for queue in queues
        if id(queue) in shown
    ]
    heads = ("Queue", "Channel", "Waiting", "Longest wait", "Average wait", "Agents")
    more = len(queues) - len(rows)
    note = tag("p", f"The {len(rows)} busiest of {len(queues)} queues; /metrics has them all.") if more else Html()
    return join(_table("Queues", heads, rows, numbers=(2, 3, 4)), note)


def _serving(agents: Mapping[Status, int] | None) -> Html:
    if agents is None:
        return _UNKNOWN
    shown = [(status, agents[status]) for status in Status if agents.get(status)]
    items = (tag("li", _swatch(status), _word(status), " ", tag("b", _count(count))) for status, count in shown)
    return tag("ul", *items, class_="legend") if shown else tag("span", "none", class_="unknown")


def _endpoints(endpoints: Mapping[str, EndpointState], now: float) -> Html:
    rows = [
        tag(
            "tr",
            tag("th", _label(name), scope="row"),
            tag("td", _health(state)),
            tag("td", _duration(now - state.held.taken if state.held else None), class_="number"),
            tag("td", _UNKNOWN if state.last_success is None else _instant(state.last_success), class_="number"),
        )
        for name, state in endpoints.items()
    ]
    return _table("Endpoints", ("Endpoint", "State", "Age of data", "Last success"), rows, numbers=(2, 3))


def _health(state: EndpointState) -> Html:
    if state.trouble:
        return tag("span", state.trouble.reason, class_="dot down")
    return (
        tag("span", "up", class_="dot up") if state.tried else tag("span", "not asked yet", class_="dot starting")
    )


def _table(caption: str, heads: tuple[str, ...], rows: list[Html], numbers: tuple[int, ...]) -> Html:
    cells = (
        tag("th", head, scope="col", class_="number" if place in numbers else "")
        for place, head in enumerate(heads)
    )
    table = tag(
        "table",
        tag("caption", caption),
        tag("thead", tag("tr", *cells)),
        tag("tbody", *rows),
        class_=caption.lower(),
    )
    return tag("div", table, class_="wide")


def _figure(name: str, value: Html) -> Html:
    return tag("div", tag("dt", name), tag("dd", value))


def _swatch(status: Status) -> Html:
    return tag("i", class_=f"swatch {status}")


def _word(status: Status) -> str:
    return status.replace("_", " ")


def _label(text: str) -> str:
    return text if len(text) <= 128 else f"{text[:127]}…"


def _count(value: float | None) -> Html:
    return _UNKNOWN if value is None else Html(f"{value:,.0f}")


def _duration(seconds: float | None) -> Html:
    """Return a duration in its two largest units; a clock that was set back makes none below 0."""
    if seconds is None:
        return _UNKNOWN
    minutes, rest = divmod(round(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return Html(f"{days} d {hours} h")
    if hours:
        return Html(f"{hours} h {minutes:02} min")
    return Html(f"{minutes} min {rest:02} s" if minutes else f"{rest} s")


def _instant(at: float) -> Html:
    moment = datetime.fromtimestamp(at, UTC)
    return tag("time", f"{moment:%Y-%m-%d %H:%M:%S} UTC", datetime=moment.isoformat(timespec="seconds"))
