"""``fluxdb-bench``: the options, the run, the table."""
