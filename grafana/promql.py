"""The PromQL that boards share: what is picked at their top, each number once, under names that people read.

What a vendor does not tell is missing from the result, as it is from the metrics: nothing here makes a zero of it.
"""

from collections.abc import Callable, Iterable, Mapping

PICKED = 'vendor=~"$vendor", account=~"$account"'
ACCOUNT = "vendor, account"
QUEUE = "vendor, account, queue"
AGENT = "vendor, account, agent"
QUEUES = 'queue=~"$queue"'
AGENTS = 'agent=~"$agent"'
FORMULAS = ("answered or abandoned", "answered", "offered")
"""What the service level may be a share of; `$formula` is the place of one, counted from 1."""

_NAMED, _WHOLE = f'{QUEUES}, queue!="all"', f'{QUEUES}, queue="all"'
_WITHIN, _SHARE, _WAITS = "answered_within_seconds_today", "service_level_ratio_today", "queue_wait_seconds"
LEVELS = (_WITHIN, _SHARE, f"{_WAITS}_count")
"""The metrics that a service level can come from."""


def rows(metric: str, by: str, where: str = "") -> str:
    """Return a metric of the picked accounts; an account that is scraped twice comes once."""
    matchers = f"{PICKED}, {where}" if where else PICKED
    return f"max by ({by}) (contact_center_{metric}{{{matchers}}})"


def over_channels(metric: str, how: str = "sum", queues: str = QUEUES) -> str:
    """Return a metric of the picked queues, all channels of each together."""
    return f"{how} by ({QUEUE}) ({rows(metric, f'{QUEUE}, channel', queues)})"


def of_account(of: Callable[[str], str]) -> str:
    """Return a sum over the picked queues of each account; "all" counts only where no queue is told."""
    return f"sum by ({ACCOUNT}) ({of(_NAMED)}) or sum by ({ACCOUNT}) ({of(_WHOLE)})"


def waiting(queues: str = QUEUES) -> str:
    """Return the contacts that wait in each queue."""
    return over_channels("calls_waiting", queues=queues)


def offered(queues: str = QUEUES) -> str:
    """Return the contacts that entered each queue today, or those that came in where entering is not told."""
    entered = rows("calls_offered_today", QUEUE, queues)
    came_in = rows("calls_today", QUEUE, f'{queues}, direction="inbound"')
    return f"({entered} or on ({ACCOUNT}) {came_in})"


def abandoned(queues: str = QUEUES) -> str:
    """Return the contacts of each queue that gave up today."""
    return rows("call_outcomes_today", QUEUE, f'{queues}, outcome="abandoned"')


def abandon_rate_of_queues() -> str:
    """Return which share of the contacts of today gave up."""
    return f"{abandoned()} / on ({QUEUE}) {offered()} <= 1"


def abandon_rate_of_accounts() -> str:
    """Return the share in all picked queues together that tell both numbers."""
    lost = of_account(lambda queues: f"{abandoned(queues)} and on ({QUEUE}) {offered(queues)}")
    came = of_account(lambda queues: f"{offered(queues)} and on ({QUEUE}) {abandoned(queues)}")
    return f"({lost}) / ({came}) <= 1"


def service_level_of_queues() -> str:
    """Return the service level of each queue today; the label `how` tells how it is counted."""
    formula = f"{_in_time()} / on ({QUEUE}) group_left () {_whole()} <= 1"
    waits = f"{_left_in_time(f'{QUEUE}, le')} / on ({QUEUE}) group_left () {rows(f'{_WAITS}_count', QUEUE)}"
    shares = rows(_SHARE, f"{QUEUE}, channel", QUEUES)
    return (
        f'label_replace({formula}, "how", "within $1 s", "threshold", "(.+)")'
        f' or on ({ACCOUNT}) label_replace({waits}, "how", "left within $1 s", "le", "([0-9]+).*")'
        f' or on ({ACCOUNT}) label_replace({shares}, "how", "$1, the vendor\'s own", "channel", "(.+)")'
    )


def service_level_of_accounts() -> str:
    """Return the service level of the picked queues together; where only shares are told, the lowest of them."""
    in_time = f"sum by ({ACCOUNT}) ({_in_time()} and on ({QUEUE}) {_whole()})"
    whole = f"sum by ({ACCOUNT}) ({_whole()} and on ({QUEUE}) {_in_time()})"
    left = f"sum by ({ACCOUNT}) ({_left_in_time(QUEUE)})"
    finished = f"sum by ({ACCOUNT}) ({rows(f'{_WAITS}_count', QUEUE, QUEUES)})"
    shares = f"min by ({ACCOUNT}) ({rows(_SHARE, f'{QUEUE}, channel', QUEUES)})"
    return f"{in_time} / {whole} <= 1 or {left} / {finished} or {shares}"


def _in_time() -> str:
    """Return the contacts answered within `$target` seconds, or within the only bound that a queue has."""
    by = f"{QUEUE}, threshold"
    any_bound = rows(_WITHIN, by, QUEUES)
    picked = rows(_WITHIN, by, f'{QUEUES}, threshold="$target"')
    return f"({picked} or {any_bound} and on ({QUEUE}) count by ({QUEUE}) ({any_bound}) == 1)"


def _left_in_time(by: str) -> str:
    return rows(f"{_WAITS}_bucket", by, f'{QUEUES}, le=~"$target([.]0)?"')


def _whole() -> str:
    """Return what the picked formula divides by, of each queue, and of all of an account as the queue "all"."""
    answered, came = rows("calls_answered_today", QUEUE), rows("calls_offered_today", QUEUE)
    lost = rows("call_outcomes_today", QUEUE, 'outcome="abandoned"')
    parts = (f"({answered} + {lost})", answered, came)
    picked = " or ".join(f"{part} and on () vector($formula) == {n}" for n, part in enumerate(parts, 1))
    return f'({picked} or label_replace(sum by ({ACCOUNT}) ({picked}), "queue", "all", "", ""))'


def occupancy(by: str) -> str:
    """Return the time with contacts, as a share of that and the time free for one, since the window began.

    Where time with contacts is told apart from the states, it is the share of the time available that had any.
    An account whose vendor tells neither has none.
    """
    free = _spent("seconds_in_state", by, "available")
    at_work = _spent("seconds_in_state", by, "ringing|on_contact|wrap_up")
    either = _spent("seconds_in_state", by, "available|ringing|on_contact|wrap_up")
    engaged = _spent("agent_engaged_seconds_today", by, "available")
    told = rows("seconds_in_state", ACCOUNT, 'status="on_contact"')
    return f"(({at_work} or 0 * {free}) / {either} and on ({ACCOUNT}) {told} or {engaged} / {free}) <= 1"


def _spent(metric: str, by: str, statuses: str) -> str:
    where = f'{AGENTS}, status=~"{statuses}"'
    return f"sum by ({by}) ({rows(metric, f'{AGENT}, status, vendor_status', where)})"


def time_in_status(status: str) -> str:
    """Return for how long each agent who is in the status now has been; absent where its begin is not known."""
    since = rows("agent_status_since_timestamp_seconds", AGENT, AGENTS)
    present = rows("agent_status", f"{AGENT}, vendor_status", f'{AGENTS}, status="{status}"')
    return f"{present} * on ({AGENT}) group_left () (time() - {since})"


def online() -> str:
    """Return how many agents of each account are logged in, by the vendor's count or else by the statuses."""
    logged_in = rows("agents", f"{ACCOUNT}, status", 'status!="offline"')
    return f"{rows('agents_online', ACCOUNT)} or on ({ACCOUNT}) sum by ({ACCOUNT}) ({logged_in})"


def age() -> str:
    """Return how old the newest answer of each account is; where an endpoint fails, how old its last good one."""
    success = rows("last_success_timestamp_seconds", f"{ACCOUNT}, endpoint")
    failed = f"{rows('endpoint_up', f'{ACCOUNT}, endpoint')} == 0"
    oldest = f"min by ({ACCOUNT}) ({success} and on ({ACCOUNT}, endpoint) {failed})"
    return f"time() - ({oldest} or max by ({ACCOUNT}) ({success}))"


def failing() -> str:
    """Return how many endpoints of each account failed at their latest poll."""
    return f"sum by ({ACCOUNT}) (1 - {rows('endpoint_up', f'{ACCOUNT}, endpoint')})"


def per_minute(counter: str, by: str) -> str:
    """Return how fast a counter of the picked accounts grows."""
    return f"60 * sum by ({by}) (rate(contact_center_{counter}{{{PICKED}}}[$__rate_interval]))"


def none_yet(expression: str, label: str) -> str:
    """Add a 0 for each account that is polled and has nothing of what is counted: that is known."""
    polled = per_minute("polls_total", ACCOUNT)
    return f'{expression} or on ({ACCOUNT}) label_replace(0 * {polled}, "{label}", "none", "", "")'


def slowest(histogram: str, by: str) -> str:
    """Return how long the slowest one in twenty took at least."""
    buckets = f"rate(contact_center_{histogram}_bucket{{{PICKED}}}[$__rate_interval])"
    return f"histogram_quantile(0.95, sum by ({by}, le) ({buckets}))"


def ago(expression: str, offset: str) -> str:
    """Return the same as it was so long ago: PromQL shifts selectors, and nothing else."""
    return expression.replace("}", f"}} offset {offset}")


def columns(expressions: Mapping[str, str]) -> str:
    """Return all of them together, told apart by the label `column`."""
    return " or ".join(f'label_replace({one}, "column", "{name}", "", "")' for name, one in expressions.items())


def joined(expression: str, label: str, *labels: str) -> str:
    """Add a label that is made of others."""
    names = ", ".join(f'"{one}"' for one in labels)
    return f'label_join({expression}, "{label}", " · ", {names})'


def with_queue_names(expression: str, *metrics: str) -> str:
    """Add the label `queue_name`: the name, or the id of a queue of these metrics that has none."""
    named, present = rows("queue_info", f"{QUEUE}, queue_name"), _present(QUEUE, metrics)
    names = f'{named} or on ({QUEUE}) label_replace({present}, "queue_name", "$1", "queue", "(.+)")'
    return f"({expression}) * on ({QUEUE}) group_left (queue_name) ({names})"


def with_agent_names(expression: str, *metrics: str) -> str:
    """Add the label `who`: name and id where names are told, else the id or pseudonym."""
    return f"({expression}) * on ({AGENT}) group_left (who) ({agent_names(*metrics)})"


def agent_names(*metrics: str) -> str:
    """Return 1 for each agent of these metrics, with the label `who`. Two people of one name stay two."""
    named, present = rows("agent_info", f"{AGENT}, agent_name"), _present(AGENT, metrics)
    names = joined(named, "who", "agent_name", "agent")
    return f'{names} or on ({AGENT}) label_replace({present}, "who", "$1", "agent", "(.+)")'


def _present(by: str, metrics: Iterable[str]) -> str:
    either = "|".join(metrics)
    return f'group by ({by}) ({{__name__=~"contact_center_({either})", {PICKED}}})'
