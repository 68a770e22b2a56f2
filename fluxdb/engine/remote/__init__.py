"""The client of a fluxdb-server: the same handles as the engine in this process, over a connection.

One connection a handle, pipelined, driven by asyncio; the blocking handle has an event loop in a thread of its own.
"""
