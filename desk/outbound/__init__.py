"""What leaves the desk for people and other systems: messages and webhooks."""
