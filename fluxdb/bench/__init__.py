"""The measuring part of ``fluxdb-bench``: in this process, and over the network."""
