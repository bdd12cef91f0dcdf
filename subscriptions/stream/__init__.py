"""The traffic between processes: the bus, its history, the outbox relay, and cursors to resume by."""
