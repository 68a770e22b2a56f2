"""The services that storage takes from the operating system: plain files, syncs, readable errors, usage."""
