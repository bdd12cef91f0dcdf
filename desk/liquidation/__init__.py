"""Selling out: planned, recorded, by people and by itself."""
