"""The compiled core. Each module has its contract beside it: a ``.pyi`` (for Python) or a ``.pxd`` (for Cython).

Private: nothing outside this package should import from here, and no name here is kept from version to version.
"""
