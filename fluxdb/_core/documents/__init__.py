"""The documents in memory: table, state, views of one revision."""
