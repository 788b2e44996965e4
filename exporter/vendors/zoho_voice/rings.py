"""What the finished calls tell, one by one: how long callers waited, whose telephone rang, who was free."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from exporter.errors import PollFailed
from exporter.model import Agent, Histogram, Measure, Status, Total
from exporter.vendors.zoho_voice.changes import stays
from exporter.vendors.zoho_voice.payloads import LogReply, QueueCall
from exporter.vendors.zoho_voice.words import Words
from exporter.wire.http import Reply

_WAITS = Histogram.empty(5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600)
_ANSWERED = "answered"
_REJECTED = "CALL_REJECTED"
_WITHDRAWN = frozenset({"ORIGINATOR_CANCEL", "LOSE_RACE", "PICKED_OFF"})
"""The caller left, or a colleague was faster: the agent has neither taken nor missed the call."""
_CAUSES = _WITHDRAWN | {
    *(_ANSWERED, _REJECTED, "NO_ANSWER", "NO_USER_RESPONSE", "USER_BUSY", "USER_NOT_REGISTERED"),
    *("UNALLOCATED_NUMBER", "SUBSCRIBER_ABSENT", "ALLOTTED_TIMEOUT", "PROGRESS_TIMEOUT", "MEDIA_TIMEOUT"),
    *("RECOVERY_ON_TIMER_EXPIRE", "NORMAL_CLEARING", "NORMAL_UNSPECIFIED", "NORMAL_TEMPORARY_FAILURE"),
    *("NORMAL_CIRCUIT_CONGESTION", "DESTINATION_OUT_OF_ORDER", "NETWORK_OUT_OF_ORDER", "NO_ROUTE_DESTINATION"),
    *("INVALID_NUMBER_FORMAT", "INCOMPATIBLE_DESTINATION", "SERVICE_UNAVAILABLE", "BLIND_TRANSFER"),
    *("ATTENDED_TRANSFER", "UNSPECIFIED"),
}
"""The words that become labels; any other is `other`."""


class Finished(Struct, frozen=True):
    """The calls of a day that have told their queue, all together."""

    counts: Mapping[tuple[str, Measure, str], int] = {}
    """By queue, measure and kind."""
    waits: Mapping[str, Histogram] = {}
    """By queue, in seconds."""
    rings: Mapping[tuple[str, str], int] = {}
    """By agent, and what the agent did."""

    def agents(self, known: Iterable[str]) -> tuple[Agent, ...]:
        """Return what each agent did; who is known to exist and was never rung has missed nothing."""
        keys = dict.fromkeys((*known, *(key for key, _ in self.rings)))
        return tuple(
            Agent(
                key,
                accepted=self.rings.get((key, "accepted"), 0),
                declined=self.rings.get((key, "declined"), 0),
                missed=self.rings.get((key, "missed"), 0),
            )
            for key in keys
        )

    def totals(self, known: Iterable[str]) -> Iterator[Total]:
        """Yield what came of the calls of each queue; a queue that is known to exist may have had none."""
        for queue in dict.fromkeys((*known, *(queue for queue, _, _ in self.counts))):
            yield Total(Measure.FINISHED_WAITS, self.waits.get(queue, _WAITS), queue=queue)
            for measure in (Measure.OFFERED, Measure.ANSWERED, Measure.MISSED_WHILE_AVAILABLE):
                yield Total(measure, self.counts.get((queue, measure, ""), 0), queue=queue)
        for (queue, measure, kind), count in self.counts.items():
            if measure is Measure.RINGS:
                yield Total(measure, count, kind, queue)


def told(details: Iterable[Reply]) -> tuple[dict[str, list[QueueCall]], list[str]]:
    """Return what the details say, by call, where they say it whole; and what in them is not as documented."""
    found: dict[str, list[QueueCall]] = {}
    drift: list[str] = []
    for reply in details:
        try:
            answer = reply.decoded(LogReply)
        except PollFailed:
            continue  # there are no details yet, or never will be
        drift += answer.drift
        rows = answer.value.log.response
        if rows and not answer.drift and all((row.queue_details.queue_id or -1) > 0 for row in rows):
            found[reply.request.about] = rows
    return found, drift


def with_calls(before: Finished, calls: Iterable[QueueCall], words: Words) -> Finished:
    """Return what the calls tell together with those before."""
    counts, waits, rings = Counter(before.counts), dict(before.waits), Counter(before.rings)
    for call in calls:
        queue = str(call.queue_details.queue_id)
        causes = [
            (one, _cause(ring.cause, answered=ring.is_answered))
            for one in call.ringing_order
            for ring in one.rings
        ]
        answered = bool(call.answered_agent) or any(cause == _ANSWERED for _, cause in causes)
        counts[queue, Measure.OFFERED, ""] += 1
        counts[queue, Measure.ANSWERED, ""] += answered
        wait = _wait(call)
        if wait:
            waits[queue] = waits.get(queue, _WAITS).with_value((wait[1] - wait[0]) / 1000)
            missed = not answered and _somebody_was_available(call, *wait, words)
            counts[queue, Measure.MISSED_WHILE_AVAILABLE, ""] += missed
        for one, cause in causes:
            counts[queue, Measure.RINGS, cause] += 1
            if cause not in _WITHDRAWN:
                rings[str(one.agent_id), _response(cause)] += 1
    return Finished(counts, waits, rings)


def _cause(word: str | None, *, answered: bool) -> str:
    if answered:
        return _ANSWERED
    return word if word in _CAUSES - {_ANSWERED} else "other"


def _response(cause: str) -> str:
    return {_ANSWERED: "accepted", _REJECTED: "declined"}.get(cause, "missed")


def _wait(call: QueueCall) -> tuple[int, int] | None:
    """Return when the caller came and left, in milliseconds since the Unix epoch."""
    came, left = call.queue_details.customer_entry_time, call.queue_details.customer_exit_time
    return None if came is None or left is None or left < came else (came, left)


def _somebody_was_available(call: QueueCall, came: int, left: int, words: Words) -> bool:
    """Whether the call shows an agent who was available while the caller waited."""
    return any(
        words.status(stay.word) is Status.AVAILABLE and stay.start < left and stay.end > came
        for audit in call.agent_status
        for stay in stays(audit, left) or ()
    )
