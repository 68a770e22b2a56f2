"""What ``fluxdb-bench`` measures with: in this process, and over the network."""
