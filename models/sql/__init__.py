"""Sending and reading SQL: connections, transactions, outages, pages, and rows that cannot be read."""
