"""The monitor: stores the feeds' messages and assesses each account whose figures may have changed."""
