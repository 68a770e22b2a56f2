"""Do the source distribution and the wheel hold all that they need, and nothing more?

    python -m tools.package_contents FOLDER

The source distribution: every file that git tracks, but for what only a checkout needs. The wheel: the Python files,
the types, the live page, one compiled module for each .pyx, and the metadata.
"""

from __future__ import annotations

import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

from tools.sources import source_files

CHECKOUT_ONLY = (".ci", ".git", ".github")  # beginnings of the names of what is not in the source distribution
MADE_BY_SDIST = {"PKG-INFO", "setup.cfg"}
WHEEL_SUFFIXES = (".py", ".pyi", ".html", ".css", ".js")
METADATA = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE", "top_level.txt"}


def sdist_names(archive: Path) -> set[str]:
    with tarfile.open(archive) as tar:
        names = {PurePosixPath(*PurePosixPath(each.name).parts[1:]) for each in tar if each.isfile()}
    return {str(name) for name in names if not name.parts[0].endswith(".egg-info")}


def wheel_names(archive: Path) -> set[str]:
    """Return the name of a compiled module up to its first dot: the rest names the platform."""
    with zipfile.ZipFile(archive) as wheel:
        names = {name for name in wheel.namelist() if not name.endswith("/")}
    compiled = {name for name in names if name.endswith(".so")}
    return names - compiled | {f"{name.split('.')[0]}.so" for name in compiled}


def expected_in_sdist() -> set[str]:
    return {str(path) for path in source_files() if not str(path).startswith(CHECKOUT_ONLY)} | MADE_BY_SDIST


def expected_in_wheel(metadata_folder: str) -> set[str]:
    package = [path for path in source_files() if path.parts[0] == "fluxdb"]
    names = {str(path) for path in package if path.suffix in WHEEL_SUFFIXES or path.name == "py.typed"}
    names |= {str(path.with_suffix(".so")) for path in package if path.suffix == ".pyx"}
    return names | {f"{metadata_folder}/{name}" for name in METADATA}


def report(archive: Path, names: set[str], expected: set[str]) -> bool:
    for name in sorted(names - expected):
        print(f"{archive.name}: {name} should not be in it", file=sys.stderr)
    for name in sorted(expected - names):
        print(f"{archive.name}: {name} is not in it", file=sys.stderr)
    return names == expected


def main(folder: Path) -> int:
    (sdist,) = folder.glob("*.tar.gz")
    (wheel,) = folder.glob("*.whl")
    metadata_folder = "-".join(wheel.name.split("-")[:2]) + ".dist-info"
    good = report(sdist, sdist_names(sdist), expected_in_sdist())
    good &= report(wheel, wheel_names(wheel), expected_in_wheel(metadata_folder))
    for archive in (sdist, wheel):
        print(f"{archive.name}: {archive.stat().st_size:,} bytes", file=sys.stderr)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
