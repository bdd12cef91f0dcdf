"""Handling of documents before and during execution: limits, validation, cost and compilation."""
