"""The engine in this process: actors over an open database."""
