"""One client's protocol, without sockets: requests, replies, refusals, writes in flight."""
