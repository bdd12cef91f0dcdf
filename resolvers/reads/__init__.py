"""Queries that compute or search: what-ifs, reports, stock recovery, and any object by its id."""
