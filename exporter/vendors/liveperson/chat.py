"""What LivePerson tells of live chat, turned into the model, but for the agents' time."""

import re
from collections.abc import Iterator
from itertools import pairwise

from exporter.errors import Reason, Unreadable
from exporter.model import Agent, Channel, Dropped, Measure, Queue, Snapshot, Total
from exporter.vendors.liveperson.payloads import (
    ENGAGEMENTS,
    HEALTH_TOTALS,
    QUEUE_HEALTH,
    QUEUE_STATE,
    SERVICE_LEVEL,
    Engagements,
    EngagementsReply,
    QueueHealthReply,
    QueueStateReply,
    ServiceLevelReply,
    SkillHealth,
    SkillState,
)
from exporter.vendors.liveperson.values import drift, known, longest_wait
from exporter.wire.decode import Decoded, decode, drift_of
from exporter.wire.http import Reply

_BOUND = re.compile(r"[0-9]{1,6}", re.ASCII)


def read_queue_state(reply: Reply) -> Snapshot:
    """Read who waits for a chat, by skill."""
    answer = decode(reply.body, QueueStateReply)
    skills = answer.value.skills
    return Snapshot(
        queues=tuple(_chat_queue(skill, row) for skill, row in skills.items()),
        dropped={Dropped.INVALID: answer.invalid_rows},
        drift=drift(QUEUE_STATE, [answer], skills.values(), SkillState.__struct_fields__),
    )


def _chat_queue(skill: str, row: SkillState) -> Queue:
    return Queue(
        id=skill,
        channel=Channel.CHAT,
        waiting=known(row.current_queue_size),
        longest_wait_seconds=longest_wait(row.current_queue_size, row.current_max_wait_time_in_queue),
        free_slots=known(row.current_available_slots),
    )


def read_queue_health(reply: Reply) -> Snapshot:
    """Read what has become of the chats that entered a queue, by skill."""
    answer = decode(reply.body, QueueHealthReply)
    skills = answer.value.skills_metrics
    return Snapshot(
        totals=tuple(
            Total(measure, value, kind, skill)
            for skill, row in skills.items()
            for name, (measure, kind) in HEALTH_TOTALS.items()
            if (value := known(getattr(row, name))) is not None
        ),
        dropped={Dropped.INVALID: answer.invalid_rows},
        drift=drift(QUEUE_HEALTH, [answer], skills.values(), SkillHealth.__struct_fields__),
    )


def read_engagements(reply: Reply) -> Snapshot:
    """Read the chats that were handled, by skill and by agent.

    Raises:
        Unreadable: the answer has neither breakdown.
    """
    answer = decode(reply.body, EngagementsReply)
    by_skill = answer.value.skills_metrics_per_agent or answer.value.skills_metrics
    by_agent = answer.value.agents_metrics
    if by_skill is None and by_agent is None:
        raise Unreadable(Reason.SCHEMA, f"{ENGAGEMENTS} tells of neither skills nor agents")
    skills = by_skill.metrics_per_skill if by_skill else {}
    agents = by_agent.metrics_per_agent if by_agent else {}
    rows = (*(skill.metrics_totals for skill in skills.values()), *agents.values())
    return Snapshot(
        agents=tuple(
            Agent(id=agent, accepted=row.connected_engagements, handling_seconds=_handling_seconds(row))
            for agent, row in agents.items()
        ),
        totals=tuple(total for skill, row in skills.items() for total in _handled(skill, row.metrics_totals)),
        dropped={Dropped.INVALID: answer.invalid_rows},
        drift=drift(ENGAGEMENTS, [answer], rows, Engagements.__struct_fields__),
    )


def _handled(skill: str, row: Engagements) -> Iterator[Total]:
    closed = {"interactive": row.total_interactive_chats, "non_interactive": row.total_non_interactive_chats}
    for kind, chats in closed.items():
        if chats is not None:
            yield Total(Measure.CLOSED, chats, kind, skill)
    seconds = _handling_seconds(row)
    if seconds is not None:
        yield Total(Measure.HANDLING_SECONDS, seconds, queue=skill)


def _handling_seconds(row: Engagements) -> float | None:
    """Return the handling time of all chats: LivePerson tells it of both kinds apart."""
    interactive, other = row.total_handling_time, row.non_interactive_total_handling_time
    return None if interactive is None or other is None else interactive + other


def read_service_level(replies: tuple[Reply, ...]) -> Snapshot:
    """Read how long the answered chats had waited, of all skills together or of each configured one."""
    answers = {reply.request.about: decode(reply.body, ServiceLevelReply) for reply in replies}
    return Snapshot(
        totals=tuple(total for skill, answer in answers.items() for total in _answered_within(skill, answer)),
        drift=drift_of(answers.values()),
    )


def _answered_within(skill: str, answer: Decoded[ServiceLevelReply]) -> Iterator[Total]:
    """Turn buckets between lower bounds into sums up to upper ones: a bucket ends where the next begins."""
    buckets = answer.value.sla_data_range
    chats = {int(bound): bucket.chats for bound, bucket in buckets.items() if _BOUND.fullmatch(bound)}
    if answer.invalid_rows or len(chats) < len(buckets):
        raise Unreadable(
            Reason.SCHEMA, f"{SERVICE_LEVEL} has a bucket that is none; the sums above it would be wrong"
        )
    answered = 0
    for lower, upper in pairwise(sorted(chats)):
        here = chats[lower]
        if here is None:
            return
        answered += here
        yield Total(Measure.ANSWERED_WITHIN, answered, str(upper), skill)
