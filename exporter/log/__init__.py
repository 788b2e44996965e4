"""Lines about what happens: they never wait, never fail, never flood, and never tell a secret."""

from exporter.log.journal import Journal, Level, Style, opened, raw

__all__ = ["Journal", "Level", "Style", "opened", "raw"]
