"""Benchmarks by area; ``common`` has what they share.

asv starts each in a folder of its own below TMPDIR and removes it afterwards: that is where the data goes, so TMPDIR
must be on a real disk. Where it is not, the benchmarks that write are skipped.
"""
