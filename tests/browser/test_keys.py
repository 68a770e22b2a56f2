"""The browser of keys on the live page: prefixes, pages, and the document of a key that is chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.conftest import Server
from tests.browser.test_page import wait_for_text, write

pytestmark = pytest.mark.browser

MakeServer = Callable[..., Server]
OpenWindow = Callable[..., Any]

NASTY_KEY = 'x:<img src=x onerror="document.title=1">'


def filled(make_server: MakeServer) -> Server:
    server = make_server()
    for number in range(45):
        server.set(f"user:{number:02}", b'{"n":%d}' % number)
    server.set("order", b"1")
    return server


def wait_for_keys(page: Any, first: str, count: int) -> None:
    page.wait_for_function(
        """([first, count]) => {
            const keys = document.querySelectorAll('#keys code');
            return keys.length === count && (count === 0 || keys[0].textContent === first);
        }""",
        arg=[first, count],
    )


def shown(page: Any) -> list[str]:
    texts: list[str] = page.locator("#keys code").all_text_contents()
    return texts


def test_pages_go_on_and_back_and_the_count_is_that_of_the_prefix(
    make_server: MakeServer, open_window: OpenWindow
) -> None:
    page = open_window(filled(make_server))
    wait_for_keys(page, "order", 20)
    wait_for_text(page, "#keys-count", "46 keys")
    page.fill("#prefix", "user:")
    wait_for_keys(page, "user:00", 20)
    wait_for_text(page, "#keys-count", "45 keys")
    assert page.is_disabled("#keys-previous")
    page.click("#keys-next")
    wait_for_keys(page, "user:20", 20)
    page.click("#keys-next")
    wait_for_keys(page, "user:40", 5)
    assert page.is_disabled("#keys-next")
    page.click("#keys-previous")
    wait_for_keys(page, "user:20", 20)
    page.click("#keys-previous")
    wait_for_keys(page, "user:00", 20)
    assert page.is_disabled("#keys-first")
    page.fill("#prefix", "nobody")
    wait_for_text(page, "#keys-note", "No key begins so.")
    assert shown(page) == []


def test_a_click_shows_the_document_and_follows_it_until_the_next(
    make_server: MakeServer, open_window: OpenWindow
) -> None:
    server = filled(make_server)
    page = open_window(server)
    page.click("#keys button >> text=user:03")
    wait_for_text(page, "#document", '"n": 3')
    server.set("user:03", b'{"n":"changed"}')
    wait_for_text(page, "#document .added", '"n": "changed"')
    page.click("#keys button >> text=user:04")
    wait_for_text(page, "#document", '"n": 4')
    page.wait_for_function("() => document.querySelectorAll('#watched li').length === 2")  # and the counter
    page.click('[aria-label="keep watching user:04"]')
    page.click("#keys button >> text=user:05")
    wait_for_text(page, "#document", '"n": 5')
    wait_for_text(page, "#watched", "user:04")
    server.set("user:03", b"1")
    server.set("user:04", b"1")
    wait_for_text(page, "#log", "user:04 v2")
    assert "user:03 v3" not in page.text_content("#log")
    page.reload()
    wait_for_text(page, "#watched", "user:04")
    assert "user:05" not in page.text_content("#watched")


def test_what_this_window_writes_is_in_the_list_at_once(make_server: MakeServer, open_window: OpenWindow) -> None:
    page = open_window(make_server())
    wait_for_text(page, "#keys-note", "The database is empty.")
    write(page, "set", "a", "1")
    wait_for_keys(page, "a", 1)
    wait_for_text(page, "#keys-count", "1 key")
    write(page, "delete", "a")
    wait_for_text(page, "#keys-note", "The database is empty.")


def test_keys_are_never_taken_for_markup(make_server: MakeServer, open_window: OpenWindow) -> None:
    server = make_server()
    server.set(NASTY_KEY, b"1")
    page = open_window(server)
    page.fill("#prefix", "x:<")
    wait_for_keys(page, NASTY_KEY, 1)
    page.click("#keys button")
    wait_for_text(page, "#inspected-version", "v1")
    assert page.title() == "FluxDB"
    assert page.locator("main img").count() == 0


def test_the_keyboard_is_enough_to_browse(make_server: MakeServer, open_window: OpenWindow) -> None:
    page = open_window(filled(make_server))
    page.focus("#prefix")
    page.keyboard.type("user:")
    page.keyboard.press("Enter")
    wait_for_keys(page, "user:00", 20)
    page.keyboard.press("Tab")
    for key in ("ArrowDown", "ArrowDown", "ArrowUp", "Enter"):
        page.keyboard.press(key)
    wait_for_text(page, "#inspected-key", "user:01")
    assert page.evaluate("() => document.activeElement.textContent") == "user:01"
    page.focus("#keys-next")
    page.keyboard.press("Enter")
    wait_for_keys(page, "user:20", 20)
    page.keyboard.press("Enter")
    wait_for_keys(page, "user:40", 5)
    assert page.evaluate("() => document.activeElement.textContent") == "user:40", "no focus is lost to a dead button"


def test_on_a_phone_the_document_of_a_chosen_key_comes_into_view(
    make_server: MakeServer, open_window: OpenWindow
) -> None:
    page = open_window(filled(make_server), viewport={"width": 360, "height": 740}, has_touch=True)
    wait_for_keys(page, "order", 20)
    page.click("#keys button >> text=user:03")
    wait_for_text(page, "#document", '"n": 3')
    top = page.evaluate("() => document.getElementById('inspected-key').getBoundingClientRect().top")
    assert 0 < top < 740
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 360


def test_a_page_whose_keys_have_gone_gives_way_to_the_first(make_server: MakeServer, open_window: OpenWindow) -> None:
    server = filled(make_server)
    page = open_window(server)
    page.fill("#prefix", "user:4")
    wait_for_keys(page, "user:40", 5)
    page.fill("#prefix", "user:")
    wait_for_keys(page, "user:00", 20)
    for first, count in (("user:20", 20), ("user:40", 5)):
        page.click("#keys-next")
        wait_for_keys(page, first, count)
    for number in range(40, 45):
        write(page, "delete", f"user:{number}")
        wait_for_text(page, "#write-note", "deleted")
        page.evaluate("() => { document.getElementById('write-note').textContent = '' }")
    wait_for_keys(page, "user:00", 20)
    wait_for_text(page, "#keys-count", "40 keys")
