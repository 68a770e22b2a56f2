"""``fluxdb exec``, and what holds for every command of the program."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from fluxdb import __version__
from fluxdb.cli.client.main import main as client
from fluxdb.cli.fluxdb.main import main
from tests.cli.conftest import PATIENCE_SECONDS, Program, environment


def test_commands_run_and_the_data_is_there_the_next_time(fluxdb: Program, tmp_path: Path) -> None:
    assert fluxdb("exec", 'SET user {"name": "vaibhav", "age": 21}', "get user") == (
        0,
        'ok, version 1\nDocument { value: {"name":"vaibhav","age":21}, version: 1 }\n',
        "",
    )
    assert (tmp_path / "fluxdb-data").is_dir()
    assert fluxdb("exec", "GET user").out == 'Document { value: {"name":"vaibhav","age":21}, version: 1 }\n'
    assert fluxdb("exec", "GET nobody") == (0, "nil\n", "")


def test_json_prints_each_answer_as_a_server_replies(fluxdb: Program) -> None:
    commands = [
        "SUBSCRIBE k",
        'SET k {"a": 1}',
        "GET k",
        "GET x",
        "DEL x",
        "UNSUBSCRIBE k",
        "CHECKPOINT",
        "INFO",
        "HELP",
    ]
    code, out, err = fluxdb("exec", "--json", *commands, "SET --if-version 7 k 2", "SET k 3")
    assert (code, err) == (1, "")
    replies = [json.loads(line) for line in out.splitlines()]
    event = {"key": "k", "old": None, "new": {"a": 1}, "version": 1, "op": "set", "revision": 1}
    assert replies[:7] == [
        {"kind": "subscribed", "key": "k"},
        {"kind": "ok", "version": 1, "revision": 1},
        {"kind": "event", "event": event},
        {"kind": "value", "doc": {"value": {"a": 1}, "version": 1}},
        {"kind": "value", "doc": None},
        {"kind": "ok", "deleted": False},
        {"kind": "ok", "unsubscribed": True},
    ]
    assert replies[7] == {"kind": "ok", "revision": 1}
    assert replies[8]["info"]["keys"] == 1
    assert replies[9]["kind"] == "help"
    assert (replies[10]["kind"], replies[10]["code"], replies[10]["actual"]) == ("error", "version_conflict", 1)
    assert len(replies) == 11


def test_a_value_alone_goes_through_a_pipe(fluxdb: Program) -> None:
    assert fluxdb("exec", 'SET k {"a": [1, "é"]}', "GET --value k").out == 'ok, version 1\n{"a":[1,"é"]}\n'
    assert fluxdb("exec", "GET --value x") == (1, "", "error: no such key: x\n")


def test_the_folder_comes_from_the_option_or_else_the_environment_or_else_is_the_default(
    fluxdb: Program, tmp_path: Path
) -> None:
    fluxdb("exec", "SET k 1")
    fluxdb("exec", "SET k 2", FLUXDB_DATA_DIR="b")
    fluxdb("--data-dir", "c", "exec", "SET k 3", FLUXDB_DATA_DIR="b")
    fluxdb("--data-dir", "c", "exec", "--data-dir", "d", "SET k 4")
    for folder, value in (("fluxdb-data", 1), ("b", 2), ("c", 3), ("d", 4)):
        assert fluxdb("--data-dir", folder, "exec", "GET k").out == f"Document {{ value: {value}, version: 1 }}\n"


def test_what_the_database_refuses_is_code_1_and_ends_the_run(fluxdb: Program) -> None:
    ended = fluxdb("exec", "SET k 1", "SET --if-version 7 k 2", "SET k 3")
    assert ended == (1, "ok, version 1\n", "error: command 2: version conflict: expected 7, key 'k' is at 1\n")
    assert fluxdb("exec", "GET k").out == "Document { value: 1, version: 1 }\n"


@pytest.mark.parametrize(
    "command",
    ["SET k 123456789012345678901", "SET k 1e999", 'GET ""', f"SET {'k' * 1025} 1", f"SET k {'[' * 129}{']' * 129}"],
)
def test_g12_what_could_not_be_given_back_exactly_is_refused_in_one_line(fluxdb: Program, command: str) -> None:
    code, out, err = fluxdb("exec", command)
    assert code in (1, 2)
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_g12_numbers_come_back_as_they_were_written(fluxdb: Program) -> None:
    text = "[1.0,1e2,-0,18446744073709551615,-9223372036854775808,0.1]"
    assert fluxdb("exec", f"SET k {text}", "GET k").out.endswith(f"Document {{ value: {text}, version: 1 }}\n")


def test_a_command_that_cannot_be_read_is_code_2_and_none_runs(fluxdb: Program, tmp_path: Path) -> None:
    code, out, err = fluxdb("exec", "SET k 1", "SET k")
    assert (code, out) == (2, "")
    assert (
        err
        == 'error: command 2: column 6: expected JSON after the key, for example: SET user {"name": "v", "age": 21}\n'
    )
    assert not (tmp_path / "fluxdb-data").exists()


def test_a_command_in_several_arguments_is_told_how_it_is_meant(fluxdb: Program) -> None:
    code, out, err = fluxdb("exec", "SET", "k", '"v"')
    assert (code, out) == (2, "")
    assert err.endswith("each command is one argument: fluxdb exec 'SET k \"v\"'\n")


def test_a_command_of_the_terminal_is_told_how_it_is_run() -> None:
    result = CliRunner().invoke(main, ["set", "k", "1"])
    assert result.exit_code == 2
    assert "No such command 'set'. Did you mean fluxdb exec 'set k 1'?" in result.stderr


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("serve", "That is fluxdb-server"),
        ("shell", "fluxdb-client shell"),
        ("bench", "fluxdb-bench"),
        ("chekc", "Did you mean check?"),
        ("127.0.0.1:7000", "fluxdb-client --addr 127.0.0.1:7000 shell"),
        ("fluxdb://h", "fluxdb-client --addr fluxdb://h shell"),
        ("mydata", "fluxdb ./mydata"),
        ("get user", "fluxdb exec 'get user'"),
    ],
)
def test_a_word_that_is_no_command_is_answered_by_what_is_meant(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, word: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, [word])
    assert result.exit_code == 2
    assert told in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_path_is_the_folder_to_open(fluxdb: Program, tmp_path: Path) -> None:
    assert fluxdb("./a", stdin=b"SET k 1\n") == (0, "ok, version 1\n", "")
    assert fluxdb("a", stdin=b"GET --value k\n").out == "1\n"
    assert fluxdb(tmp_path / "a", "exec", "GET --value k").out == "1\n"
    assert fluxdb("--data-dir", "b", "a").code == 2
    assert not (tmp_path / "fluxdb-data").exists()
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("program", [main, client], ids=["fluxdb", "fluxdb-client"])
def test_the_list_of_commands_cuts_no_sentence(program: click.Group) -> None:
    assert "..." not in CliRunner().invoke(program, ["--help"]).stdout.partition("Commands:")[2]


def test_an_argument_that_is_not_utf8_is_refused_in_one_line(fluxdb: Program) -> None:
    assert fluxdb("exec", b'SET k "\xff"') == (2, "", "error: column 8: this is not valid UTF-8\n")


@pytest.mark.parametrize(
    "arguments", [["exec"], ["--nonsense"], ["nonsense"], ["exec", "--data-dir"], ["info"], ["info", "fluxdb://h:1"]]
)
def test_wrong_usage_is_code_2(arguments: list[str]) -> None:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "Error: " in result.stderr
    assert result.stdout == ""


def test_version_and_help_are_data() -> None:
    assert CliRunner().invoke(main, ["--version"]).stdout == f"fluxdb {__version__}\n"
    text = CliRunner().invoke(main, ["--help"]).stdout
    for word in ("--data-dir", "FLUXDB_DATA_DIR", "exec", "check", "repair", "dump", "load", "info"):
        assert word in text


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["exec", "SET k 1"]], ids=" ".join)
def test_output_that_can_not_be_written_is_told_in_one_line_that_names_stdout(
    tmp_path: Path, arguments: list[str]
) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "fluxdb", *arguments],
            cwd=tmp_path,
            env=environment(tmp_path),
            timeout=PATIENCE_SECONDS,
            check=False,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert (done.returncode, done.stderr) == (5, "error: stdout: No space left on device\n")


@pytest.mark.parametrize("folder", ["file", "file/data", "/proc/data"])
def test_a_folder_that_cannot_be_one_is_told_in_one_line(fluxdb: Program, tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").write_text("")
    code, out, err = fluxdb("--data-dir", folder, "exec", "GET k")
    assert (code, out) == (5, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_g10_a_folder_that_another_process_has_open_is_code_5_with_its_pid(fluxdb: Program, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fluxdb"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path, env=environment(tmp_path)
    ) as owner:
        assert owner.stdin is not None
        assert owner.stdout is not None
        owner.stdin.write(b"SET k 1\n")
        owner.stdin.flush()
        assert owner.stdout.readline() == b"ok, version 1\n"
        code, out, err = fluxdb("exec", "GET k")
        assert (code, out) == (5, "")
        assert f"is open in process {owner.pid}" in err
        owner.communicate(b"GET k\n", timeout=PATIENCE_SECONDS)
    assert owner.returncode == 0


def test_no_locale_changes_the_data(fluxdb: Program) -> None:
    fluxdb("exec", 'SET k "é漢"', PYTHONUTF8="1")
    for variables in ({"LC_ALL": "C"}, {"PYTHONIOENCODING": "latin-1"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}):
        assert fluxdb("exec", "GET k", **variables).out == 'Document { value: "é漢", version: 1 }\n'


def test_no_colours_off_a_terminal(fluxdb: Program) -> None:
    ended = fluxdb("exec", "SUBSCRIBE k", "SET k 1", "SET --if-version 7 k 2", TERM="xterm-256color")
    assert "[event] set k: nil -> 1, version 1\n" in ended.out
    assert "\x1b" not in ended.out + ended.err


def test_streams_that_are_closed_do_not_lend_their_numbers_to_the_log(tmp_path: Path) -> None:
    script = f"{sys.executable} -m fluxdb exec 'SET k 1' <&- >&- 2>&-"
    done = subprocess.run(
        script, shell=True, cwd=tmp_path, env=environment(tmp_path), timeout=PATIENCE_SECONDS, check=False
    )
    assert done.returncode == 0
    done = subprocess.run(
        script.replace("SET k 1' <&- >&- 2>&-", "GET k'"),
        shell=True,
        cwd=tmp_path,
        env=environment(tmp_path),
        timeout=PATIENCE_SECONDS,
        check=False,
        capture_output=True,
    )
    assert done.stdout == b"Document { value: 1, version: 1 }\n"


def test_an_unexpected_error_is_one_line_without_a_traceback(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(*arguments: object) -> None:
        raise ZeroDivisionError("of no kind that we know\nand of two lines")

    monkeypatch.setattr("fluxdb.cli.fluxdb.run.open_folder", fail)
    result = CliRunner().invoke(main, ["--data-dir", str(tmp_path / "data"), "exec", "GET k"])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("error: unexpected ZeroDivisionError: of no kind that we know\\x0aand of two lines")
    assert result.stderr.count("\n") == 1


def test_exec_imports_no_line_editor(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from fluxdb.cli.fluxdb.main import main\n"
        "main(['exec', 'SET k 1'], standalone_mode=False)\n"
        "assert 'fluxdb.engine.local.engine' in sys.modules\n"
        "print([name for name in sys.modules if name.startswith('prompt_toolkit')])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environment(tmp_path),
        timeout=PATIENCE_SECONDS,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "ok, version 1\n[]\n", done.stderr
