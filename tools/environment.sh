# Sourced by the tools: an environment of our own (.venv in the checkout) with the core built in it. Fast when it is there.
#
# PYTHON=...       the interpreter that .venv is made with (default: the first of python3, python3.13 ... new enough)
# FLUXDB_VENV=...  another place for the environment
#
# Words go to stderr, stdout is the tool's own. Runs under bash 3.2 (macOS) too.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=${FLUXDB_VENV:-$root/.venv}
export PIP_DISABLE_PIP_VERSION_CHECK=1

say() { printf '%s\n' "$*" >&2; }
fail() { printf 'error: %s\n' "$@" >&2; exit 1; }

# quietly WHAT COMMAND...: what the command says is shown only if it fails.
quietly() {
    local what=$1 log
    shift
    log=$(mktemp)
    if ! "$@" >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        fail "$what"
    fi
    rm -f "$log"
}

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; }

find_python() {
    local candidate
    if [ -n "${PYTHON:-}" ]; then
        command -v "$PYTHON" >/dev/null || fail "PYTHON=$PYTHON: there is no such program"
        is_new_enough "$PYTHON" || fail "PYTHON=$PYTHON is $("$PYTHON" --version 2>&1): FluxDB needs CPython 3.10 or newer"
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
        "Install one (Debian, Ubuntu: apt-get install python3 python3-venv python3-dev), or name one: PYTHON=/path/to/python $0"
}

compiler() { printf '%s' "${CC:-$("$python" -c 'import sysconfig; print((sysconfig.get_config_var("CC") or "cc").split()[0])')}"; }
python_header() { "$python" -c 'import os, sysconfig; print(os.path.join(sysconfig.get_path("include"), "Python.h"))'; }

# What the build needs besides Python itself, as lines "Debian package: what it is for".
missing_packages() {
    command -v "$(compiler)" >/dev/null || echo "gcc: a C compiler (looked for $(compiler))"
    if [ "$(uname)" = Linux ]; then
        printf '#include <stdlib.h>\n' | "$(compiler)" -E - >/dev/null 2>&1 || echo "libc6-dev: the C library's headers"
    fi
    [ -e "$(python_header)" ] || echo "python3-dev: the headers of $("$python" --version) (looked for $(python_header))"
    "$python" -c 'import venv, ensurepip' 2>/dev/null || echo "python3-venv: the venv and ensurepip modules of $("$python" --version)"
}

# Installs them where that can be done without asking (INSTALL_PACKAGES=1, root, apt), else says which they are.
check_system() {
    local missing
    missing=$(missing_packages)
    if [ -n "$missing" ] && [ "${INSTALL_PACKAGES:-0}" = 1 ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "Installing from Debian:" $(printf '%s\n' "$missing" | cut -d: -f1)
        apt-get update -q >&2 || true
        # shellcheck disable=SC2046
        DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends \
            $(printf '%s\n' "$missing" | cut -d: -f1) >&2 || true
        missing=$(missing_packages)
    fi
    [ -z "$missing" ] && return
    say "FluxDB's core is compiled here, and this is missing (by the names of the Debian and Ubuntu packages):"
    printf '%s\n' "$missing" | sed 's/^/  /' >&2
    say "Debian, Ubuntu: apt-get install" $(printf '%s\n' "$missing" | cut -d: -f1)
    say "macOS: xcode-select --install, and Python from python.org or Homebrew"
    exit 1
}

checksum() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi; }

# Changes when the environment has to be made anew, or packages have to be installed.
environment_state() { { "$venv/bin/python" -VV; printf '%s\n' "$root"; cat "$root/pyproject.toml"; } 2>&1 | checksum; }

# Changes when the core has to be built: its sources, the flavour that was built last, modules that are not there.
core_state() {
    local source suffix
    suffix=$(cat "$venv/fluxdb-suffix" 2>/dev/null || true)
    {
        for source in "$root"/fluxdb/_core/*.pyx; do
            [ -e "${source%.pyx}$suffix" ] || echo "missing: $source $RANDOM"
        done
        cat "$root/setup.py" "$root"/fluxdb/_core/*.pyx "$root"/fluxdb/_core/*.pxd "$root"/fluxdb/_core/*.h
        cat "$root"/build/inplace-*
    } 2>/dev/null | checksum
}

make_venv() {
    find_python
    check_system
    say "Making an environment with $("$python" --version) in $venv"
    rm -rf "$venv"
    "$python" -m venv "$venv" || fail "$python could not make a virtual environment in $venv"
}

# The requirements of the build, from pyproject.toml (tomllib is not there before 3.11).
build_requirements() {
    "$venv/bin/python" -c 'import ast, re, sys
print(*ast.literal_eval(re.search(r"^requires = (\[.*\])$", open(sys.argv[1]).read(), re.M)[1]), sep="\n")' "$root/pyproject.toml"
}

install_packages() {
    say "Installing packages${1:+ ($1)} and building the core"
    build_requirements >"$venv/build-requirements.txt"
    quietly "pip could not install what the build needs (above): is PyPI reached from here?" \
        "$venv/bin/python" -m pip install --upgrade pip -r "$venv/build-requirements.txt"
    cd "$root"
    quietly "pip could not install FluxDB and what it needs (above)" \
        "$venv/bin/python" -m pip install --no-build-isolation -e ".${1:+[$1]}"
    cd "$OLDPWD"
}

build_core() {
    say "Building the core"
    cd "$root"
    quietly "the core could not be built (above)" "$venv/bin/python" setup.py -q build_ext --inplace
    cd "$OLDPWD"
}

# prepare_environment [EXTRA[,EXTRA]]: afterwards $venv/bin has it all.
prepare_environment() {
    local extras=${1:-} stamp="$venv/fluxdb-packages-${1:-}"
    if command -v flock >/dev/null; then
        mkdir -p "$root/build"
        exec 9>"$root/build/.lock"
        flock 9
    fi
    if [ -n "${PYTHON:-}" ] && [ -x "$venv/bin/python" ]; then
        find_python
        [ "$("$python" -VV)" = "$("$venv/bin/python" -VV)" ] || rm -rf "$venv"
    fi
    "$venv/bin/python" -c 'import pip' 2>/dev/null || make_venv
    if [ "$(cat "$stamp" 2>/dev/null)" != "$(environment_state)" ]; then
        python=$venv/bin/python
        check_system
        install_packages "$extras"
        "$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_config_var("EXT_SUFFIX"))' >"$venv/fluxdb-suffix"
        core_state >"$venv/fluxdb-core"
        environment_state >"$stamp"
    elif [ "$(cat "$venv/fluxdb-core" 2>/dev/null)" != "$(core_state)" ]; then
        build_core
        core_state >"$venv/fluxdb-core"
    fi
    if command -v flock >/dev/null; then exec 9>&-; fi
}
