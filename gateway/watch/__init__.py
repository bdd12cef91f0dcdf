"""A process's view of its surroundings: feeds, clocks, calendars, market days, revoked tokens."""
