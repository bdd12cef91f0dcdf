"""Keep loops running: restarts, waits, outages, questions without an answer."""
