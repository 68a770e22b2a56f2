"""The load generator of benchmarks."""
