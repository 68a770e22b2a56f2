"""The client of a server: over a small server that misbehaves on request."""
