"""Kore.ai Contact Center (SmartAssist): its analytics API.

Agents come as the log of the statuses that they set themselves; queues come either from queue-performance, all in
one call, or one by one from queueStatsById. "Today" is asked for from midnight in the account's time zone.
"""

from exporter.vendors.kore_ai.vendor import KoreAi

__all__ = ["KoreAi"]
