"""The metrics of a day so far, of a queue or of all agents together: a table, part of that of all metrics."""

from exporter.metrics.columns import of_totals
from exporter.metrics.family import Family, Kind, single
from exporter.model import Measure, Snapshot

TOTALS: tuple[Family[Snapshot], ...] = (
    of_totals(
        "calls_today",
        "Calls today; direction is unknown where the vendor gives only the sum.",
        Measure.CALLS,
        "queue",
        "direction",
    ),
    of_totals(
        "call_outcomes_today",
        "Calls today that ended otherwise than with an agent, by why; outcomes may overlap.",
        Measure.OUTCOMES,
        "queue",
        "outcome",
    ),
    of_totals("calls_offered_today", "Contacts that entered the queue today.", Measure.OFFERED, "queue"),
    of_totals(
        "calls_answered_today", "Contacts of the queue that an agent answered today.", Measure.ANSWERED, "queue"
    ),
    of_totals(
        "answered_within_seconds_today",
        "Contacts that an agent answered today after waiting at most so many seconds.",
        Measure.ANSWERED_WITHIN,
        "queue",
        "threshold",
    ),
    of_totals(
        "calls_closed_today",
        "Contacts with an agent that were closed today, by whether both sides had written (interactive) or not.",
        Measure.CLOSED,
        "queue",
        "kind",
    ),
    of_totals(
        "service_level_ratio_today",
        "Share of the contacts today that were answered in time, by the vendor's own count; it tells no parts.",
        Measure.SERVICE_LEVEL,
        "queue",
        "channel",
    ),
    of_totals(
        "queue_transfers_today",
        "Contacts of the queue that were handed on to another agent or queue today.",
        Measure.TRANSFERS,
        "queue",
    ),
    of_totals(
        "queue_wait_seconds",
        "Time in the queue of the contacts that left it today, answered or not; begins anew at midnight.",
        Measure.FINISHED_WAITS,
        "queue",
        kind=Kind.HISTOGRAM,
    ),
    of_totals(
        "wait_seconds_today", "Time in the queue of all contacts today together.", Measure.WAIT_SECONDS, "queue"
    ),
    of_totals(
        "answer_seconds_today",
        "Wait of the contacts answered today until their answer, together.",
        Measure.ANSWER_SECONDS,
        "queue",
    ),
    of_totals(
        "ring_seconds_today",
        "Time from the first ring at an agent to the answer, of the contacts answered today together.",
        Measure.RING_SECONDS,
        "queue",
    ),
    of_totals(
        "abandon_seconds_today",
        "Wait of the contacts abandoned today until they were, together.",
        Measure.ABANDON_SECONDS,
        "queue",
    ),
    of_totals("talk_seconds_today", "Talk time of all contacts today together.", Measure.TALK_SECONDS, "queue"),
    of_totals(
        "handling_seconds_today",
        "Talk, hold and wrap-up of all contacts today together.",
        Measure.HANDLING_SECONDS,
        "queue",
    ),
    of_totals(
        "calls_missed_while_available_today",
        "Contacts that left the queue unanswered today while at least one of its agents was available.",
        Measure.MISSED_WHILE_AVAILABLE,
        "queue",
    ),
    of_totals(
        "rings_today",
        "Rings at agents today, by how they ended: answered, or the vendor's cause. A call may ring often.",
        Measure.RINGS,
        "queue",
        "cause",
    ),
    of_totals(
        "callbacks_today",
        "Callback requests today, successful or not; one source may include another.",
        Measure.CALLBACKS,
        "queue",
        "source",
    ),
    of_totals("textbacks_today", "Text messages sent to callers today.", Measure.TEXTBACKS, "queue"),
    of_totals("contact_seconds_today", "Duration of all calls today.", Measure.CONTACT_SECONDS, "queue"),
    of_totals("hold_seconds_today", "Time on hold of all calls today.", Measure.HOLD_SECONDS, "queue"),
    of_totals("wrap_up_seconds_today", "Wrap-up time of all calls today.", Measure.WRAP_UP_SECONDS, "queue"),
    of_totals(
        "average_contact_seconds_today",
        "Average duration of a call today.",
        Measure.AVERAGE_CONTACT_SECONDS,
        "queue",
    ),
    of_totals(
        "average_hold_seconds_today",
        "Average time on hold of a call today.",
        Measure.AVERAGE_HOLD_SECONDS,
        "queue",
    ),
    of_totals(
        "average_wrap_up_seconds_today",
        "Average wrap-up time of a call today.",
        Measure.AVERAGE_WRAP_UP_SECONDS,
        "queue",
    ),
    of_totals(
        "average_queue_wait_seconds_today",
        "Average time callers waited for an agent today.",
        Measure.AVERAGE_WAIT_SECONDS,
        "queue",
    ),
    of_totals(
        "average_callback_wait_seconds_today",
        "Average time callers waited for a callback today.",
        Measure.AVERAGE_CALLBACK_WAIT_SECONDS,
        "queue",
    ),
    of_totals(
        "average_answer_seconds_today",
        "Average time until an agent answered today, greetings included where the vendor counts them.",
        Measure.AVERAGE_ANSWER_SECONDS,
        "queue",
    ),
    of_totals(
        "average_handling_seconds_today",
        "Average time of an agent on a contact and its wrap-up today.",
        Measure.AVERAGE_HANDLING_SECONDS,
        "queue",
    ),
    of_totals(
        "longest_queue_wait_seconds_today",
        "Longest time a caller waited for an agent today.",
        Measure.LONGEST_WAIT_SECONDS,
        "queue",
    ),
    of_totals(
        "most_waiting_today",
        "Most contacts that waited at once today, callbacks included.",
        Measure.MOST_WAITING,
        "queue",
    ),
    of_totals(
        "team_calls_today",
        "Calls offered to agents today, by what they did; one call may be missed or declined by several.",
        Measure.TEAM_CALLS,
        "outcome",
    ),
    of_totals("team_holds_today", "How often agents have put a call on hold today.", Measure.TEAM_HOLDS),
    of_totals("team_transfers_today", "Transfers of all agents today.", Measure.TEAM_TRANSFERS, "direction"),
    of_totals(
        "team_talk_seconds_today",
        "Talk time of all agents today, without hold and consultation.",
        Measure.TEAM_TALK_SECONDS,
    ),
    of_totals("team_hold_seconds_today", "Time on hold of all agents today.", Measure.TEAM_HOLD_SECONDS),
    of_totals("team_wrap_up_seconds_today", "Wrap-up time of all agents today.", Measure.TEAM_WRAP_UP_SECONDS),
    of_totals(
        "team_state_seconds_today",
        "Time of all agents together in a state today: stays that have ended, each whole on the day of its end.",
        Measure.TEAM_STATE_SECONDS,
        "state",
    ),
    of_totals(
        "team_state_seconds_yesterday",
        "Time of all agents together in a state yesterday: stays that ended then, each whole.",
        Measure.TEAM_STATE_SECONDS_YESTERDAY,
        "state",
    ),
    of_totals(
        "average_agent_calls_today",
        "Average number of calls of an agent today, by what the agent did.",
        Measure.MEAN_AGENT_CALLS,
        "outcome",
    ),
    of_totals(
        "average_agent_holds_today",
        "Average number of calls an agent has put on hold today.",
        Measure.MEAN_AGENT_HOLDS,
    ),
    of_totals(
        "average_agent_transfers_today",
        "Average number of transfers of an agent today.",
        Measure.MEAN_AGENT_TRANSFERS,
        "direction",
    ),
    of_totals(
        "average_agent_state_seconds_today",
        "Average time an agent has spent in a state today; logged_in and working_time include others.",
        Measure.MEAN_AGENT_STATE_SECONDS,
        "state",
    ),
    of_totals(
        "team_average_talk_seconds_today",
        "Average talk time of a call today, over all agents.",
        Measure.MEAN_TALK_SECONDS,
    ),
    of_totals(
        "team_average_hold_seconds_today",
        "Average time on hold of a call today, over all agents.",
        Measure.MEAN_HOLD_SECONDS,
    ),
    of_totals(
        "team_average_wrap_up_seconds_today",
        "Average wrap-up time of a call today, over all agents.",
        Measure.MEAN_WRAP_UP_SECONDS,
    ),
    Family(
        "window_start_timestamp_seconds",
        "Where today began for the account; absent where neither the vendor nor the config says.",
        (),
        lambda snapshot: single(snapshot.window_start),
    ),
)
