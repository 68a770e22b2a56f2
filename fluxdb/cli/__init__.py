"""The command line: the terminal, pipes, and the tools for a folder that no process has open."""
