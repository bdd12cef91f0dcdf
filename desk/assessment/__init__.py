"""Assess one account after a change: whether a case opens, changes or closes, and what an operator has to
see.
"""
