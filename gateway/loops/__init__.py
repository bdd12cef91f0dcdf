"""What keeps a loop running: restarts, waits, outages, questions that may not be answered."""
