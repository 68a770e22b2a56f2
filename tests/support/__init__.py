"""What the tests stand on: a recording shim, a model of the disk, a model of the documents."""
