"""What leaves the desk: messages to clients and signed webhooks."""
