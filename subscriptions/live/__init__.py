"""The shared feed: subscriptions that ask the same are one group, executed once for each event."""
