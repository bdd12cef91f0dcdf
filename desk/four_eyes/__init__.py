"""Actions that require a second person, and settings that take effect by their approval."""
