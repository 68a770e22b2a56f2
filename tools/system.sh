# Sourced by tools/environment.sh: what must be on the machine before anything can be built, and plain words where it is
# not.

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; }

# Sets python.
find_python() {
    local candidate
    if [ -n "${PYTHON:-}" ]; then
        command -v "$PYTHON" >/dev/null || fail "PYTHON=$PYTHON: there is no such program"
        is_new_enough "$PYTHON" ||
            fail "PYTHON=$PYTHON is $("$PYTHON" --version 2>&1): FluxDB needs CPython 3.10 or newer"
        python=$PYTHON
        return
    fi
    for candidate in python3 python3.13 python3.12 python3.11 python3.10; do
        if command -v "$candidate" >/dev/null && is_new_enough "$candidate"; then
            python=$candidate
            return
        fi
    done
    fail "FluxDB needs CPython 3.10 or newer, and none was found (python3 is: $(python3 --version 2>&1 || true))." \
        "Debian, Ubuntu: apt-get install python3 python3-venv python3-dev; or name one: PYTHON=/path/to/python $0"
}

# The C compiler that Python's build would use; its first word, where it comes with options.
compiler() {
    local command=${CC:-$("$python" -c 'import sysconfig; print(sysconfig.get_config_var("CC") or "cc")')}
    printf '%s' "${command%% *}"
}

# The packages that the build needs besides Python itself, as lines "Debian package: what it is for".
missing_packages() {
    local header version
    version=$("$python" --version)
    header=$("$python" -c 'import os, sysconfig; print(os.path.join(sysconfig.get_path("include"), "Python.h"))')
    if ! command -v "$(compiler)" >/dev/null; then
        echo "gcc: a C compiler (looked for $(compiler))"
        echo "libc6-dev: the headers of the C library"
    elif ! echo '#include <stdlib.h>' | "$(compiler)" -E - >/dev/null 2>&1; then
        echo "libc6-dev: the headers of the C library"
    fi
    [ -e "$header" ] || echo "python3-dev: the headers of $version (looked for $header)"
    "$python" -c 'import venv, ensurepip' 2>/dev/null || echo "python3-venv: the modules venv and ensurepip of $version"
}

names_of() { printf '%s\n' "$1" | cut -d: -f1 | tr '\n' ' '; }

# Installs what is missing where that can be done without asking (INSTALL_PACKAGES=1, root, apt), else says what it is.
check_system() {
    local missing may_install
    missing=$(missing_packages)
    may_install=$([ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo "${INSTALL_PACKAGES:-0}" || echo 0)
    if [ -n "$missing" ] && [ "$may_install" = 1 ]; then
        say "Installing with apt-get: $(names_of "$missing")"
        apt-get update -q >&2 || true
        # shellcheck disable=SC2046
        DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $(names_of "$missing") >&2 || true
        missing=$(missing_packages)
    fi
    [ -n "$missing" ] || return 0
    say "FluxDB's core is compiled here, and this is missing (by the names of the Debian and Ubuntu packages):"
    printf '%s\n' "$missing" | sed 's/^/  /' >&2
    say "Debian, Ubuntu: apt-get install $(names_of "$missing")"
    say "macOS: xcode-select --install, and Python from python.org or Homebrew"
    exit 1
}

# The browser of the live page's tests: installed where that can be done without asking; without it the tests say so.
install_browser() {
    local may_install
    if [ -n "${FLUXDB_CHROMIUM:-}" ] || command -v chromium >/dev/null || command -v chromium-browser >/dev/null; then
        return 0
    fi
    may_install=$([ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo "${INSTALL_PACKAGES:-0}" || echo 0)
    [ "$may_install" = 1 ] || return 0
    say "Installing with apt-get: chromium (for the tests of the live page)"
    apt-get update -q >/dev/null 2>&1 || true
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -qy --no-install-recommends chromium fonts-dejavu-core >/dev/null 2>&1 ||
        say "There is no Chromium to be had here: the tests of the live page are left out"
}
