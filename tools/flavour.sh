# Sourced by tools/debug and tools/sanitize: a copy of the sources in build/, with the core built there in another
# flavour, so that the one in the checkout stays as it is.

# build_flavour NAME [--build]: afterwards the working directory is the copy; with --build the tool ends there.
# Set the flavour's FLUXDB_... variable before.
build_flavour() {
    cd "$root"
    "$venv/bin/python" -m tools.copy_sources "build/$1/tree"
    cd "build/$1/tree"
    say "Building the core ($1)"
    quietly "the core could not be built (above)" "$venv/bin/python" setup.py -q build_ext --inplace
    [ "${2:-}" != --build ] || exit 0
}
