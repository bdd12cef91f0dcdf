"""What tests of more than one room, and the benchmarks, are written with."""
