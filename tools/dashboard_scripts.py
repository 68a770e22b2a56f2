"""Lets the pages that asv made load their scripts from beside them, instead of from other people's servers.

    python -m tools.dashboard_scripts PAGES NODE_MODULES

PAGES is what asv publish made, NODE_MODULES where npm put the packages (``--packages`` prints which).
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

PACKAGES = (
    "blueimp-md5@2.19.0",
    "bootstrap@3.1.1",
    "flot@0.8.3",
    "flot-orderbars@1.0.0",
    "jquery@3.3.1",
    "stupid-table-plugin@1.1.3",
)

# The page's name for it -> its place in the package.
FILES = {
    "bootstrap.min.css": "bootstrap/dist/css/bootstrap.min.css",
    "bootstrap.min.js": "bootstrap/dist/js/bootstrap.min.js",
    "jquery-3.3.1.min.js": "jquery/dist/jquery.min.js",
    "jquery.flot.categories.min.js": "flot/jquery.flot.categories.js",
    "jquery.flot.min.js": "flot/jquery.flot.js",
    "jquery.flot.orderBars.js": "flot-orderbars/js/jquery.flot.orderBars.js",
    "jquery.flot.selection.min.js": "flot/jquery.flot.selection.js",
    "jquery.flot.time.min.js": "flot/jquery.flot.time.js",
    "md5.min.js": "blueimp-md5/js/md5.min.js",
    "stupidtable.min.js": "stupid-table-plugin/stupidtable.min.js",
}
FOLDER = "scripts"

REMOTE = re.compile(r'<(script|link)\b[^>]*?(src|href)="https://[^"]*?/([^"/]+)"[^>]*>')


def localized(page: str) -> tuple[str, list[str], list[str]]:
    """The page with local tags; the names that it needs now, and those that it still takes from elsewhere."""
    needed: list[str] = []
    left: list[str] = []

    def replace(tag: re.Match[str]) -> str:
        kind, attribute, name = tag.groups()
        if name not in FILES:
            left.append(name)
            return tag[0]
        needed.append(name)
        if kind == "link":
            return f'<link rel="stylesheet" {attribute}="{FOLDER}/{name}">'
        return f'<script {attribute}="{FOLDER}/{name}" onerror="js_load_failure()">'

    return REMOTE.sub(replace, page), needed, left


def localize(pages: Path, modules: Path) -> list[str]:
    """Changes ``index.html`` and copies what it needs; the names of what it still takes from elsewhere."""
    index = pages / "index.html"
    text, needed, left = localized(index.read_text())
    (pages / FOLDER).mkdir(exist_ok=True)
    for name in needed:
        shutil.copyfile(modules / FILES[name], pages / FOLDER / name)
    index.write_text(text)
    return left


if __name__ == "__main__":
    if sys.argv[1:] == ["--packages"]:
        print(*PACKAGES, sep="\n")
    else:
        for name in localize(Path(sys.argv[1]), Path(sys.argv[2])):
            print(f"{name} is still loaded from the internet: asv asks for one that is not known here", file=sys.stderr)
