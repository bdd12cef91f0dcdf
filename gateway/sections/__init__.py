"""The settings by topic; `gateway.settings` puts them together."""
