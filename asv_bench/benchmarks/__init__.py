"""Benchmarks by area; ``common`` has what they share.

asv starts each in a separate folder below TMPDIR and removes it afterwards: the data goes there, so TMPDIR must be on a
real disk. If it is not, the benchmarks that write are skipped.
"""
