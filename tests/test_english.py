"""Plain English in every comment, docstring and page. One test per rule; each lists its offenders by file and line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.test_tidy import ROOT, TEXTS, relative

HASH_SUFFIXES = {".py", ".pyi", ".pyx", ".pxd", ".sh", ""}
SLASH_SUFFIXES = {".h", ".c", ".js", ".css"}
PAGES = {".md"}
RECORDS = {"CHANGELOG.md"}  # what was written at the time
HERE = Path(__file__).resolve()

# A string or a comment, whichever begins first: a hash inside a string begins no comment.
HASH_TOKEN = re.compile(
    r'(?P<doc>[rR]?"""(?:\\.|[^\\])*?""")|(?P<text>"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\')|(?P<comment>#[^\n]*)'
)
SLASH_TOKEN = re.compile(
    r'(?P<text>"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|`(?:\\.|[^`\\])*`)|(?P<comment>/\*.*?\*/|//[^\n]*)', re.DOTALL
)
QUOTED = re.compile(r"`[^`\n]*`|\"[^\"\n]*\"")


class Prose(NamedTuple):
    """A docstring, a run of comment lines, or a page, with the line on which it begins."""

    file: str
    line: int
    text: str


def prose_of(path: Path, text: str) -> Iterator[Prose]:
    name = relative(path)
    if name in RECORDS:
        return
    if path.suffix in PAGES:
        yield Prose(name, 1, re.sub(r"```.*?```", lambda block: "\n" * block[0].count("\n"), text, flags=re.DOTALL))
        return
    token = HASH_TOKEN if path.suffix in HASH_SUFFIXES else SLASH_TOKEN if path.suffix in SLASH_SUFFIXES else None
    if token is None:
        return
    run: list[str] = []
    begin = last = 0
    for match in token.finditer(text):
        if match.lastgroup == "text":
            continue
        line = text.count("\n", 0, match.start()) + 1
        if match.lastgroup == "comment" and run and line == last + 1 and is_whole_line(text, match.start()):
            run.append(match[0].lstrip("#/ "))
            last = line
            continue
        if run:
            yield Prose(name, begin, "\n".join(run))
        run, begin = [match[0].strip('rR"#/* \n')], line
        last = line if match.lastgroup == "comment" else -1
    if run:
        yield Prose(name, begin, "\n".join(run))


def is_whole_line(text: str, at: int) -> bool:
    return not text[text.rfind("\n", 0, at) + 1 : at].strip()


PROSE = [prose for path, text in TEXTS.items() if path != HERE for prose in prose_of(path, text)]


def offenders(pattern: str) -> list[str]:
    """Every place where the pattern occurs in prose, outside of quotes and code."""
    found = []
    rule = re.compile(pattern)
    for prose in PROSE:
        plain = QUOTED.sub(lambda quote: "." * len(quote[0]), prose.text)
        for match in rule.finditer(plain):
            line = prose.line + prose.text.count("\n", 0, match.start())
            found.append(f"{prose.file}:{line}: {match[0].strip()}")
    return found


PHRASES = {
    "whoever": r"(?i)\bwhoever\b|\bwhomever\b",
    "is told": r"(?i)\b(?:is|are|was|were|be|been) told\b",
    "anew": r"(?i)\banew\b",
    "of its own": r"(?i)\bof (?:its|their|his|your) own\b",
    "there is none": r"(?i)\bthere (?:is|are|was|were) none\b",
    "mend": r"(?i)\bmend(?:s|ed|ing)?\b",
    "as it came": r"(?i)\bas (?:it|they) came\b",
    "on its way": r"(?i)\bon (?:its|their) way\b(?! (?:in|out|to|from|through|back)\b)",
}
IN_MESSAGES = ("whoever", "anew", "mend", "there is none", "as it came")
RELATIVE = r"(?:\A|(?<=[.:;] )|(?<=\.\n))(?:Who|Whose|Whom|What|Where|Of)\b(?![^.;]*\?)"

# Names that went, each with the one that is used now: as words of identifiers, whatever their case.
GONE = {
    "begin_anew": "begin_again",
    "mend_log": "fix_log",
    "mend_snapshot": "fix_snapshot",
    "setting_words": "setting_help",
}


@pytest.mark.parametrize("phrase", PHRASES)
def test_a_phrase_that_reads_as_translated_does_not_occur(phrase: str) -> None:
    assert offenders(PHRASES[phrase]) == []


@pytest.mark.parametrize("phrase", IN_MESSAGES)
def test_no_message_uses_such_a_phrase_either(phrase: str) -> None:
    rule = re.compile(PHRASES[phrase])
    sources = [path for path in TEXTS if path.relative_to(ROOT).parts[0] == "fluxdb" and path.suffix in {".py", ".pyx"}]
    found = [
        f"{relative(path)}: {match[0]}"
        for path in sources
        for match in HASH_TOKEN.finditer(TEXTS[path])
        if match.lastgroup == "text" and rule.search(match[0])
    ]
    assert found == []


def test_no_sentence_begins_with_a_relative_clause() -> None:
    """The clause would stand where a reader looks for the subject: "Who waits is woken", "Of a key, the last ..."."""
    assert offenders(RELATIVE) == []


@pytest.mark.parametrize("name", GONE)
def test_a_name_that_went_does_not_come_back(name: str) -> None:
    rule = re.compile(rf"\b{name}\b")
    assert [relative(path) for path, text in TEXTS.items() if path != HERE and rule.search(text)] == [], GONE[name]


@pytest.mark.parametrize(
    "sentence",
    [
        "# Who waits is woken.\n",
        '"""Of a key, the last version."""\n',
        "# It waits. What comes is dropped.\n",
        '"""It ends.\nWhere it does not, it goes on."""\n',
    ],
)
def test_a_relative_clause_is_noticed(sentence: str) -> None:
    (prose,) = prose_of(ROOT / "fluxdb" / "noticed.py", sentence)
    assert re.search(RELATIVE, prose.text)


@pytest.mark.parametrize(
    "sentence", ["# How fast is it? What for?\n", "# It waits for what comes.\n", 'x = "# Who waits"\n']
)
def test_a_question_a_clause_within_and_a_string_are_no_offence(sentence: str) -> None:
    assert [
        prose for prose in prose_of(ROOT / "fluxdb" / "noticed.py", sentence) if re.search(RELATIVE, prose.text)
    ] == []


def test_phrases_are_noticed() -> None:
    text = "# whoever is told of it anew, of its own: there is none. Mended as it came, on its way\n"
    (prose,) = prose_of(ROOT / "fluxdb" / "noticed.py", text)
    assert [phrase for phrase, pattern in PHRASES.items() if not re.search(pattern, prose.text)] == []
