"""The sockets of all clients, served by compiled threads that never need the GIL."""
