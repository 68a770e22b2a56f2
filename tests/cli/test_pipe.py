"""``fluxdb`` fed by a pipe: each line runs, and a script can tell how it went."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.cli.conftest import PATIENCE_SECONDS, Program, environment


def start(tmp_path: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "fluxdb", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env=environment(tmp_path),
    )


def test_each_line_runs_and_words_stay_out_of_the_data(fluxdb: Program) -> None:
    script = b'# a script\n\nset a {"x": 1}\npatch a {"y": 2}\nget a\ndel a\nget a\nexit\nset b 1\n'
    assert fluxdb(stdin=script) == (
        0,
        'ok, version 1\nok, version 2\nDocument { value: {"x":1,"y":2}, version: 2 }\nok, version 3\nnil\n',
        "",
    )


def test_a_line_that_fails_is_told_with_its_number_and_the_next_ones_run(fluxdb: Program) -> None:
    code, out, err = fluxdb(stdin=b"SET a 1\nSET a\nSET --if-version 9 a 2\nGET a\n")
    assert code == 1
    assert out == "ok, version 1\nDocument { value: 1, version: 1 }\n"
    assert err.splitlines() == [
        'error: line 2: column 6: expected JSON after the key, for example: SET user {"name": "v", "age": 21}',
        "error: line 3: version conflict: expected 9, key 'a' is at 1",
    ]


def test_lines_that_are_no_commands_are_code_2(fluxdb: Program) -> None:
    assert fluxdb(stdin=b"FOO\n").code == 2


def test_a_byte_order_mark_is_no_part_of_the_first_line(fluxdb: Program) -> None:
    assert fluxdb(stdin=b"\xef\xbb\xbfSET a 1\n") == (0, "ok, version 1\n", "")
    code, out, err = fluxdb(stdin="SET a 1\nSET b 1\n".encode("utf-16"))
    assert (code, out) == (2, "")
    assert "UTF-16" in err
    assert err.count("\n") == 1


def test_nothing_and_a_last_line_without_its_end_are_fine(fluxdb: Program) -> None:
    assert fluxdb(stdin=b"") == (0, "", "")
    assert fluxdb(stdin=b"SET a 1") == (0, "ok, version 1\n", "")


def test_events_come_in_step(fluxdb: Program) -> None:
    lines = [b"SUBSCRIBE a", *(b"SET a %d" % i for i in range(200)), b"UNSUBSCRIBE a", b"SET a 1"]
    out = fluxdb(stdin=b"\n".join(lines)).out.splitlines()
    expected = ["ok, subscribed to a"]
    for i in range(200):
        before = "nil" if i == 0 else i - 1
        expected += [f"ok, version {i + 1}", f"[event] set a: {before} -> {i}, version {i + 1}"]
    assert out == [*expected, "ok, unsubscribed from a", "ok, version 201"]


def test_a_document_of_a_megabyte_goes_through_and_back(fluxdb: Program) -> None:
    text = '"' + "é" * 500_000 + '"'
    out = fluxdb(stdin=f"SET big {text}\nGET big\n".encode()).out
    assert out == f"ok, version 1\nDocument {{ value: {text}, version: 1 }}\n"


def test_each_answer_comes_before_the_next_line_is_asked_for(tmp_path: Path) -> None:
    with start(tmp_path) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        for version in range(1, 4):
            child.stdin.write(b"SET a 1\n")
            child.stdin.flush()
            assert child.stdout.readline() == b"ok, version %d\n" % version
        child.communicate(timeout=PATIENCE_SECONDS)
    assert child.returncode == 0


def test_a_reader_that_goes_away_ends_it_without_a_word(tmp_path: Path) -> None:
    with start(tmp_path) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        child.stdin.write(b"HELP\n" * 5)
        child.stdin.close()
        assert child.stderr.read() == b""
        assert child.wait(PATIENCE_SECONDS) == 141


def test_ctrl_c_is_code_130_and_what_was_acknowledged_is_kept(fluxdb: Program, tmp_path: Path) -> None:
    with start(tmp_path) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdin.write(b"SET a 1\n")
        child.stdin.flush()
        assert child.stdout.readline() == b"ok, version 1\n"
        child.send_signal(signal.SIGINT)
        assert child.wait(PATIENCE_SECONDS) == 130
        assert b"Traceback" not in child.stderr.read()
    assert fluxdb("exec", "GET a").out == "Document { value: 1, version: 1 }\n"


def test_g2_what_was_acknowledged_outlives_kill_9(fluxdb: Program, tmp_path: Path) -> None:
    with start(tmp_path) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(b"SET a 1\nPATCH a 2\n")
        child.stdin.flush()
        assert [child.stdout.readline() for _ in range(2)] == [b"ok, version 1\n", b"ok, version 2\n"]
        os.kill(child.pid, signal.SIGKILL)
    assert fluxdb("exec", "GET a").out == "Document { value: 2, version: 2 }\n"
