"""Zendesk Talk: the four statistics endpoints of the Talk API.

All of them speak of today, from midnight in the account's own time zone, which the API does not name.
Durations are whole seconds. Every field may be missing, above all the Professional ones on a Team plan.
"""

from exporter.vendors.zendesk_talk.vendor import ZendeskTalk

__all__ = ["ZendeskTalk"]
