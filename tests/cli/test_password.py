"""The password that a file or the environment holds, as every program reads it."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import click
import pytest

from fluxdb.cli.password import PASSWORD_BYTES_MAX, PASSWORD_VARIABLE, read_password
from tests.net.wire import Process, Wire, clean_environment, run_program


def of_file(folder: Path, data: bytes) -> str | None:
    file = folder / "password"
    file.write_bytes(data)
    file.chmod(0o600)
    return read_password(file)


@pytest.mark.parametrize(
    ("data", "password"),
    [
        (b"secret", "secret"),
        (b"secret\n", "secret"),
        (b"secret\r\n", "secret"),
        (b"\xef\xbb\xbfsecret\r\n", "secret"),
        (b" sec\tret \n", " sec\tret "),
        (b"a\rb\n", "a\rb"),
        (b"a\x0bb\xe2\x80\xa8c\n", "a\x0bb\u2028c"),
        ("p\u00e4ssw\u00f6rd".encode(), "p\u00e4ssw\u00f6rd"),
    ],
)
def test_what_an_editor_adds_to_a_file_is_no_part_of_the_password(tmp_path: Path, data: bytes, password: str) -> None:
    assert of_file(tmp_path, data) == password


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "must hold one line"),
        (b"\n", "must hold one line"),
        (b"\xef\xbb\xbf\n", "must hold one line"),
        (b"one\ntwo\n", "must hold one line"),
        (b"one\n\n", "must hold one line"),
        (b"\xff\xfes\0e\0", "not valid UTF-8"),
        (b"x" * (PASSWORD_BYTES_MAX + 1), "too long"),
    ],
)
def test_a_file_that_is_not_one_line_of_text_is_rejected_by_name(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(click.UsageError) as caught:
        of_file(tmp_path, data)
    assert str(tmp_path / "password") in caught.value.message
    assert words in caught.value.message


@pytest.mark.parametrize("name", ["none", "."])
def test_a_file_that_can_not_be_read_is_rejected_with_the_reason(tmp_path: Path, name: str) -> None:
    with pytest.raises(click.UsageError, match=r"--password-file .*: (No such file|Is a directory)"):
        read_password(tmp_path / name)


def test_a_line_break_in_the_variable_is_rejected_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("secret\n", "secret\r\n", "a\nb", "\n"):
        monkeypatch.setenv(PASSWORD_VARIABLE, value)
        with pytest.raises(click.UsageError, match=r"FLUXDB_PASSWORD holds a line break.*printf") as caught:
            read_password(None)
        assert "secret" not in caught.value.message


def test_an_empty_variable_is_no_password_and_a_file_goes_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(PASSWORD_VARIABLE, raising=False)
    assert read_password(None) is None
    monkeypatch.setenv(PASSWORD_VARIABLE, "")
    assert read_password(None) is None
    monkeypatch.setenv(PASSWORD_VARIABLE, "other\n")
    assert of_file(tmp_path, b"secret\n") == "secret"


def test_of_stdin_the_first_line_is_taken_and_the_rest_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = SimpleNamespace(buffer=io.BytesIO(b"secret\nget a\n"))
    monkeypatch.setattr("sys.stdin", stdin)
    assert read_password(Path("-")) == "secret"
    assert stdin.buffer.read() == b"get a\n"


@pytest.mark.parametrize("data", [b"\xef\xbb\xbfs\xc3\xa4cret\r\n", b"a\rb\n"])
def test_server_and_client_take_the_same_password_from_the_same_file(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "password"
    file.write_bytes(data)
    file.chmod(0o600)
    arguments = ("--port", "0", "--data-dir", str(tmp_path / "data"), "--password-file", str(file))
    with Process(*arguments) as server:
        client = [sys.executable, "-m", "fluxdb.cli.client.main", "--addr", f"127.0.0.1:{server.port}"]
        done = subprocess.run(
            [*client, "--password-file", str(file), "ping"], env=clean_environment(), capture_output=True, timeout=30
        )
        assert done.returncode == 0, done.stderr
        with Wire(server.port) as wire:
            assert wire.ask({"kind": "auth", "password": read_password(file)}) == [{"kind": "ok"}]
        assert server.stop() == (0, "")


def test_an_empty_variable_is_warned_about_by_the_server(tmp_path: Path) -> None:
    arguments = ("--port", "0", "--data-dir", str(tmp_path / "data"))
    with Process(*arguments, environment={PASSWORD_VARIABLE: ""}) as server:
        code, errors = server.stop()
    assert (code, errors.count("\n")) == (0, 1)
    assert "FLUXDB_PASSWORD is set and empty: the server asks for no password" in errors
    code, _, errors = run_program(*arguments, environment={PASSWORD_VARIABLE: "secret\n"})
    assert (code, "FLUXDB_PASSWORD holds a line break" in errors, "secret" in errors) == (2, True, False)


def test_a_file_that_others_can_read_is_warned_about_by_the_server(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("secret\n")
    file.chmod(0o644)
    arguments = ("--port", "0", "--data-dir", str(tmp_path / "data"), "--password-file", str(file), "--log-json")
    with Process(*arguments) as server:
        _, errors = server.stop()
    assert (
        f'"message":"--password-file {file}: users other than its owner may read or change this file (chmod 600)"'
        in errors
    )
