"""Tests of the console: how it is built, what it is built from, and its pages in a browser."""
