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
from exporter.metrics.family import Family, column, single
from exporter.metrics.totals import TOTALS
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
        "state_entries_today", "How often the agent has entered the status since the window began.", "entries"
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
    of_agents("agent_holds_today", "How often the agent has put a contact on hold today.", "holds"),
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

CENTRE: tuple[Family[Snapshot], ...] = NOW + AGENT_DAY + TOTALS
"""What the snapshots of an account hold."""
