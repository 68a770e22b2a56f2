"""The bytes of the log: frames, segments, and who reads them back."""
