"""A living contact centre that speaks the vendors' dialects: the demo, the test server and the oracle."""
