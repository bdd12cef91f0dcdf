"""What a process knows of the world around it: feeds, clocks, calendars, market days, revoked tokens."""
