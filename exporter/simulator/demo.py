"""The contact centre of `demo`: lively whatever the hour, and with a few people who try a program's manners."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from exporter.model import Status
from exporter.simulator.floor import Floor
from exporter.simulator.plan import AgentPlan, FloorPlan, Pause, QueuePlan, Rush, Shift
from exporter.simulator.stages import STAGES

_FIRST_NAMES = ("Ada", "Ben", "Chloé", "Dmitri", "Elif", "Femi", "Grace", "Hiro", "Ines", "Jonas", "Kofi", "Lena")
_LAST_NAMES = ("Adeyemi", "Berg", "Costa", "Doyle", "Eriksen", "Fischer", "Garcia", "Ito", "Jansen", "Kaya")
_DIFFICULT_NAMES = (
    'Seán "Ace" O\'Brien',
    "Zoë 🎧 Müller",
    "back\\slash Bob",
    "two\nlines",
    "ليلى حداد",
    "Ann Smith",
    "Ann Smith",
)
"""All of them legal: a program must neither stumble over one nor take the two Anns for one."""

_AGENTS = 40
_FIRST_AGENT = 360_786_799_676  # as long as the vendor's own ids
_QUEUES = (
    QueuePlan(101, "sales", (36_001, 36_002), calls_per_hour=55, talk_seconds=210),
    QueuePlan(102, "support", (36_003,), calls_per_hour=66, talk_seconds=260, target_seconds=45),
    QueuePlan(103, "billing", (36_004,), calls_per_hour=26, talk_seconds=180),
    QueuePlan(104, "returns", (36_005,), calls_per_hour=19, talk_seconds=150, opens=time(6), closes=time(23)),
)
_GROUPS = {101: 360_001, 102: 360_002, 103: 360_003, 104: 360_004}  # the people who can take a queue's calls
_SKILLS = ((101,), (102,), (102, 101), (103, 104), (101, 103), (102, 104))
_CURVE = (0.9, 0.8, 0.8, 0.8, 0.9, 0.9, 1, 1, 1.1, 1.2, 1.2, 1.1, 1, 1.1, 1.2, 1.2, 1.1, 1.1, 1, 1, 1, 1, 1, 0.9)
_QUIET, _RUSH_FACTOR = 0.5, 10.0  # waits pass two minutes within four, and are over soon after, at any hour
_SHIFT_HOURS = 10
_WAVE_MINUTES = 215  # not a divisor of the day, so that any number of agents spreads around the clock
_PAUSES = (
    Pause(2, 15, "Break"),
    Pause(4.5, 40, "Lunch"),
    Pause(6.5, 25, "Coaching", Status.BUSY),
    Pause(8, 15, "Break"),
)


def demo_plan(zone: ZoneInfo, agents: int = _AGENTS) -> FloorPlan:
    """Return the demo's plan: people around the clock, four queues, and a rush in every second hour.

    The calls grow with the number of agents.
    """
    return FloorPlan(
        zone=zone,
        queues=tuple(replace(queue, calls_per_hour=queue.calls_per_hour * agents / _AGENTS) for queue in _QUEUES),
        agents=tuple(_agent(number, agents) for number in range(agents)),
        curve=_CURVE,
        rushes=tuple(
            Rush(time(hour, 20), minutes=15, factor=2.2, queues=(_QUEUES[hour // 2 % len(_QUEUES)].id,))
            for hour in range(0, 24, 2)
        ),
    )


def _agent(number: int, agents: int) -> AgentPlan:
    difficult = agents - number - 1
    first, last = number % len(_FIRST_NAMES), number * 3 % len(_LAST_NAMES)
    wave, skill = divmod(number, len(_SKILLS))
    begins = (wave * _WAVE_MINUTES + skill * 23) % (24 * 60)
    return AgentPlan(
        id=_FIRST_AGENT + number * 137,
        name=_DIFFICULT_NAMES[difficult]
        if difficult < len(_DIFFICULT_NAMES)
        else f"{_FIRST_NAMES[first]} {_LAST_NAMES[last]}",
        queues=_SKILLS[skill],
        groups=tuple(_GROUPS[queue] for queue in _SKILLS[skill]),
        shift=None if number == 7 else Shift(time(begins // 60, begins % 60), _SHIFT_HOURS),
        pauses=_PAUSES,
        via="phone" if number % 9 == 4 else "client",
        forwarding_number=f"+1555010{number:04d}" if number % 9 == 4 else None,
        misses=0.25 if number == 11 else 0.04,
        outbound_per_hour=4.0 if number % 4 == 0 else 1.0,
        wrap_up_factor=40.0 if number == 5 else 1.0,
    )


def demo_floor(now: datetime, zone: ZoneInfo, seed: int = 0, rush_minutes: float = 0) -> Floor:
    """Return the demo's floor as it is at an instant (aware), opened two hours before its local day began.

    With `rush_minutes` the day is quiet but for one great rush on all queues, which begins then.
    """
    local = now.astimezone(zone)
    plan = demo_plan(zone)
    if rush_minutes:
        rush = Rush(local.time(), rush_minutes, _RUSH_FACTOR)
        plan = replace(plan, curve=(_QUIET,) * len(_CURVE), rushes=(rush,))
    floor = Floor(plan, datetime.combine(local.date(), time(), zone) - timedelta(hours=2), seed)
    floor.advance(now)
    return floor


def demo_config(floor: Floor, urls: Mapping[str, str]) -> str:
    """Return the `accounts` of a config.yaml that reads those served at these base URLs, by vendor."""
    accounts = "".join(STAGES[vendor].config(floor, url) for vendor, url in urls.items())
    return f"accounts:\n{accounts}"
