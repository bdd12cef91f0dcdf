"""Break everything that can break while the desk works, and look whether a subscriber notices.

`make chaos` runs a real desk (PostgreSQL, Redis, a fleet of gateway processes, the recorded market on the
demo book, a trader who liquidates) with many subscribers behind TCP proxies, strikes it with faults in a
seeded order, and compares what every subscriber got with the outbox. Read `harness` first.
"""
