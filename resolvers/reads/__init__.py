"""Queries that compute or search: what-ifs, reports, stock recovery, a node by its id."""
