"""Orders on their way to the venue and back, and their cancels."""
