"""check, repair, dump, load, info, backup: on a folder that nobody has open."""

from __future__ import annotations

import io
import json
import re
import stat
import sys
from pathlib import Path

import pexpect  # type: ignore[import-untyped]
import pytest

from fluxdb import Limits
from fluxdb import open as open_database
from fluxdb.cli import progress
from fluxdb.cli.progress import progress_bar
from tests.cli.conftest import PATIENCE_SECONDS, Ended, Program, environment

LOG = "log-0000000000000001"
SCRIPT = b'SET a {"x": 1}\nSET "b\\nb" null\nSET gone 1\nDELETE gone\nPATCH a {"y": "\\u009b"}\n'


@pytest.fixture
def data(fluxdb: Program, tmp_path: Path) -> Path:
    """A database of two documents and one tombstone, at revision 5."""
    assert fluxdb("--data-dir", "data", stdin=SCRIPT).code == 0
    return tmp_path / "data"


def damage(data: Path) -> None:
    """Change a byte of the third group: groups begin behind the header, one a write here, one a sector."""
    log = bytearray((data / LOG).read_bytes())
    log[4096 + 2 * 512 + 80] ^= 0xFF
    (data / LOG).write_bytes(log)


def digest(fluxdb: Program, folder: str) -> str:
    return str(json.loads(fluxdb("info", "--json", folder).out)["digest"])


def one_error(ended: Ended) -> str:
    assert ended.out == ""
    assert ended.err.startswith("error: ")
    assert ended.err.count("\n") == 1
    return ended.err


def test_info_shows_the_state_and_its_digest(fluxdb: Program, data: Path) -> None:
    code, out, err = fluxdb("info", "data")
    assert (code, err) == (0, "")
    rows = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert (rows["keys"], rows["tombstones"], rows["revision"], rows["path"]) == ("2", "1", "5", str(data))
    assert rows["digest"] == digest(fluxdb, "data")


def test_g6_the_digest_stays_the_same_over_a_checkpoint_and_a_copy(fluxdb: Program, data: Path) -> None:
    before = digest(fluxdb, "data")
    fluxdb("--data-dir", "data", "exec", "CHECKPOINT")
    assert digest(fluxdb, "data") == before


def test_dump_is_json_lines_and_load_gives_the_same_state_back(fluxdb: Program, data: Path) -> None:
    code, out, err = fluxdb("dump", "data")
    assert (code, err) == (0, "dumped 2 documents and 1 deleted key at revision 5\n")
    lines = [json.loads(line) for line in out.splitlines()]
    documents = {line["key"]: (line["value"], line["version"]) for line in lines if "value" in line}
    assert documents == {"a": ({"x": 1, "y": "\x9b"}, 2), "b\nb": (None, 1)}
    loaded = fluxdb("load", "copy", "-", stdin=out.encode())
    assert loaded == (0, "", "loaded 2 documents and 1 deleted key at revision 5\n")
    assert digest(fluxdb, "copy") == digest(fluxdb, "data")
    assert fluxdb("dump", "copy").out == out
    assert fluxdb("--data-dir", "copy", "exec", "SET gone 2").out == "ok, version 3\n"


def test_dump_to_a_file_is_private_and_loads(fluxdb: Program, data: Path, tmp_path: Path) -> None:
    (tmp_path / "dump.jsonl").write_text("what was there before")
    ended = fluxdb("dump", "-o", "dump.jsonl", "data")
    assert (ended.code, ended.out) == (0, "")
    assert stat.S_IMODE((tmp_path / "dump.jsonl").stat().st_mode) == 0o600
    assert (tmp_path / "dump.jsonl").read_text() == fluxdb("dump", "data").out
    assert fluxdb("load", "copy", "dump.jsonl").code == 0
    assert digest(fluxdb, "copy") == digest(fluxdb, "data")


def test_a_dump_that_fails_leaves_the_file_as_it_was(fluxdb: Program, data: Path, tmp_path: Path) -> None:
    damage(data)
    (tmp_path / "dump.jsonl").write_text("what was there before")
    ended = fluxdb("dump", "-o", "dump.jsonl", "data")
    assert ended.code == 5
    assert LOG in one_error(ended)
    assert (tmp_path / "dump.jsonl").read_text() == "what was there before"
    assert list(tmp_path.glob("*.tmp")) == []


def test_a_file_that_cannot_be_written_is_told_in_one_line(fluxdb: Program, data: Path) -> None:
    ended = fluxdb("dump", "-o", "missing/dump.jsonl", "data")
    assert ended.code == 5
    assert one_error(ended).startswith("error: can't write missing/dump.jsonl: ")


def test_a_dump_removes_no_file_that_lies_beside_it(fluxdb: Program, data: Path, tmp_path: Path) -> None:
    (tmp_path / "dump.tmp").write_text("mine")
    assert fluxdb("dump", "-o", "dump", "data").code == 0
    assert (tmp_path / "dump.tmp").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "dump", "dump.tmp"]


def test_a_dump_loads_whatever_limits_it_was_stored_with(fluxdb: Program, tmp_path: Path) -> None:
    wide = Limits(key_bytes_max=5_000, depth_max=300)
    with open_database(tmp_path / "wide", limits=wide) as db:
        db.set("k" * 4_000, 1)
        db.handle.set("deep", b"[" * 300 + b"]" * 300)
    assert fluxdb("load", "copy", "-", stdin=fluxdb("dump", "wide").out.encode()).code == 0
    assert digest(fluxdb, "copy") == digest(fluxdb, "wide")


def test_lines_of_key_and_value_load_with_a_warning(fluxdb: Program, tmp_path: Path) -> None:
    (tmp_path / "plain.jsonl").write_text('{"key":"a","value":1}\n{"key":"b","value":[1.0]}\n')
    code, out, err = fluxdb("load", "new", "plain.jsonl")
    assert (code, out) == (0, "")
    assert "loaded 2 documents and 0 deleted keys" in err
    assert "can't be checked for completeness" in err
    assert fluxdb("--data-dir", "new", "exec", "GET b").out == "Document { value: [1.0], version: 1 }\n"


@pytest.mark.parametrize(
    "content", ["", "no json\n", '{"key":"a"}\n', '{"key":"","value":1}\n', '{"key":"a","value":NaN}\n']
)
def test_what_is_no_dump_is_refused_and_leaves_no_folder(fluxdb: Program, tmp_path: Path, content: str) -> None:
    (tmp_path / "bad.jsonl").write_text(content)
    ended = fluxdb("load", "new", "bad.jsonl")
    assert ended.code == 1
    one_error(ended)
    assert not (tmp_path / "new").exists()


def test_a_dump_that_was_cut_short_is_refused(fluxdb: Program, data: Path, tmp_path: Path) -> None:
    out = fluxdb("dump", "data").out
    (tmp_path / "cut.jsonl").write_text("".join(out.splitlines(keepends=True)[:-1]))
    ended = fluxdb("load", "new", "cut.jsonl")
    assert ended.code == 1
    assert "truncated" in one_error(ended)


def test_load_goes_into_a_new_folder_only(fluxdb: Program, data: Path, tmp_path: Path) -> None:
    before = digest(fluxdb, "data")
    fluxdb("dump", "-o", "dump.jsonl", "data")
    ended = fluxdb("load", "data", "dump.jsonl")
    assert ended.code == 5
    assert "load into a new folder" in one_error(ended)
    assert digest(fluxdb, "data") == before
    assert fluxdb("load", "new", "missing.jsonl").code == 2


def test_check_of_a_whole_database_is_code_0(fluxdb: Program, data: Path) -> None:
    code, out, err = fluxdb("check", "data")
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == "ok: it opens, and nothing is damaged"
    assert f"digest {digest(fluxdb, 'data')}" in out


def test_g7_damage_is_told_by_file_and_byte_and_repair_tells_what_it_did(fluxdb: Program, data: Path) -> None:
    damage(data)
    before = (data / LOG).read_bytes()
    for arguments in (["--data-dir", "data", "exec", "GET a"], ["info", "data"], ["dump", "data"]):
        ended = fluxdb(*arguments)
        assert ended.code == 5
        assert f"{LOG} is damaged at byte {4096 + 2 * 512}" in one_error(ended)
    code, out, err = fluxdb("check", "data")
    assert (code, err) == (5, "")
    assert f"damage: {LOG}, byte {4096 + 2 * 512}: " in out
    assert "fluxdb repair data" in out.splitlines()[-1]
    assert (data / LOG).read_bytes() == before
    code, out, err = fluxdb("repair", "data")
    assert (code, err) == (0, "")
    assert [line.split(":")[0] for line in out.splitlines()] == ["damage", "done", "done", "lost", "repaired"]
    assert (data / f"{LOG}.broken").read_bytes() == before
    assert fluxdb("check", "data").code == 0
    assert fluxdb("--data-dir", "data", "exec", "GET a").out == 'Document { value: {"x":1}, version: 1 }\n'


def test_repair_changes_nothing_where_nothing_is_damaged(fluxdb: Program, data: Path) -> None:
    before = digest(fluxdb, "data")
    assert fluxdb("repair", "data") == (0, "nothing to repair: it opens\n", "")
    assert digest(fluxdb, "data") == before


@pytest.mark.parametrize(("answer", "code"), [("n\r", 1), ("y\r", 0), ("\x03", 130)])
def test_repair_asks_on_a_terminal(fluxdb: Program, data: Path, tmp_path: Path, answer: str, code: int) -> None:
    damage(data)
    before = (data / LOG).read_bytes()
    child = pexpect.spawn(
        sys.executable,
        ["-m", "fluxdb", "repair", "data"],
        cwd=str(tmp_path),
        env=environment(tmp_path),
        encoding="utf-8",
        timeout=PATIENCE_SECONDS,
    )
    child.expect_exact("Repair it?")
    child.send(answer)
    child.expect(pexpect.EOF)
    child.wait()
    assert child.exitstatus == code
    assert ((data / LOG).read_bytes() == before) == (code != 0)
    assert "Traceback" not in child.before


@pytest.mark.parametrize("command", ["check", "repair", "dump", "info"])
def test_a_folder_without_a_database_is_code_5_and_stays_as_it_is(
    fluxdb: Program, tmp_path: Path, command: str
) -> None:
    ended = fluxdb(command, "missing")
    assert ended.code == 5
    assert "there is no database" in one_error(ended)
    assert not (tmp_path / "missing").exists()
    (tmp_path / "empty").mkdir()
    ended = fluxdb(command, "empty")
    assert ended.code == 5
    assert "there is no database" in one_error(ended)
    assert [path.name for path in (tmp_path / "empty").iterdir() if path.name != "LOCK"] == []


@pytest.mark.parametrize("arguments", [["info"], ["dump"], ["check"], ["info", "--json"]])
def test_reading_changes_nothing_on_disk(fluxdb: Program, data: Path, arguments: list[str]) -> None:
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in data.iterdir()}
    assert fluxdb(*arguments, "data").code == 0
    assert {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in data.iterdir()} == before


def test_a_dump_to_a_terminal_cannot_steer_it_and_says_the_same(data: Path, tmp_path: Path) -> None:
    child = pexpect.spawn(
        sys.executable,
        ["-m", "fluxdb", "dump", "data"],
        cwd=str(tmp_path),
        env=environment(tmp_path),
        encoding="utf-8",
        timeout=PATIENCE_SECONDS,
        dimensions=(50, 500),
    )
    child.expect(pexpect.EOF)
    child.wait()
    assert child.exitstatus == 0
    assert '{"x":1,"y":"\\u009b"}' in child.before
    assert "\x9b" not in child.before


class FakeTerminal(io.StringIO):
    """A stderr that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_long_work_draws_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = FakeTerminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(progress, "DELAY_SECONDS", 0)
    with progress_bar("reading") as tell:
        assert tell is not None
        for done in range(0, 1001, 10):
            tell(done, 1000)
    assert "reading" in terminal.getvalue()
    assert "100%" in terminal.getvalue()


def test_a_bar_stays_in_one_line_of_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = FakeTerminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(progress, "DELAY_SECONDS", 0)
    monkeypatch.setenv("COLUMNS", "50")
    with progress_bar("reading") as tell:
        assert tell is not None
        for done in range(0, 1001, 10):
            tell(done, 1000)
    drawn = re.sub(r"\x1b\[[?0-9]*[A-Za-z]", "", terminal.getvalue())
    assert max(len(line.rstrip()) for line in re.split(r"[\r\n]", drawn)) <= 50


def test_short_work_and_work_of_unknown_length_draw_none(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = FakeTerminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(progress, "DELAY_SECONDS", 3600)
    with progress_bar("reading") as tell:
        assert tell is not None
        tell(1000, 1000)
    monkeypatch.setattr(progress, "DELAY_SECONDS", 0)
    with progress_bar("reading") as tell:
        assert tell is not None
        tell(0, 0)
    assert terminal.getvalue() == ""


def test_there_is_no_bar_off_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress_bar("reading") as tell:
        assert tell is None


def test_backup_makes_a_folder_that_holds_the_same(fluxdb: Program, data: Path) -> None:
    assert fluxdb("backup", "data", "backups/monday") == (
        0,
        "",
        "backed up to backups/monday at revision 5\n",
    )
    assert digest(fluxdb, "backups/monday") == digest(fluxdb, "data")
    assert fluxdb("check", "backups/monday").out.endswith("ok: it opens, and nothing is damaged\n")
    again = one_error(fluxdb("backup", "data", "backups/monday"))
    assert "is not empty" in again and "name a new or empty folder" in again


def test_backup_of_a_folder_that_a_process_has_open_names_it(fluxdb: Program, data: Path) -> None:
    with open_database(data):
        ended = fluxdb("backup", "data", "copy")
    assert ended.code == 5 and "process" in one_error(ended)
    assert not (data.parent / "copy").exists() and not (data.parent / "copy.part").exists()
