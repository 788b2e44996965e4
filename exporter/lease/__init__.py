"""Which of several replicas polls: the one that holds a Lease of their Kubernetes cluster."""

from exporter.lease.election import Election, candidate

__all__ = ["Election", "candidate"]
