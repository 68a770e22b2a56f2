"""``fluxdb``: the terminal, pipes, exec, and the tools for a folder."""
