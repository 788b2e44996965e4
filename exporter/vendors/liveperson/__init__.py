"""LivePerson Conversational Cloud: live chat by the Operational Realtime API, messaging by two APIs of its own.

An account is one family or the other: a chat account answers the questions of messaging with zeros, which are
no truth. Whatever LivePerson cannot tell it sends as -1. Ids are texts; hardly an answer names anything.
"""

from exporter.vendors.liveperson.vendor import LivePerson

__all__ = ["LivePerson"]
