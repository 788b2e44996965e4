"""Zoho Voice: who is in which status, the audit of the statuses, and the calls of the day.

There is no live queue in the API: nobody can tell who waits now. The status audit is a history of changes, and
what has not changed yet is not in it; the queue wait of a call is told when the call is over.
"""

from exporter.vendors.zoho_voice.vendor import ZohoVoice

__all__ = ["ZohoVoice"]
