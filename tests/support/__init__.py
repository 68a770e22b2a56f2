"""The base of the tests: a recording shim, a model of the disk, a model of the documents."""
