"""The dashboard's pages load nothing from elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.dashboard_scripts import FILES, FOLDER, PACKAGES, localize, localized

PAGE = """
<script src="https://code.jquery.com/jquery-3.3.1.min.js" integrity="sha256-x" onerror="js_load_failure()"></script>
<script language="javascript" src="asv.js"></script>
<link rel="stylesheet" href="https://cdn.jsdelivr.net/npm/bootstrap@3.1.1/dist/css/bootstrap.min.css" integrity="y">
<a href="https://github.com/airspeed-velocity/asv/">asv</a>
"""


def test_tags_of_known_files_become_local_and_lose_their_checksum() -> None:
    text, needed, left = localized(PAGE)
    assert '<script src="scripts/jquery-3.3.1.min.js" onerror="js_load_failure()"></script>' in text
    assert '<link rel="stylesheet" href="scripts/bootstrap.min.css">' in text
    assert "integrity" not in text
    assert (needed, left) == (["jquery-3.3.1.min.js", "bootstrap.min.css"], [])


def test_all_else_stays_as_it_was() -> None:
    text, _, _ = localized(PAGE)
    assert '<script language="javascript" src="asv.js"></script>' in text
    assert '<a href="https://github.com/airspeed-velocity/asv/">asv</a>' in text


def test_a_file_that_is_not_known_is_left_and_named() -> None:
    page = '<script src="https://cdn.example/new/other.min.js"></script>'
    assert localized(page) == (page, [], ["other.min.js"])


def test_the_files_are_copied_beside_the_page_and_again_does_no_harm(tmp_path: Path) -> None:
    modules, pages = tmp_path / "node_modules", tmp_path / "pages"
    pages.mkdir()
    (pages / "index.html").write_text(PAGE)
    for name in ("jquery-3.3.1.min.js", "bootstrap.min.css"):
        (modules / FILES[name]).parent.mkdir(parents=True)
        (modules / FILES[name]).write_text(name)
    assert localize(pages, modules) == []
    once = (pages / "index.html").read_text()
    assert localize(pages, modules) == []
    assert (pages / "index.html").read_text() == once
    assert (pages / FOLDER / "bootstrap.min.css").read_text() == "bootstrap.min.css"


@pytest.mark.parametrize("name", FILES)
def test_each_file_is_of_a_package_whose_version_is_fixed(name: str) -> None:
    versions = dict(package.rsplit("@", 1) for package in PACKAGES)
    assert versions[FILES[name].partition("/")[0]]
