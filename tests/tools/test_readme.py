"""The examples of README.md do what it shows."""

from __future__ import annotations

import concurrent.futures
import re
import shlex
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import fluxdb
from tests.conftest import NEEDS_WEB_FRAMEWORK
from tests.net.wire import Process, clean_environment, until

README = (Path(__file__).resolve().parent.parent.parent / "README.md").read_text("utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
PROGRAMS = [example for example in EXAMPLES if not example.startswith("# app.py")]
WORKER_COMMANDS = re.findall(r"^\$ ((?:uvicorn|gunicorn) [^#\n]*)", README, re.MULTILINE)
VISITS = 40


def test_there_is_an_example_for_threads_one_for_asyncio_and_one_for_workers() -> None:
    assert (len(PROGRAMS), len(EXAMPLES)) == (2, 3)


@pytest.mark.parametrize("example", PROGRAMS, ids=["threads", "asyncio"])
def test_an_example_prints_what_its_comments_say_the_first_time_and_the_second(example: str, tmp_path: Path) -> None:
    program = tmp_path / "example.py"
    program.write_text(example, "utf-8")
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-W", "error", str(program)], cwd=tmp_path, capture_output=True, text=True, timeout=30
        )
        assert done.stderr == ""
        assert done.stdout.splitlines() == re.findall(r"print\(.*\) +# (.*)", example)


def test_the_examples_and_the_programs_work_on_one_folder() -> None:
    assert {name for example in PROGRAMS for name in re.findall(r'open\("([^"]*)"\)', example)} == {"fluxdb-data"}
    assert "--data-dir data" not in README


def test_no_link_is_relative_to_a_checkout_that_a_reader_of_the_package_does_not_have() -> None:
    targets = re.findall(r"\]\(([^)]*)\)", README)
    assert [target for target in targets if not target.startswith(("https://", "#"))] == []


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def post(url: str) -> bytes:
    with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=60) as reply:
        body: bytes = reply.read()
        return body


def answers(url: str) -> bool:
    try:
        post(url)
    except urllib.error.URLError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.parametrize("command", WORKER_COMMANDS, ids=[command.split()[0] for command in WORKER_COMMANDS])
def test_several_workers_share_a_server_as_the_recipe_says(command: str, tmp_path: Path) -> None:
    program, *arguments = shlex.split(command)
    for package in ("fastapi", "uvicorn", *(["gunicorn", "uvicorn_worker"] if program == "gunicorn" else [])):
        pytest.importorskip(package, reason=NEEDS_WEB_FRAMEWORK)
    (recipe,) = (example for example in EXAMPLES if example not in PROGRAMS)
    (tmp_path / "app.py").write_text(recipe)
    port = free_port()
    place = ["--port", str(port)] if program == "uvicorn" else ["--bind", f"127.0.0.1:{port}"]
    with Process("--port", "0", "--data-dir", str(tmp_path / "fluxdb-data")) as server:
        url = f"fluxdb://127.0.0.1:{server.port}"
        workers = subprocess.Popen(
            [sys.executable, "-m", program, *arguments, *place],
            cwd=tmp_path,
            env=clean_environment() | {"DATABASE_URL": url},
            stderr=subprocess.PIPE,
        )
        try:
            until(lambda: answers(f"http://127.0.0.1:{port}/visits/first"))
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                list(pool.map(post, [f"http://127.0.0.1:{port}/visits/home"] * VISITS))
            with fluxdb.open(url) as db:
                document = db.get("home")
        finally:
            workers.send_signal(signal.SIGTERM)
            _, errors = workers.communicate(timeout=60)
        assert document is not None
        assert (document.value, document.version) == (VISITS, VISITS), errors.decode()
        assert b"Traceback" not in errors
