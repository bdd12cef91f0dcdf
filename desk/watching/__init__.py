"""Accounts looked at: books taken in, cases opened and closed by the figures, snapshots."""
