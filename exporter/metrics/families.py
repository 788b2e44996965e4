"""Every metric of a contact centre: a table of names, helps, labels and the functions that find the samples."""

from exporter.metrics.columns import (
    agent_info,
    agent_status,
    by_status,
    callbacks,
    of_agents,
    of_agents_by,
    of_queues,
    of_states,
    of_totals,
    queue_agents,
)
from exporter.metrics.family import Family, Kind, column, single
from exporter.model import Measure, Snapshot

NOW: tuple[Family[Snapshot], ...] = (
    Family(
        "agents_online",
        "Agents logged in now, whatever they do: by the vendor's own count, or counted from its list.",
        (),
        lambda snapshot: single(snapshot.agents_online),
    ),
    Family("agents", "Agents by status now, counted from the vendor's list.", ("status",), by_status),
    of_queues("calls_waiting", "Contacts waiting for an agent now.", "waiting"),
    of_queues("calls_in_progress", "Contacts with an agent now.", "in_progress"),
    Family(
        "callbacks_waiting",
        "Callback requests waiting now, by where they were made; one source may include another.",
        ("queue", "source"),
        callbacks,
    ),
    of_queues(
        "longest_wait_seconds",
        "Longest wait of the contacts waiting now; 0 where nobody waits.",
        "longest_wait_seconds",
    ),
    of_queues(
        "average_wait_seconds",
        "Average wait of the contacts waiting now; 0 where nobody waits.",
        "average_wait_seconds",
    ),
    Family(
        "ai_agent_calls",
        "Calls with an AI agent now.",
        ("queue",),
        lambda snapshot: column(
            ((q.id,), q.ai_agent_calls) for q in snapshot.queues or () if q.ai_agent_calls is not None
        ),
    ),
    Family(
        "queue_contacts",
        "Contacts of the queue now, by a further kind than waiting and in progress; kinds may overlap.",
        ("queue", "channel", "kind"),
        lambda snapshot: column(
            ((q.id, q.channel, kind), n) for q in snapshot.queues or () for kind, n in q.contacts.items()
        ),
    ),
    of_queues(
        "free_slots", "Contacts that the agents of the queue could take now, above those they have.", "free_slots"
    ),
    of_totals(
        "recent_calls",
        "Contacts of the queue in the latest half hour, by what became of them; outcomes may overlap.",
        Measure.RECENT,
        "queue",
        "outcome",
    ),
    Family("queue_agents", "Agents that serve the queue, by status now.", ("queue", "status"), queue_agents),
    Family(
        "queue_info",
        "1; the name of the queue.",
        ("queue", "queue_name"),
        lambda snapshot: column(((q.id, q.name), 1) for q in snapshot.queues or () if q.name is not None),
    ),
    Family(
        "agent_status",
        "1 for the present status of the agent; vendor_status is the vendor's own word.",
        ("agent", "status", "vendor_status"),
        agent_status,
    ),
    of_agents(
        "agent_status_since_timestamp_seconds",
        "When the present status began, told by the vendor or seen by the exporter; absent until one of them can.",
        "since",
    ),
    of_agents("agent_contacts", "Contacts that are open with the agent now.", "contacts"),
    of_agents("agent_slots", "Contacts that the agent may have at once.", "slots"),
    of_agents(
        "agent_load_ratio",
        "Used share of what the agent can bear now, by the vendor's own weights; 1 is all of it.",
        "load",
    ),
    of_agents("agent_last_active_timestamp_seconds", "When the agent was last active.", "last_active"),
    Family(
        "agent_info",
        "1; the name and the device of the agent; only with privacy.agent_label: name.",
        ("agent", "agent_name", "via"),
        agent_info,
    ),
)

AGENT_DAY: tuple[Family[Snapshot], ...] = (
    of_states(
        "seconds_in_state",
        "Seconds the agent has spent in the status since the window began. The rows of an agent never overlap: "
        "they are parts of the time logged in. Wrap-up that the vendor cannot tell apart is part of on_contact.",
        "seconds_in_state",
    ),
    of_states(
        "longest_seconds_in_state",
        "Longest single stay of the agent in the status since the window began.",
        "longest_stays",
    ),
    of_states(
        "state_entries_today",
        "How often the agent has entered the status since the window began.",
        "entries",
    ),
    of_states(
        "agent_engaged_seconds_today",
        "Part of seconds_in_state in which the agent had at least one contact.",
        "engaged_seconds",
    ),
    of_states(
        "agent_full_seconds_today",
        "Part of seconds_in_state in which the agent had as many contacts as allowed.",
        "full_seconds",
    ),
    of_agents(
        "agent_logged_in_seconds_today",
        "Seconds the agent has been logged in today, in whatever status.",
        "logged_in_seconds",
    ),
    of_agents_by(
        "agent_calls_today",
        "Calls offered to the agent today, by what the agent did.",
        "outcome",
        accepted="accepted",
        declined="declined",
        missed="missed",
    ),
    of_agents(
        "agent_contact_seconds_today",
        "Seconds the agent has been on contacts today, hold included. May overlap seconds_in_state.",
        "contact_seconds",
    ),
    of_agents(
        "agent_talk_seconds_today",
        "Seconds the agent has talked today, without hold and consultation. May overlap seconds_in_state.",
        "talk_seconds",
    ),
    of_agents(
        "agent_hold_seconds_today",
        "Seconds the agent has kept contacts on hold today. May overlap seconds_in_state.",
        "hold_seconds",
    ),
    of_agents(
        "agent_wrap_up_seconds_today",
        "Seconds the agent has spent in wrap-up today. May overlap seconds_in_state.",
        "wrap_up_seconds",
    ),
    of_agents(
        "agent_answer_seconds_today",
        "Seconds today from the first ring to the answer, of all contacts of the agent together.",
        "answer_seconds",
    ),
    of_agents(
        "agent_handling_seconds_today",
        "Seconds today on contacts and in their wrap-up, of all contacts of the agent together.",
        "handling_seconds",
    ),
    of_agents(
        "agent_holds_today",
        "How often the agent has put a contact on hold today.",
        "holds",
    ),
    of_agents_by(
        "agent_transfers_today",
        "Transfers of the agent today.",
        "direction",
        accepted="transfers_accepted",
        started="transfers_started",
    ),
    of_agents_by(
        "agent_conferences_today",
        "Conferences of the agent with a third party today.",
        "direction",
        accepted="conferences_accepted",
        started="conferences_started",
    ),
)

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

CENTRE: tuple[Family[Snapshot], ...] = NOW + AGENT_DAY + TOTALS
"""What the snapshots of an account hold."""
