"""The client of a server: over a small server that can be told to misbehave."""
