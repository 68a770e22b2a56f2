"""FluxDB over the network: the servers, and what they share."""
