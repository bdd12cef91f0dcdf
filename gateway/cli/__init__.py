"""The command line `python -m gateway`."""
