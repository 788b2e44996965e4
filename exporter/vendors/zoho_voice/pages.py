"""As much of an answer as says whether it is one, and how many rows it has, which are read by themselves."""

from msgspec import Raw, Struct

from exporter.errors import Unreadable
from exporter.vendors.zoho_voice.payloads import Envelope, UsersReply
from exporter.wire.http import Reply


class Audit(Struct, frozen=True, rename="camel"):
    """The inner envelope of `list`."""

    agent_status: list[Raw]


class ListPage(Envelope, frozen=True, kw_only=True):
    """The changes of some agents."""

    list: Audit


class AgentMetrics(Struct, frozen=True, rename="camel"):
    """The innermost envelope of `overview`."""

    individual_aggregation: list[Raw]


class Overview(Struct, frozen=True):
    """The inner envelope of `overview`."""

    agentmetrics: AgentMetrics


class OverviewPage(Struct, frozen=True):
    """The times of some agents in a window."""

    overview: Overview


class Calendar(Struct, frozen=True, rename="camel"):
    """The inner envelope of `calendarSummary`."""

    histogram_aggregation: list[Raw]


class CalendarPage(Struct, frozen=True, rename="camel"):
    """The times of some agents, day by day."""

    calendar_summary: Calendar


def rows(reply: Reply) -> int:
    """Return how many agents an audit tells of.

    Raises:
        Unreadable: it is none.
    """
    match reply.request.endpoint:
        case "list":
            return len(reply.decoded(ListPage).value.list.agent_status)
        case "overview":
            return len(reply.decoded(OverviewPage).value.overview.agentmetrics.individual_aggregation)
        case _:
            return len(reply.decoded(CalendarPage).value.calendar_summary.histogram_aggregation)


def envelope(reply: Reply) -> Envelope | None:
    """Return what stands around a page of a long list, with its rows; None where this is no such page."""
    try:
        match reply.request.endpoint:
            case "users":
                return reply.decoded(UsersReply).value
            case "list":
                return reply.decoded(ListPage).value
    except Unreadable:
        pass
    return None
