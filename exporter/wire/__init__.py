"""What vendors and transport both speak: requests, replies, secrets, auth schemes, payloads. Values, no I/O."""
