"""What the tests share, and the benchmarks: clouds, the relay before them, and the programs that are run on them."""
