"""The compiled core. Each module has its contract in a ``.pyi`` (for Python) or a ``.pxd`` (for Cython) of its own.

Private: nothing outside this package should import from here, and no name here is kept from version to version.
"""
