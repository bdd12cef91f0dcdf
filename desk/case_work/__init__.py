"""Operators' work on a case: claim it, annotate it, move its deadline, close it."""
