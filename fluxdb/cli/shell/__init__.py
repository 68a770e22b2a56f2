"""The shell that the terminal, pipes, exec and the client share: grammar, session, events, history."""
