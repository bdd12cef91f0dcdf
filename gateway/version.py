"""The version of the desk."""

VERSION = "0.1.0"
"""The version in pyproject.toml."""
