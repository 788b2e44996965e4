"""Every metric name, and the pages that are made of them."""
