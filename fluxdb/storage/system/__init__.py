"""What storage needs from the operating system: plain files, syncs, readable errors, usage."""
