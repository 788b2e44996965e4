"""Where each number on a page comes from: told by an answer, or made of what it tells in a way that is documented.

It knows the vendors' conversions, and nothing of how the exporter reads. What no rule explains was invented.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta, timezone
from math import isclose, isfinite
from typing import Any

from accounts import BERLIN
from replay import AT

from exporter.metrics.segment import clean
from exporter.model import Snapshot
from exporter.vendors.day import midnight

ONE = frozenset({"agent_info", "agent_status", "queue_info"})
"""Families whose value is always 1."""
COUNTED = {
    "zendesk_talk": {"agents", "queue_agents"},
    "voximplant": {
        "agents",
        "agents_online",
        "calls_waiting",
        "calls_in_progress",
        "queue_agents",
        "queue_contacts",
    },
    "liveperson": {"agents", "queue_agents"},
    "kore_ai": {"agents", "agents_online", "state_entries_today"},
    "zoho_voice": {"agents", "agents_online", "state_entries_today", "agent_calls_today", "calls_today"}
    | {"call_outcomes_today", "rings_today", "calls_offered_today", "calls_answered_today"}
    | {"calls_missed_while_available_today", "queue_wait_seconds_bucket", "queue_wait_seconds_count"},
}
"""By vendor, families that count rows: they tell at most so many as came, and 0 where none did."""
TIMED = {
    "kore_ai": {"seconds_in_state", "longest_seconds_in_state"},
    "zoho_voice": {"seconds_in_state"},
}
"""Families that are times between two instants of today."""
AVERAGED = {
    "voximplant": {"average_wait_seconds"},
    "kore_ai": {"average_answer_seconds_today", "average_handling_seconds_today"},
    "zoho_voice": {"average_agent_state_seconds_today", "average_wrap_up_seconds_today"},
}
"""Families that are means of numbers told: never above the greatest of them."""
PARTED = {
    "liveperson": {"seconds_in_state", "agent_engaged_seconds_today", "agent_full_seconds_today"}
    | {"agent_logged_in_seconds_today"}
}
"""Families that are a sum of one thing less another: never above what all numbers make together."""
SUMMED = {"zoho_voice": {"contact_seconds_today"}}
"""Families that are the sum of what each call tells: 0 where there was none."""
EMPTY = {"voximplant": {"longest_wait_seconds": {"tasks", "waiting_calls"}}}
"""Families that are 0 where a list of this name came, in which nobody waits."""
SCALES = {"zendesk_talk": (1,), "voximplant": (1, 1000), "liveperson": (1, 1000, 100), "kore_ai": (1, 1000, 100)}
"""By what the numbers of a vendor are divided; Zoho's like LivePerson's."""
_NUMBER = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,4})?", re.ASCII)
_CLOCK = re.compile(r"(?:([0-9]{1,3}):)?([0-9]{1,3}):([0-9]{2})", re.ASCII)
_ZONES = (UTC, timezone(timedelta(hours=2)))
_MIDNIGHT = midnight(AT, BERLIN).timestamp()
_DAY = AT.timestamp() - _MIDNIGHT
_MOST_PARTS, _MOST_SUMS = 20, 100_000  # of a sum that is taken apart


class Told:
    """All that the answers of one poll tell."""

    def __init__(self, vendor: str, bodies: Iterable[bytes], seen: Mapping[str, Snapshot]) -> None:
        """Read them in our own way, every number and text, wherever it stands; `seen` are the polls before."""
        self.vendor = vendor
        before = [agent for snapshot in seen.values() for agent in snapshot.agents or ()]
        self.numbers: set[float] = {_MIDNIGHT, AT.timestamp(), *(one.since for one in before if one.since)}
        self.texts: set[str] = {agent.id for agent in before}
        self.by_key: dict[str, list[float]] = defaultdict(list)
        self.rows = 0
        self.lists: set[str] = set()
        """The keys under which a list came, were it empty."""
        self.made: set[float] = set()
        """What one row's numbers make together, in the ways that are documented."""
        for body in bodies:
            self._document(body)
        self.scales = SCALES.get(vendor, (1, 1000, 100))

    def _document(self, body: bytes) -> None:
        try:
            document = json.loads(body.removeprefix(b"\xef\xbb\xbf"), object_pairs_hook=list_of_pairs)
        except (ValueError, RecursionError):
            return
        self._walk(document, "")

    def _walk(self, node: Any, key: str) -> None:
        if isinstance(node, Pairs):
            self.rows += 1
            self._row(node)
            for name, value in node:
                self.texts.add(legal(name))
                self._walk(value, name)
        elif isinstance(node, list):
            self.rows += len(node)
            self.lists.add(key)
            for value in node:
                self._walk(value, key)
        elif isinstance(node, str):
            self._text(node, key)
        elif isinstance(node, int | float) and not isinstance(node, bool):
            self.texts.add(str(node))
            if abs(node) < 10**300:  # and no NaN
                self.texts.add(str(int(node)))
                self._number(float(node), key)

    def _number(self, number: float, key: str) -> None:
        if isfinite(number):  # a text may say 1e999
            self.numbers.add(number)
            self.by_key[key].append(number)

    def _text(self, text: str, key: str) -> None:
        self.texts.add(legal(text))
        if clock := _CLOCK.fullmatch(text):
            hours, minutes, rest = (int(part or 0) for part in clock.groups())
            self._number(hours * 3600 + minutes * 60 + rest, key)
        if _NUMBER.fullmatch(text.removesuffix("%")):
            self._number(float(text.removesuffix("%")), key)
        for form in (datetime.fromisoformat, _plain_date):
            try:
                moment = form(text)
            except ValueError:
                continue
            self.numbers |= {
                (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp() for zone in _ZONES
            }

    def _row(self, row: "Pairs") -> None:
        fields = {name: value for name, value in row if isinstance(value, int | float) and abs(value) < 10**300}
        fields |= {
            name: float(value) for name, value in row if isinstance(value, str) and _NUMBER.fullmatch(value)
        }
        parts = [
            fields.get(name) for name in ("online_time", "available_time", "away_time", "transfers_only_time")
        ]
        if None not in parts:
            online, *rest = (part for part in parts if part is not None)
            self.made |= {online - sum(rest), 0.0}
        if fields.keys() >= {"answer_time", "end_time"}:  # Zoho's, whose call may tell no duration
            self._number(max(0.0, fields["end_time"] - fields["answer_time"]) / 1000, "duration")
        for names in _ADDED:
            if all(name in fields for name in names):
                self.made.add(sum(fields[name] for name in names))

    def explains(self, family: str, labels: Mapping[str, str], value: float) -> bool:
        """Return whether a sample may come from these answers."""
        empty = EMPTY.get(self.vendor, {}).get(family, set()) & self.lists
        most = {
            **({family: 0.0} if empty else {}),
            **dict.fromkeys(COUNTED[self.vendor], self.rows if value.is_integer() else -1.0),
            **dict.fromkeys(TIMED.get(self.vendor, ()), _DAY + 1),
            **dict.fromkeys(PARTED.get(self.vendor, ()), sum(map(abs, self.numbers))),
            **dict.fromkeys(AVERAGED.get(self.vendor, ()), max(self.numbers)),
            **dict.fromkeys(SUMMED.get(self.vendor, ()), 0.0),
            **dict.fromkeys(ONE, 1.0),
        }.get(family, -1.0)
        known = labels.get("agent", "") in self.texts | {""}
        return known and (value == 1 if family in ONE else 0 <= value <= most or self._tells(value))

    def _tells(self, value: float) -> bool:
        """Return whether it is one of the numbers, or some of those that stand under one key together."""
        scaled = [value * scale for scale in self.scales]
        return any(_near(one, self.numbers | self.made) for one in scaled) or any(
            _is_sum(one, parts) for one in scaled for parts in self.by_key.values()
        )


_ADDED = (
    ("totalHandlingTime", "nonInteractiveTotalHandlingTime"),
    ("numOnlineAgents", "numAwayAgents", "numBackSoonAgents"),
)


class Pairs(list[tuple[str, Any]]):
    """An object of a document, its keys as often as they came."""


def legal(text: str) -> str:
    """Return a text as a label shows it: what is no Unicode replaced, what cannot be seen as well, and cut."""
    return clean(text.encode("utf-8", "replace").decode())


def list_of_pairs(pairs: list[tuple[str, Any]]) -> Pairs:
    return Pairs(pairs)


def _plain_date(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)


def _near(value: float, numbers: AbstractSet[float]) -> bool:
    """Return whether it is one of them but for the last digits, which a division by 1000 and back may cost."""
    return value in numbers or any(isclose(value, number, rel_tol=1e-12) for number in numbers)


def _is_sum(value: float, parts: list[float]) -> bool:
    """Return whether some of the parts, each once, make the value."""
    if len(parts) < 2 or value > sum(part for part in parts if part > 0) * (1 + 1e-9):
        return False
    if len(parts) > _MOST_PARTS:
        return value >= 0  # too many to be told apart
    sums = {0.0}
    for part in parts:
        sums |= {one + part for one in sums}
        if len(sums) > _MOST_SUMS:
            return True
    return _near(value, sums)
