"""The command line: the terminal, pipes, and the tools for a folder that nobody has open."""
