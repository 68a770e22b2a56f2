"""From a write to the disk: staging, groups, the write path, and the committer that Python holds."""
