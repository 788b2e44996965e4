"""Voximplant: the Management API, for its two engines of queues.

`acd` is the older one, with statistics of the day; `smartqueue` the newer one, with the state of the moment and
counts of the latest half hour. What one engine does is not seen through the other.
"""

from exporter.vendors.voximplant.vendor import Voximplant

__all__ = ["Voximplant"]
