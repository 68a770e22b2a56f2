"""Parts of the two public classes: the same names, blocking in one, awaited in the other."""
