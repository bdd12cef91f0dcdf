"""The mutations: each reads its input, calls one use case of the desk and returns its outcome as a
payload.
"""
