"""The terminal in a real pseudo-terminal: somebody types, and looks at the screen."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect  # type: ignore[import-untyped]
import pytest

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60
PROMPT = "fluxdb>"  # the editor draws the space behind it by moving the cursor
UP, TAB, CTRL_C, CTRL_D, ALT_ENTER = "\x1b[A", "\t", "\x03", "\x04", "\x1b\r"
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3\d|4\d|9\d|10\d)(?:;\d+)*m")

Terminal = Callable[..., "pexpect.spawn[str]"]


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """Starts a program in a separate pseudo-terminal; all that it ever prints is in ``child.screen``."""
    children: list[pexpect.spawn[str]] = []

    def start(*arguments: str, **environment: str) -> pexpect.spawn[str]:
        child = pexpect.spawn(
            sys.executable,
            list(arguments) or ["-m", "fluxdb", "--data-dir", str(tmp_path / "data")],
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(ROOT),
                "HOME": str(tmp_path),
                "TERM": "xterm-256color",
                "PROMPT_TOOLKIT_NO_CPR": "1",  # nobody here answers where the cursor is
                **environment,
            },
            encoding="utf-8",
            timeout=PATIENCE_SECONDS,
            dimensions=(30, 100),
        )
        child.screen = Screen()
        child.logfile_read = child.screen
        children.append(child)
        child.expect_exact(PROMPT)
        return child

    yield start
    for child in children:
        child.close(force=True)


class Screen:
    """All that was printed."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass


def run(child: pexpect.spawn[str], line: str, answer: str) -> None:
    """Type a line, press Enter, wait for the answer and the next prompt."""
    child.send(line + "\r")
    child.expect_exact(answer)
    child.expect_exact(PROMPT)


def write(child: pexpect.spawn[str], text: str) -> None:
    """Type, and wait until it is on the screen."""
    child.send(text)
    see(child, text)


def see(child: pexpect.spawn[str], text: str) -> None:
    """Wait until ``text`` is drawn behind what is there: at once or in pieces, as the editor likes."""
    child.expect(".*?".join(map(re.escape, text)))


def leave(child: pexpect.spawn[str], keys: str = CTRL_D) -> int | None:
    child.send(keys)
    child.expect(pexpect.EOF)
    child.wait()
    return int(child.exitstatus) if child.exitstatus is not None else None


def test_commands_answer_and_the_data_is_there_the_next_time(terminal: Terminal, tmp_path: Path) -> None:
    child = terminal()
    assert f"{tmp_path / 'data'} (made just now): 0 keys, revision 0" in child.screen.text
    run(child, 'SET user {"name": "vaibhav"}', "ok, version 1")
    run(child, 'patch user {"age":21}', "ok, version 2")
    run(child, "get user", 'Document { value: {"name":"vaibhav","age":21}, version: 2 }')
    run(child, "GET nobody", "nil")
    assert leave(child) == 0
    child = terminal()
    assert ": 1 key, revision 2" in child.screen.text
    run(child, "get user", 'Document { value: {"name":"vaibhav","age":21}, version: 2 }')
    assert leave(child, "exit\r") == 0


def test_an_error_is_one_line_and_the_terminal_goes_on(terminal: Terminal) -> None:
    child = terminal()
    run(child, "SET user vaibhav", "error: column 10: expected JSON after the key (a string needs double quotes)")
    run(child, "SET --if-version 3 user 1", "error: version conflict: expected 3, key 'user' is at 0")
    run(child, "SET big 123456789012345678901234567890", "error: ")
    run(child, "GET big", "nil")
    assert "Traceback" not in child.screen.text
    assert leave(child) == 0


def test_arrow_up_brings_the_last_command_back_also_the_next_time(terminal: Terminal, tmp_path: Path) -> None:
    child = terminal()
    run(child, "SET a 1", "ok, version 1")
    run(child, UP, "ok, version 2")
    assert leave(child) == 0
    history = tmp_path / ".local/state/fluxdb/history"
    assert history.read_text() == "SET a 1\n"
    assert stat.S_IMODE(history.stat().st_mode) == 0o600
    child = terminal()
    run(child, UP, "ok, version 3")
    assert leave(child) == 0


def test_history_that_is_off_leaves_no_file(terminal: Terminal, tmp_path: Path) -> None:
    child = terminal(FLUXDB_HISTORY="off")
    run(child, "SET a 1", "ok, version 1")
    assert leave(child) == 0
    assert not (tmp_path / ".local").exists()


def test_history_that_cannot_be_kept_is_told_and_costs_nothing_else(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    child = terminal(FLUXDB_HISTORY=str(tmp_path / "file" / "history"))
    assert "note: the history is not kept: " in child.screen.text
    run(child, "SET a 1", "ok, version 1")
    run(child, UP, "ok, version 2")
    assert leave(child) == 0


def test_tab_completes_commands_and_keys_of_the_session(terminal: Terminal) -> None:
    child = terminal()
    run(child, "SET customer:1 1", "ok, version 1")
    write(child, "SNA")
    child.send(TAB)
    see(child, "PSHOT")
    run(child, "", "ok, revision 1")
    write(child, "GET cus")
    child.send(TAB)
    see(child, "tomer:1")
    run(child, "", "Document { value: 1, version: 1 }")
    assert leave(child) == 0


def test_a_batch_waits_for_commit_and_ranges_are_shown(terminal: Terminal) -> None:
    child = terminal()
    run(child, "BATCH", "ok, 0 operations to COMMIT or ABORT")
    run(child, "CHECK user:2 MISSING", "ok, 1 operation to COMMIT or ABORT")
    run(child, 'SET user:2 {"a": [5, 6]}', "ok, 2 operations to COMMIT or ABORT")
    child.send("SET user:1 {\r")  # open JSON goes on, in a batch, too
    child.expect_exact("...>")
    run(child, "}", "ok, 3 operations to COMMIT or ABORT")
    run(child, "COUNT", "0")
    run(child, "COMMIT", "ok, revision 2, versions nil, 1, 1")
    run(child, "KEYS --reverse user:", "user:2\r\nuser:1\r\n")
    run(child, "GET user:2 /a/1", "Document { value: 6, version: 1 }")
    run(child, "INCREMENT hits 5", "ok, 5, version 1")
    run(child, "BATCH", "ok, 0 operations to COMMIT or ABORT")
    run(child, "SET lost 1", "ok, 1 operation to COMMIT or ABORT")
    assert leave(child) == 0
    assert "error: the batch was not committed: nothing of it was written" in child.screen.text
    child = terminal()
    run(child, "COUNT lost", "0")
    write(child, "SCAN us")
    child.send(TAB)
    see(child, "er:")  # what the stored keys have in common
    child.send("1\r")
    child.expect_exact("user:1: Document { value: {}, version: 1 }")
    assert leave(child) == 0


def test_an_event_arrives_while_a_line_is_typed_and_the_line_survives(terminal: Terminal, tmp_path: Path) -> None:
    child = terminal("-m", "tests.cli.terminal_driver", str(tmp_path / "trigger"))
    run(child, "SUBSCRIBE user", "ok, subscribed to user")
    write(child, "GET us")
    (tmp_path / "trigger").write_text("")
    child.expect_exact('[event] set user: nil -> {"from":"elsewhere"}, version 1')
    run(child, "er", 'Document { value: {"from":"elsewhere"}, version: 1 }')
    assert leave(child) == 0


def test_events_of_own_writes_are_printed(terminal: Terminal) -> None:
    child = terminal()
    run(child, "SUBSCRIBE a", "ok, subscribed to a")
    child.send("SET a 1\r")
    child.expect_exact("[event] set a: nil -> 1, version 1")
    run(child, "UNSUBSCRIBE a", "ok, unsubscribed from a")
    run(child, "SET a 2", "ok, version 2")
    assert leave(child) == 0
    assert child.screen.text.count("[event]") == 1


def test_the_event_of_a_write_stands_between_its_answer_and_the_prompt(terminal: Terminal) -> None:
    child = terminal()
    run(child, "SUBSCRIBE a", "ok, subscribed to a")
    for number in range(1, 21):
        child.send(f"SET a {number}\r")
        child.expect_exact(f"ok, version {number}")
        child.expect_exact("[event] set a: ")
        assert PROMPT not in child.before
        child.expect_exact(PROMPT)
    assert leave(child) == 0


def test_ctrl_c_gives_up_the_line_and_not_the_terminal(terminal: Terminal) -> None:
    child = terminal()
    write(child, "SET a 1")
    child.send(CTRL_C)
    child.expect_exact(PROMPT)
    run(child, "GET a", "nil")
    assert leave(child) == 0


def test_ctrl_c_during_a_command_gives_it_up_and_not_the_terminal(terminal: Terminal, tmp_path: Path) -> None:
    child = terminal("-m", "tests.cli.terminal_driver", str(tmp_path / "trigger"))
    child.send("CHECKPOINT\r")
    child.expect_exact("checkpointing")
    run(child, CTRL_C, "error: interrupted: a write in flight may have taken effect")
    run(child, "GET user", "nil")
    assert leave(child) == 0


def test_ctrl_d_behind_text_does_not_leave(terminal: Terminal) -> None:
    child = terminal()
    child.send("SET a 1" + CTRL_D)
    run(child, "", "ok, version 1")
    assert leave(child) == 0


def test_alt_enter_goes_on_in_the_next_line(terminal: Terminal) -> None:
    child = terminal()
    child.send('SET a {"x":' + ALT_ENTER)
    child.expect_exact("...>")
    run(child, "1}", "ok, version 1")
    run(child, "GET a", 'Document { value: {"x":1}, version: 1 }')
    assert leave(child) == 0


def test_an_object_that_is_open_goes_on_in_the_next_line(terminal: Terminal) -> None:
    child = terminal()
    for line in ("SET a {", '"x": [1,'):
        child.send(line + "\r")
        child.expect_exact("...>")
    child.send("2]}\r")
    child.expect_exact("ok, version 1")
    run(child, "GET a", 'Document { value: {"x":[1,2]}, version: 1 }')
    child.send("SET a {\r")
    child.expect_exact("...>")
    run(child, "", "error: column 8: this is not valid JSON (unexpected end of data)")
    assert leave(child) == 0


def test_pasted_lines_run_each(terminal: Terminal) -> None:
    child = terminal()
    child.send('\x1b[200~SET a {\n  "x": 1\n}\nSET b 2\n# done\nGET a\x1b[201~\r')
    child.expect_exact('Document { value: {"x":1}, version: 1 }')
    run(child, "GET b", "Document { value: 2, version: 1 }")
    assert leave(child) == 0


def test_the_terminal_goes_on_after_its_window_changed_size(terminal: Terminal) -> None:
    child = terminal()
    child.send('SET a "')
    child.setwinsize(10, 30)
    child.send("x" * 60 + '"')
    child.setwinsize(50, 200)
    run(child, "", "ok, version 1")
    run(child, "GET a", "x" * 60)
    assert leave(child) == 0


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colours_where_they_are_not_wanted(terminal: Terminal, environment: dict[str, str]) -> None:
    child = terminal(**environment)
    run(child, "SUBSCRIBE a", "ok, subscribed to a")
    child.send("SET a 1\r")
    child.expect_exact("[event] set a: nil -> 1, version 1")
    run(child, "SET a", "error: column 6")
    assert leave(child, "exit\r") == 0  # a dumb terminal shows its prompt before it takes Ctrl-D for what it is
    assert COLOUR.search(child.screen.text) is None


def test_errors_and_events_are_coloured_in_a_terminal(terminal: Terminal) -> None:
    child = terminal()
    run(child, "SUBSCRIBE a", "ok, subscribed to a")
    child.send("SET a 1\r")
    child.expect_exact("\x1b[36m[event] set a: nil -> 1, version 1\x1b[0m")
    run(child, "SET a", "\x1b[31merror: column 6")
    assert leave(child) == 0


def test_what_is_stored_cannot_steer_the_terminal(terminal: Terminal) -> None:
    child = terminal()
    run(child, 'SET "k\\u001b[2J" "\\u009b2J\\u202e"', "ok, version 1")
    run(child, 'GET "k\\u001b[2J"', 'Document { value: "\\u009b2J\\u202e", version: 1 }')
    assert leave(child) == 0
    assert "\x9b" not in child.screen.text
    assert "\u202e" not in child.screen.text


def test_a_folder_that_is_open_elsewhere_is_told_with_the_pid(terminal: Terminal, tmp_path: Path) -> None:
    owner = terminal()
    command = [sys.executable, "-m", "fluxdb", "--data-dir", str(tmp_path / "data")]
    words, status = pexpect.run(
        " ".join(command),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        withexitstatus=True,
        encoding="utf-8",
        timeout=60,
    )
    assert status == 5
    assert f"is open in process {owner.pid}" in words
    assert "Traceback" not in words
    assert leave(owner) == 0
