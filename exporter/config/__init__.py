"""The config file: read whole, checked whole, told whole."""

from exporter.config.load import load
from exporter.config.models import Account, Config, Lease, Pace, Polling, Privacy, Server, VendorShapes
from exporter.config.problems import ConfigError, Problem
from exporter.config.types import Duration, Listen, Share, Url, read_listen

__all__ = [
    "Account",
    "Config",
    "ConfigError",
    "Duration",
    "Lease",
    "Listen",
    "Pace",
    "Polling",
    "Privacy",
    "Problem",
    "Server",
    "Share",
    "Url",
    "VendorShapes",
    "load",
    "read_listen",
]
