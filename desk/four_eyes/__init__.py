"""What takes a second person, and settings that take effect by their approval."""
