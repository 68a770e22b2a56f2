"""The live page in a browser, as a user sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fluxdb.limits import WebLimits
from tests.browser.conftest import Server
from tests.support.prefix_proxy import prefix_proxy

pytestmark = pytest.mark.browser

MakeServer = Callable[..., Server]
OpenWindow = Callable[..., Any]

LARGEST = 2**64 - 1
NASTY_KEY = "<img src=x onerror=\"document.title='broken'\">"


def wait_for_text(page: Any, selector: str, text: str) -> None:
    page.wait_for_function(
        "([selector, text]) => document.querySelector(selector)?.textContent.includes(text)", arg=[selector, text]
    )


def wait_for_counter(page: Any, count: int) -> None:
    page.wait_for_function("text => document.getElementById('counter').textContent === text", arg=str(count))


def watch(page: Any, key: str) -> None:
    page.fill("#watch-key", key)
    page.click("#watch button")


def write(page: Any, action: str, key: str, text: str = "") -> None:
    page.fill("#key", key)
    page.fill("#value", text)
    page.click(f"button[value={action}]")


def test_below_a_path_that_a_proxy_cuts_off_the_page_works_as_it_does_at_the_root(
    make_server: MakeServer, open_window: OpenWindow
) -> None:
    server = make_server()
    with prefix_proxy(server.port, "/tools/fluxdb/") as url:
        behind, direct = open_window(server, url=url), open_window(server)
        width = "getComputedStyle(document.querySelector('main')).maxWidth"
        assert behind.evaluate(width) == direct.evaluate(width) != "none"
        direct.click("[data-add='5']")
        wait_for_counter(behind, 5)
        behind.click("[data-add='1']")
        wait_for_counter(direct, 6)
        behind.close()


def test_two_windows_follow_each_others_counter_and_inspector(make_server: MakeServer, open_window: OpenWindow) -> None:
    server = make_server()
    one, two = open_window(server), open_window(server)
    one.click("[data-add='5']")
    wait_for_counter(two, 5)
    two.click("[data-add='-1']")
    wait_for_counter(one, 4)

    watch(one, "user")
    watch(two, "user")
    write(one, "set", "user", f'{{"name": "vaibhav", "id": {LARGEST}, "price": 1.50}}')
    for page in (one, two):
        wait_for_text(page, "#inspected-version", "v1")
        wait_for_text(page, "#document", f'"id": {LARGEST}')
        wait_for_text(page, "#document", '"price": 1.50')
    write(two, "patch", "user", '{"name": "v"}')
    for page in (one, two):
        wait_for_text(page, "#inspected-version", "v2")
        assert page.text_content("#document .removed") == '  "name": "vaibhav",'
        assert page.text_content("#document .added") == '  "name": "v",'
        assert page.locator("#document .added, #document .removed").count() == 2
    write(one, "delete", "user")
    wait_for_text(two, "#inspected-version", "deleted, v3")
    wait_for_text(two, "#log", "delete")


def test_g3_many_fast_clicks_in_two_windows_lose_none(make_server: MakeServer, open_window: OpenWindow) -> None:
    server = make_server()
    pages = [open_window(server), open_window(server)]
    clicks = """async times => {
        const add = amount => document.querySelector(`[data-add="${amount}"]`).click();
        for (let i = 0; i < times; i++) {
            add(1); add(5); add(-1);
            await new Promise(resolve => setTimeout(resolve, Math.random() * 4));
        }
    }"""
    for page in pages:  # evaluated side by side: neither is waited for
        page.evaluate(f"void ({clicks})(100)")
    for page in pages:
        wait_for_counter(page, 2 * 100 * 5)
        wait_for_text(page, "#counter-note", "")
    stored = server.text("counter")
    assert stored is not None
    assert stored[0] == b"1000"


def test_the_page_finds_its_server_again_and_what_happened_meanwhile(
    make_server: MakeServer, open_window: OpenWindow
) -> None:
    server = make_server()
    page = open_window(server)
    watch(page, "user")
    write(page, "set", "user", "1")
    wait_for_text(page, "#document", "1")
    server.stop()
    page.wait_for_selector('#state[data-state="offline"]')
    page.click("[data-add='1']")
    page.click("[data-add='1']")  # they wait for the server
    server.start()
    server.set("user", b'"meanwhile"')
    page.wait_for_selector('#state[data-state="live"]')
    wait_for_text(page, "#document .added", "meanwhile")
    wait_for_counter(page, 2)
    server.set("user", b'"afterwards"')  # it is subscribed again
    wait_for_text(page, "#document .added", "afterwards")


def test_clicks_during_a_restart_are_all_counted(make_server: MakeServer, open_window: OpenWindow) -> None:
    server = make_server()
    page = open_window(server)
    page.evaluate("""void (async () => {
        for (let i = 0; i < 150; i++) {
            document.querySelector('[data-add="1"]').click();
            await new Promise(resolve => setTimeout(resolve, 10));
        }
    })()""")
    for _ in range(2):
        page.wait_for_timeout(300)
        server.stop()
        server.start()
    wait_for_counter(page, 150)
    stored = server.text("counter")
    assert stored is not None
    assert stored[0] == b"150"


def test_g8_a_page_that_falls_behind_reads_again_and_goes_on(make_server: MakeServer, open_window: OpenWindow) -> None:
    server = make_server()
    page = open_window(server)
    watch(page, "user")
    wait_for_text(page, "#inspected-version", "nothing")
    server.evict()
    server.set("user", *(str(number).encode() for number in range(150)))  # the log has room for all of them
    wait_for_text(page, "#log", "fell behind")
    wait_for_text(page, "#inspected-version", "v150")
    wait_for_text(page, "#document", "149")
    server.set("user", b'"afterwards"')
    wait_for_text(page, "#document .added", "afterwards")


def test_data_is_never_taken_for_markup(make_server: MakeServer, open_window: OpenWindow) -> None:
    server = make_server()
    page = open_window(server)
    watch(page, NASTY_KEY)
    write(page, "set", NASTY_KEY, '{"<script>document.title=1</script>": "<b>bold</b>"}')
    wait_for_text(page, "#document", "<b>bold</b>")
    wait_for_text(page, "#log", NASTY_KEY)
    wait_for_text(page, "#watched", NASTY_KEY)
    assert page.title() == "FluxDB"
    assert page.locator("main img, main b, main script").count() == 0


def test_what_is_wrong_is_said_beside_the_form(make_server: MakeServer, open_window: OpenWindow) -> None:
    page = open_window(make_server())
    for text in ("", "{", '1,"key":"other"', f"{LARGEST + 1}"):
        write(page, "set", "k", text)
        page.wait_for_selector("#write-note.bad")
        page.evaluate("document.getElementById('write-note').className = 'note'")
    write(page, "get", "k")
    wait_for_text(page, "#write-note", "there is no k")


def test_a_newcomer_is_told_where_changes_appear(make_server: MakeServer, open_window: OpenWindow) -> None:
    server = make_server()
    page = open_window(server)
    placeholder = "getComputedStyle(document.getElementById('log'), '::before').content"
    assert "Changes of the watched keys appear here" in page.evaluate(placeholder)
    write(page, "set", "user", "nobody")
    wait_for_text(page, "#write-note", "text needs double quotes: ")
    write(page, "set", "user", "1")
    wait_for_text(page, "#write-note", "stored: version 1")
    page.click("#write-note button >> text=Subscribe to user")
    wait_for_text(page, "#inspected-key", "user")
    write(page, "set", "user", "2")
    page.wait_for_function("() => document.getElementById('write-note').textContent === 'stored: version 2'")
    wait_for_text(page, "#log", "user")
    assert page.evaluate(placeholder) == "none"
    server.stop()
    page.wait_for_selector('#state[data-state="offline"]')
    write(page, "set", "user", "3")
    wait_for_text(page, "#write-note", "there is no connection: nothing was sent")


def test_the_page_says_what_the_database_holds_and_takes(make_server: MakeServer, open_window: OpenWindow) -> None:
    page = open_window(make_server())
    words = r"0 keys · revision 0 · [\d.]+ KiB on disk · [\d.]+ MiB of memory · up \d+ s"
    page.wait_for_function("words => new RegExp(words).test(document.getElementById('info').textContent)", arg=words)


def test_a_write_can_ask_for_a_version(make_server: MakeServer, open_window: OpenWindow) -> None:
    server = make_server()
    page = open_window(server)
    page.fill("#if-version", "0")
    write(page, "set", "k", "1")
    wait_for_text(page, "#write-note", "stored: version 1")
    write(page, "patch", "k", '{"a": 1}')
    wait_for_text(page, "#write-note", "version conflict: expected 0, key 'k' is at 1")
    page.fill("#if-version", "1")
    write(page, "delete", "k")
    wait_for_text(page, "#write-note", "deleted: version 2")


def test_a_message_that_is_too_large_is_told_with_its_limit(make_server: MakeServer, open_window: OpenWindow) -> None:
    page = open_window(make_server(limits=WebLimits(message_bytes_max=4096)))
    write(page, "set", "k", f'"{"x" * 5_000}"')
    wait_for_text(page, "#write-note", "a message has more than 4096 bytes (web_message_bytes_max)")


def test_a_key_is_unsubscribed_and_keys_come_back_with_the_page(
    make_server: MakeServer, open_window: OpenWindow
) -> None:
    server = make_server()
    page = open_window(server)
    for key in ("a", "b"):
        watch(page, key)
    page.click('[aria-label="unsubscribe a"]')
    page.wait_for_function("() => document.querySelectorAll('#watched li').length === 2")
    server.set("a", b"1")
    server.set("b", b"1")
    wait_for_text(page, "#log", "b v1")
    assert "a v1" not in page.text_content("#log")
    page.reload()
    wait_for_text(page, "#watched", "bv1")


def test_the_keyboard_is_enough(make_server: MakeServer, open_window: OpenWindow) -> None:
    page = open_window(make_server())
    page.focus("[data-add='5']")
    page.keyboard.press("Enter")
    wait_for_counter(page, 5)
    page.focus("#watch-key")
    page.keyboard.type("user")
    page.keyboard.press("Enter")
    wait_for_text(page, "#inspected-key", "user")
    page.focus("#key")
    page.keyboard.type("user")
    page.keyboard.press("Tab")
    page.keyboard.type("[1]")
    page.keyboard.press("Tab")
    page.keyboard.type("0")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    wait_for_text(page, "#inspected-version", "v1")


def test_the_page_asks_for_the_password(make_server: MakeServer, open_window: OpenWindow) -> None:
    server = make_server(password="open sesame")
    page = open_window(server, live=False)
    page.wait_for_selector("#login[open]")
    assert page.get_attribute("#state", "data-state") == "locked"
    page.fill("#password", "wrong")
    page.keyboard.press("Enter")
    wait_for_text(page, "#login-note", "wrong")
    page.fill("#password", "open sesame")
    page.keyboard.press("Enter")
    page.wait_for_selector('#state[data-state="live"]')
    page.click("[data-add='1']")
    wait_for_counter(page, 1)
    server.stop()
    server.start()  # the page tells it again by itself
    server.set("counter", b"7")
    wait_for_counter(page, 7)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_in_dark_and_in_light(make_server: MakeServer, open_window: OpenWindow, scheme: str) -> None:
    page = open_window(make_server(), viewport={"width": 360, "height": 740}, color_scheme=scheme, has_touch=True)
    watch(page, "k" * 200)
    write(page, "set", "k" * 200, f'{{"{"n" * 200}": "{"v" * 300}"}}')
    wait_for_text(page, "#document", "vvv")
    assert page.evaluate("(box => box.scrollWidth <= box.clientWidth)(document.getElementById('document'))")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    small = page.evaluate(
        "[...document.querySelectorAll('button')].filter(b => b.offsetParent && b.offsetHeight < 32).length"
    )
    assert small == 0
    lightness = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]")
    assert (lightness > 128) == (scheme == "light")
