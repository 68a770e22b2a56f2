# Sourced by the tools: a separate environment (.venv in the checkout) with the core built in it.
# Fast when it is there already.
#
# PYTHON=...       the interpreter that .venv is made with (default: the first of python3, python3.13 ... new enough)
# FLUXDB_VENV=...  another place for the environment
#
# Words go to stderr, stdout is the tool's own. Runs under bash 3.2 (macOS) too.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=${FLUXDB_VENV:-$root/.venv}
export PIP_DISABLE_PIP_VERSION_CHECK=1
export FLUXDB_CYTHON_CACHE=${FLUXDB_CYTHON_CACHE:-$root/build/translated} # for all builds of the same

say() { printf '%s\n' "$*" >&2; }
fail() { printf 'error: %s\n' "$@" >&2; exit 1; }

# help_if_asked [ARGUMENTS]: with -h or --help as the first, the tool says what its file begins with, and that is all.
help_if_asked() {
    case "${1:-}" in
        -h | --help) sed -n -e '1d' -e '/^[^#]/q' -e 's/^# \{0,1\}//p' "$0" && exit 0 ;;
    esac
}

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

source "$root/tools/system.sh"

checksum() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi; }

# Changes when the environment has to be recreated, or packages have to be installed.
environment_state() { { "$venv/bin/python" -VV; printf '%s\n' "$root"; cat "$root/pyproject.toml"; } 2>&1 | checksum; }

# Changes when the core has to be rebuilt.
core_state() {
    {
        printf '%s\n' "${FLUXDB_DEBUG:-}" "${FLUXDB_SANITIZE:-}" "${FLUXDB_OPTIMIZE:-}"
        cat "$root/setup.py" "$root"/fluxdb/_core/*/*.pyx "$root"/fluxdb/_core/*/*.pxd "$root"/fluxdb/_core/*/*.h
    } 2>/dev/null | checksum
}

# Are the modules there, and of the flavour that was built by these tools? Someone may have used setup.py, or git clean.
core_is_in_place() {
    local source suffix
    suffix=$(cat "$venv/fluxdb-suffix" 2>/dev/null || true)
    for source in "$root"/fluxdb/_core/*/*.pyx; do
        [ -e "${source%.pyx}$suffix" ] || return 1
    done
    [ "$(cat "$root"/build/inplace-* 2>/dev/null)" = "$(cat "$venv/fluxdb-flavour" 2>/dev/null)" ]
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
    "$venv/bin/python" - "$root/pyproject.toml" <<'END'
import ast, re, sys
requires = re.search(r"^requires = (\[.*\])$", open(sys.argv[1]).read(), re.MULTILINE)
print(*ast.literal_eval(requires[1]), sep="\n")
END
}

install_packages() {
    say "Installing packages${1:+ ($1)} and building the core (about a minute)"
    build_requirements >"$venv/build-requirements.txt"
    quietly "pip could not install what the build needs (above): is PyPI reached from here?" \
        "$venv/bin/python" -m pip install --upgrade -r "$venv/build-requirements.txt"
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
    if command -v flock >/dev/null; then
        mkdir -p "$root/build"
        exec 9>"$root/build/.lock" # two of these tools at once: one waits
        flock 9
        update_environment "${1:-}" 9>&-
        exec 9>&-
    else
        update_environment "${1:-}"
    fi
}

# with_extras INSTALLED WANTED: both, each once.
with_extras() {
    local all=$1 extra
    for extra in ${2//,/ }; do
        case ",$all," in *",$extra,"*) ;; *) all=${all:+$all,}$extra ;; esac
    done
    printf '%s\n' "$all"
}

update_environment() {
    local state installed extras core
    core=$(core_state) # before the build: what is edited meanwhile is built the next time
    if [ -n "${PYTHON:-}" ] && [ -x "$venv/bin/python" ]; then
        find_python
        [ "$("$python" -VV)" = "$("$venv/bin/python" -VV)" ] || rm -rf "$venv"
    fi
    "$venv/bin/python" -c 'import pip' 2>/dev/null || make_venv
    installed=$(cat "$venv/fluxdb-extras" 2>/dev/null || true)
    extras=$(with_extras "$installed" "$1")
    state=$(cat "$venv/fluxdb-environment" 2>/dev/null || true)
    if [ "$state" != "$(environment_state)" ] || [ "$extras" != "$installed" ]; then
        python=$venv/bin/python
        check_system
        install_packages "$extras"
        printf '%s\n' "$extras" >"$venv/fluxdb-extras"
        environment_state >"$venv/fluxdb-environment"
    elif [ "$(cat "$venv/fluxdb-core" 2>/dev/null)" != "$core" ] || ! core_is_in_place; then
        build_core
    else
        return 0
    fi
    "$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_config_var("EXT_SUFFIX"))' >"$venv/fluxdb-suffix"
    cat "$root"/build/inplace-* >"$venv/fluxdb-flavour"
    printf '%s\n' "$core" >"$venv/fluxdb-core"
}
