"""The compiled part of the build: one extension for each .pyx in fluxdb/_core. All else is in pyproject.toml.

Settings, by environment variable:

FLUXDB_DEBUG=1      bounds checks and assertions, in Cython and in C
FLUXDB_SANITIZE=1   the same, under the address and undefined-behaviour sanitizers (Python needs libasan preloaded)
FLUXDB_WERROR=1     warnings are errors, as our tests and checks have it. Not by default: the compiler of
                    the machine that installs this may be one that we never saw, with warnings that are new.
FLUXDB_ONLY=a.b,c.d build only these modules of the core, such as json.merge
FLUXDB_OPTIMIZE=1   the C compiler's level, instead of 3: a quick build, for tests of what does not depend on speed
FLUXDB_CYTHON_CACHE=DIR   keep there what Cython made, for the next build of the same sources, for any Python
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import shlex
import shutil
import sys
import sysconfig
from importlib.metadata import version
from pathlib import Path
from typing import Any

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

CORE = Path("fluxdb", "_core")

SANITIZE = os.environ.get("FLUXDB_SANITIZE", "0") not in ("", "0")
DEBUG = SANITIZE or os.environ.get("FLUXDB_DEBUG", "0") not in ("", "0")
WERROR = os.environ.get("FLUXDB_WERROR", "0") not in ("", "0")
OPTIMIZE = int(os.environ.get("FLUXDB_OPTIMIZE", "3"))
CACHE = os.environ.get("FLUXDB_CYTHON_CACHE")
KEPT = 6  # states of the sources, in that cache
ONLY = set(filter(None, os.environ.get("FLUXDB_ONLY", "").split(",")))

FLAVOUR = "sanitize" if SANITIZE else "debug" if DEBUG else "release"
BUILD = Path("build", FLAVOUR)  # one folder for each, so that none takes another's objects for its own

# Checks may differ between the flavours, meanings may not: wraparound and cdivision are the same in both.
DIRECTIVES = {
    "language_level": 3,
    "wraparound": False,
    "cdivision": True,
    "boundscheck": DEBUG,
    "initializedcheck": DEBUG,
    "show_performance_hints": not DEBUG,  # a check costs something: no news
}

C_FLAGS = ["-std=c11", "-Wall", "-Wextra", "-fvisibility=hidden", "-pthread"]
# Cython's output needs these; our C code is in the headers, and is held to all other warnings.
C_FLAGS += ["-Wno-unused-parameter", "-Wno-missing-field-initializers", "-Wno-cast-function-type"]
C_FLAGS += ["-Werror"] if WERROR else []
LINK_FLAGS = ["-pthread"]
if DEBUG:
    C_FLAGS += [
        "-O1",
        "-g1",
        "-UNDEBUG",
    ]  # -g1: functions and lines, which is what a report names; -g takes a third longer
else:
    C_FLAGS += [f"-O{OPTIMIZE}", "-g0", "-DNDEBUG", "-DCYTHON_WITHOUT_ASSERTIONS=1"]
    C_FLAGS += ["-Wno-unused-variable", "-Wno-unused-but-set-variable"]  # what only assertions use
if SANITIZE:
    C_FLAGS += ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer"]
    LINK_FLAGS += ["-fsanitize=address,undefined"]

NO_PLATFORM = "FluxDB runs on Linux and macOS; its compiled core can't be built on {platform}."
NO_COMPILER = """FluxDB's core is compiled, and no C compiler was found (looked for: {compiler}).
  Debian, Ubuntu: apt-get install gcc libc6-dev
  Fedora:         dnf install gcc
  macOS:          xcode-select --install"""
NO_HEADERS = """FluxDB's core is compiled, and the headers of this Python are missing (looked for: {header}).
  Debian, Ubuntu: apt-get install python3-dev
  Fedora:         dnf install python3-devel"""


def extensions() -> list[Extension]:
    headers = sorted(str(path) for path in CORE.rglob("*.h"))
    sources = {".".join(path.relative_to(CORE).with_suffix("").parts): path for path in sorted(CORE.rglob("*.pyx"))}
    return [
        Extension(
            f"fluxdb._core.{name}",
            [str(path)],
            include_dirs=[str(CORE)],
            depends=headers,
            extra_compile_args=C_FLAGS,
            extra_link_args=LINK_FLAGS,
        )
        for name, path in sources.items()
        if not ONLY or name in ONLY
    ]


class BuildCore(build_ext):
    """Cython first, all modules in one run, then the C compiler; both only for what is out of date."""

    def run(self) -> None:
        built_for = BUILD.parent / f"inplace-{sysconfig.get_config_var('SOABI')}"
        if self.inplace and built_for.exists() and built_for.read_text() != FLAVOUR:
            self.force = True  # the modules beside the sources are of another flavour
            built_for.write_text("mixed")
        self.check_tools()
        self.translate()
        super().run()
        if self.inplace:
            built_for.write_text(FLAVOUR)
            self.remove_orphans()

    def remove_orphans(self) -> None:
        """A module whose source is gone could still be imported."""
        for module in CORE.rglob("*.so"):
            if not (module.parent / module.name.split(".")[0]).with_suffix(".pyx").exists():
                module.unlink()

    def check_tools(self) -> None:
        """Say what is missing in one plain message, not in a page of the compiler's."""
        if sys.platform == "win32":
            raise SystemExit(NO_PLATFORM.format(platform=sys.platform))
        compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")[0]
        if shutil.which(compiler) is None:
            raise SystemExit(NO_COMPILER.format(compiler=compiler))
        folders = [sysconfig.get_path("include"), sysconfig.get_path("platinclude")]
        if not any(Path(folder, "Python.h").exists() for folder in folders):
            raise SystemExit(NO_HEADERS.format(header=Path(folders[0], "Python.h")))

    def translate(self) -> None:
        from Cython.Build import cythonize
        from Cython.Compiler import Options

        Options.warning_errors = WERROR
        made = BUILD / "cython"
        kept = Path(CACHE, cache_key(version("Cython"))) if CACHE and not ONLY else None
        if kept is not None and kept.exists() and not made.exists():
            shutil.copytree(
                kept, made, copy_function=shutil.copyfile
            )  # newer than the sources: Cython makes none of them
        options: dict[str, Any] = {"compiler_directives": DIRECTIVES, "build_dir": str(made)}
        if sys.platform == "linux":  # by fork, which passes the options on and does not run this file again
            multiprocessing.set_start_method("fork", force=True)
            options["nthreads"] = os.cpu_count() or 1
        copies = [Extension(each.name, list(each.sources)) for each in self.extensions]
        translated = cythonize(copies, force=self.force or None, include_path=[str(CORE)], **options)
        sources = {each.name: each.sources for each in translated}
        for each in self.extensions:
            each.sources = sources[each.name]
        if kept is not None and not kept.exists():
            keep(made, kept)


def cache_key(cython: str) -> str:
    """Return a digest of everything that decides Cython's output: its version, its options, the sources."""
    key = hashlib.sha256(f"{cython} {sorted(DIRECTIVES.items())} {WERROR}".encode())
    for path in sorted([*CORE.rglob("*.pyx"), *CORE.rglob("*.pxd")]):
        key.update(f"{path} {path.stat().st_size}\n".encode() + path.read_bytes())
    return key.hexdigest()


def keep(made: Path, kept: Path) -> None:
    """Another build may do the same at this moment: one of them comes first."""
    unfinished = kept.with_name(f"{kept.name}.{os.getpid()}")
    shutil.copytree(made, unfinished)
    try:
        unfinished.rename(kept)
    except OSError:
        shutil.rmtree(unfinished)
    for older in sorted(kept.parent.iterdir(), key=lambda path: path.stat().st_mtime)[:-KEPT]:
        shutil.rmtree(older, ignore_errors=True)


OPTIONS: dict[str, dict[str, Any]] = {
    "build": {"build_base": str(BUILD)},
    "build_ext": {"parallel": os.cpu_count() or 1},
}

setup(
    ext_modules=extensions(),
    cmdclass={"build_ext": BuildCore},
    options=OPTIONS,
)
