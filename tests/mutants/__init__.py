"""Whether the unit tests notice a change of the rules: mutation testing with mutmut."""
