"""The client of a fluxdb-server: the same handles as the engine in this process, over a connection.

One connection per handle, pipelined, driven by asyncio; the blocking handle runs an event loop in a separate thread.
"""
