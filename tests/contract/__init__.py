"""What every engine keeps, asked through one set of names: one suite, run on each engine."""
