"""The contract of every engine, through one set of names: one suite, run on each engine."""
