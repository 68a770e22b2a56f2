"""The database as JSON Lines, and back."""
