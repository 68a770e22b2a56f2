"""What the two public classes share by room: the same names, blocking in one, awaited in the other."""
