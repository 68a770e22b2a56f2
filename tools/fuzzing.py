"""The search itself, in an environment with atheris: python -m tools.fuzzing FOLDER [OPTIONS OF libFuzzer]

FOLDER/corpus is where it goes on from; FOLDER/findings holds the inputs that were answered wrongly, or not at all.
"""

from __future__ import annotations

import importlib
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.support.wire_judge import Judge, memory_folder
from tests.support.wire_seeds import seeds, words

atheris: Any = importlib.import_module("atheris")  # has no types

SEED_BYTES = 2  # of an input: they decide about the pieces
INPUT_BYTES_MAX = 8_192
PREFIX = "fluxdb-fuzz-"


def main(folder: Path, options: list[str]) -> None:
    """Never returns: libFuzzer ends the process."""
    corpus, findings, dictionary = folder / "corpus", folder / "findings", folder / "words"
    corpus.mkdir(parents=True, exist_ok=True)
    findings.mkdir(exist_ok=True)
    for number, stream in enumerate(seeds()):
        (corpus / f"seed-{number:03}").write_bytes(number.to_bytes(SEED_BYTES, "little") + stream)
    dictionary.write_text("".join(f'"{quoted(word)}"\n' for word in words()))
    for left_over in Path(memory_folder() or tempfile.gettempdir()).glob(f"{PREFIX}*"):
        shutil.rmtree(left_over)  # libFuzzer ends a process without asking it
    judge = Judge(PREFIX)

    def check(data: bytes) -> None:
        judge.check(data[SEED_BYTES:], int.from_bytes(data[:SEED_BYTES], "little"))

    own = [f"-dict={dictionary}", f"-artifact_prefix={findings}/", f"-max_len={INPUT_BYTES_MAX}", "-timeout=60"]
    one = any(Path(option).is_file() for option in options)
    atheris.Setup([sys.argv[0], *own, *options, *([] if one else [str(corpus)])], check)
    atheris.Fuzz()


def quoted(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
