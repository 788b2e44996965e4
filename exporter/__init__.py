"""Contact-centre statistics of many vendors as one set of Prometheus metrics."""

__version__ = "0.1.0"
