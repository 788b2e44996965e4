"""Where a day begins for an account."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo


def midnight(at: datetime, zone: ZoneInfo, days: int = 0) -> datetime:
    """Return the beginning of the local day in which `at` lies, or of one so many days later.

    Where a clock change leaves out 00:00, the day begins at the first instant that exists; where it doubles
    00:00, at the first of the two.
    """
    return datetime.combine(at.astimezone(zone).date() + timedelta(days=days), time.min, zone)
