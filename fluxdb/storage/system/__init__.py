"""What storage asks of the operating system: plain files, syncs, errors in words, what is used."""
