"""An independent recomputation of the desk: what the stored book implies, worked out a second time.

`recompute` and `dump` import nothing of the product's rules; `days` makes random days and compares.
"""
