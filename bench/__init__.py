"""What the exporter costs, beside its peers: `python -m bench` measures it anew and writes docs/performance.md."""
