"""How the samples of a family are found in a snapshot."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import compress
from operator import attrgetter
from typing import Any

from exporter.metrics.family import Column, Family, Kind, Labels, column
from exporter.model import Measure, Snapshot, State, Status


def _told(snapshot: Snapshot, field: str, rest: Labels = ()) -> list[Column]:
    """Return one sample an agent where the field was told: None is no sample."""
    agents = snapshot.agents_by_field
    return _known(agents["id"], agents[field], rest) if agents else []


def _known(keys: Sequence[str], values: Sequence[Any], rest: Labels) -> list[Column]:
    untold = values.count(None)
    if untold == len(values):
        return []
    if untold:
        told = [value is not None for value in values]
        keys, values = tuple(compress(keys, told)), tuple(compress(values, told))
    return [Column(keys, values, rest)]


def of_agents(name: str, text: str, field: str) -> Family[Snapshot]:
    """Return a family with one sample an agent."""

    def columns(snapshot: Snapshot) -> Iterable[Column]:
        return _told(snapshot, field)

    return Family(name, text, ("agent",), columns)


def of_agents_by(name: str, text: str, label: str, **fields: str) -> Family[Snapshot]:
    """Return a family with one sample an agent and kind; each kind has its field."""

    def columns(snapshot: Snapshot) -> Iterable[Column]:
        return [column for kind, field in fields.items() for column in _told(snapshot, field, (kind,))]

    return Family(name, text, ("agent", label), columns)


def of_states(name: str, text: str, field: str) -> Family[Snapshot]:
    """Return a family with one sample an agent and status."""

    def columns(snapshot: Snapshot) -> Iterable[Column]:
        agents = snapshot.agents_by_field
        return _by_state(agents["id"], agents[field]) if agents else []

    return Family(name, text, ("agent", "status", "vendor_status"), columns)


def _by_state(ids: Sequence[str], times: Sequence[Mapping[State, float]]) -> list[Column]:
    """Return one sample an agent and state; where all agents have been in the same states, none is looked up."""
    states = tuple(times[0])
    if states and all(map(states.__eq__, map(tuple, times))):
        values = zip(*[one.values() for one in times], strict=True)
        return [Column(ids, told, state) for state, told in zip(states, values, strict=True)]
    found = defaultdict[State, tuple[list[str], list[float]]](lambda: ([], []))
    for key, one in zip(ids, times, strict=True):
        if one:
            for state, value in one.items():
                keys, several = found[state]
                keys.append(key)
                several.append(value)
    return [Column(keys, several, state) for state, (keys, several) in found.items()]


def of_queues(name: str, text: str, field: str) -> Family[Snapshot]:
    """Return a family with one sample a queue and channel."""
    value = attrgetter(field)

    def columns(snapshot: Snapshot) -> Iterable[Column]:
        queues = snapshot.queues or ()
        return column(((q.id, q.channel), n) for q in queues if (n := value(q)) is not None)

    return Family(name, text, ("queue", "channel"), columns)


def of_totals(name: str, text: str, measure: Measure, *labels: str, kind: Kind = Kind.GAUGE) -> Family[Snapshot]:
    """Return a family of a measure; its labels are `queue`, the measure's kind, both or none."""

    def columns(snapshot: Snapshot) -> Iterable[Column]:
        return column(
            (tuple((total.queue or "") if label == "queue" else total.kind for label in labels), total.value)
            for total in snapshot.totals or ()
            if total.measure is measure
        )

    return Family(name, text, labels, columns, kind)


def by_status(snapshot: Snapshot) -> Iterable[Column]:
    """Return all agents by status, zeros included."""
    counts = snapshot.agents_by_status
    return [] if counts is None else column(((status,), counts.get(status, 0)) for status in Status)


def queue_agents(snapshot: Snapshot) -> Iterable[Column]:
    """Return the agents of each queue by the statuses that are told, zeros included."""
    return column(
        ((queue.id, status), queue.agents.get(status, 0))
        for queue in snapshot.queues or ()
        if queue.agents is not None
        for status in queue.told
    )


def callbacks(snapshot: Snapshot) -> Iterable[Column]:
    """Return the waiting callback requests of each queue by source."""
    return column(((q.id, source), n) for q in snapshot.queues or () for source, n in q.callbacks.items())


def agent_status(snapshot: Snapshot) -> Iterable[Column]:
    """Return one sample for the present status of each agent."""
    agents = snapshot.agents_by_field
    found = defaultdict[State, list[str]](list)
    rows = zip(agents["id"], agents["status"], agents["vendor_status"], strict=True) if agents else ()
    for key, status, word in rows:
        if status is not None:
            found[status, word].append(key)
    return [Column(keys, [1] * len(keys), state) for state, keys in found.items()]


def agent_info(snapshot: Snapshot) -> Iterable[Column]:
    """Return the names of the agents, where they may be told."""
    agents = snapshot.agents or ()
    return column(((one.id, one.name, one.via or ""), 1) for one in agents if one.name is not None)
