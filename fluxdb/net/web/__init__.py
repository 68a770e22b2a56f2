"""The live page, its WebSocket, /metrics and /healthz."""
