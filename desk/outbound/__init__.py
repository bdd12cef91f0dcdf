"""Outbound data for persons and other systems: messages and webhooks."""
