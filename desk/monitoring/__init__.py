"""The monitor: takes what the feeds deliver, and looks at each account whose figures may have changed."""
