"""`make security`: what an attacker tries from outside, on desks that run as an operator runs them."""
