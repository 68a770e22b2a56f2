"""One line, one command: what the grammar takes, what it refuses, and where it points."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxdb.cli.shell.commands import (
    NAMES,
    SYNTAX,
    Abort,
    Batch,
    Check,
    Checkpoint,
    Commit,
    Count,
    Delete,
    Exit,
    Get,
    Help,
    Increment,
    Info,
    Patch,
    Scan,
    Set,
    Subscribe,
    Touch,
    Unsubscribe,
)
from fluxdb.cli.shell.grammar import GrammarError, is_unfinished, parse, split_statements
from fluxdb.cli.text import escape_text, quote_key
from fluxdb.engine.ranges import ScanRange

KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("SET k 1", Set("k", "1")),
        ("GET k", Get("k")),
        ("get --VALUE k", Get("k", value_only=True)),
        ("DELETE k", Delete("k")),
        ("DEL k", Delete("k")),
        ("PATCH k {}", Patch("k", "{}")),
        ("CHECKPOINT", Checkpoint()),
        ("SNAPSHOT", Checkpoint()),
        ("SUBSCRIBE k", Subscribe(("k",))),
        ('SUBSCRIBE k "a b" k', Subscribe(("k", "a b"))),
        ("UNSUBSCRIBE k l", Unsubscribe(("k", "l"))),
        ("INFO", Info()),
        ("HELP", Help()),
        ("HELP del", Help("DELETE")),
        ("EXIT", Exit()),
        ("QUIT", Exit()),
    ],
)
def test_each_command_is_read_in_any_case(line: str, command: object) -> None:
    name, space, rest = line.partition(" ")
    for spelled in (name, name.lower(), name.capitalize()):
        assert parse(spelled + space + rest) == command


@pytest.mark.parametrize("line", ["", "   ", "\t", "# SET k 1", "  # a comment", "\r\n"])
def test_empty_lines_and_comments_are_no_command(line: str) -> None:
    assert parse(line) is None


def test_json_is_taken_as_typed_spaces_and_all() -> None:
    assert parse('SET user {"name": "v", "age": 21}') == Set("user", '{"name": "v", "age": 21}')
    assert parse('  set   user   "a  b"  \r\n') == Set("user", '"a  b"')


@pytest.mark.parametrize(
    "text", ["null", "0", '""', "[]", "18446744073709551615", "-0.5e3", '"--if-version 3"', "1" * 40]
)
def test_any_json_can_be_a_value(text: str) -> None:
    assert parse(f"SET k {text}") == Set("k", text)


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ('"a b"', "a b"),
        ("'a b'", "a b"),
        (r'"a\"b"', 'a"b'),
        (r"'a\'b'", "a'b"),
        ("'say \"x\"'", 'say "x"'),
        ('"it\'s"', "it's"),
        (r'"\u0000\n"', "\0\n"),
        (r"'\u00e9\\'", "é\\"),
        ('"--x"', "--x"),
        ('""', ""),
        ('a"b', 'a"b'),
        ("user:1", "user:1"),
        ("-x", "-x"),
        ("#x", "#x"),
        ("ключ", "ключ"),
    ],
)
def test_a_key_is_one_word_or_quoted(typed: str, key: str) -> None:
    assert parse(f"GET {typed}") == Get(key)
    assert parse(f"SET {typed} 1") == Set(key, "1")


def test_options_come_before_the_key() -> None:
    assert parse("SET --if-version 3 k 1") == Set("k", "1", 3)
    assert parse("SET --IF-VERSION=0 k 1") == Set("k", "1", 0)
    assert parse("DELETE --if-version 2 k") == Delete("k", 2)
    assert parse("PATCH --remove-nulls k {}") == Patch("k", "{}", None, True)
    assert parse("PATCH --if-version 2 --remove-nulls k {}") == Patch("k", "{}", 2, True)
    assert parse("PATCH --remove-nulls --if-version 2 k {}") == Patch("k", "{}", 2, True)


def test_the_largest_version_is_taken_and_the_next_is_refused() -> None:
    assert parse(f"SET --if-version {2**63 - 1} k 1") == Set("k", "1", 2**63 - 1)
    with pytest.raises(GrammarError):
        parse(f"SET --if-version {2**63} k 1")


@pytest.mark.parametrize(
    ("line", "column", "words"),
    [
        ("FOO", 1, '"FOO" is not a command'),
        ("  FOO k", 3, "is not a command"),
        ("subscibe k", 1, "did you mean SUBSCRIBE?"),
        ("HELP FOO", 6, "is not a command"),
        ("GET", 4, "expected a key"),
        ("GET   \n", 4, "expected a key"),
        ("SET", 4, "expected a key"),
        ("GET k x", 7, "expected a path that begins with /"),
        ("INCREMENT k 1.5", 13, "expected a whole number of 64 bits, or a path"),
        ("INCREMENT k --5", 13, "expected a whole number of 64 bits, or a path"),
        ("INCREMENT k 1 x", 15, "expected a path"),
        (f"INCREMENT k {2**63}", 13, "expected a whole number of 64 bits"),
        ("SCAN --limit 0 a", 14, "expected a number of keys after --limit, a whole number (from 1)"),
        ("SCAN a b", 8, "expected nothing more"),
        ("KEYS --after", 13, "expected a key"),
        ("COUNT --limit 3", 7, "COUNT takes no option"),
        ("SET k 1 TTL soon", 13, "expected seconds after TTL, from 0.001 to"),
        ("SET k 1 TTL 0", 13, "expected seconds after TTL"),
        ("SET k TTL 5", 7, "expected JSON after the key"),
        ("SET k {a} TTL 5", 8, "not valid JSON"),
        ("TOUCH k", 8, "expected seconds or NEVER"),
        ("TOUCH k -1", 9, "expected seconds or NEVER"),
        ("CHECK k", 8, "expected a version, EXISTS or MISSING"),
        ("CHECK k maybe", 9, "expected a version, EXISTS or MISSING"),
        ("COMMIT now", 8, "expected nothing more"),
        ("SET k", 6, "expected JSON"),
        ("SET k v", 7, "double quotes"),
        ("SET k 'v'", 7, "double quotes"),
        ('SET k {"é": x}', 13, "not valid JSON"),
        ('SET k {"a": 1} 2', 16, "not valid JSON"),
        ('SET k {"a": 1', 14, "not valid JSON"),
        ("SET k NaN", 7, "NaN is not a JSON number"),
        (r'SET k "\ud800"', 8, "not valid JSON"),
        ("GET a b", 7, "nothing more"),
        ("INFO now", 6, "nothing more"),
        ("EXIT 1", 6, "nothing more"),
        ("GET --x", 5, "quote a key that begins with --"),
        ("GET --value=1 k", 5, "GET takes --value"),
        ("GET k --value", 7, "options come before the key"),
        ("SET --remove-nulls k 1", 5, "SET takes --if-version"),
        ("PATCH --remove-nulls=1 k {}", 7, "takes"),
        ("SET --if-version k 1", 18, "expected a version"),
        ("SET --if-version -1 k 1", 18, "expected a version"),
        ("SET --if-version", 17, "expected a version"),
        ("SET --if-version ٣ k 1", 18, "expected a version"),
        ("SET k 1 --if-version 3", 9, "options come before the key"),
        ("DELETE k --if-version 3", 10, "options come before the key"),
        ("SET k --if-version 3 1", 7, "options come before the key"),
        ('GET "abc', 5, "does not end"),
        ("GET 'abc\\'", 5, "does not end"),
        ('GET "a"b', 8, "expected a space"),
        (r'GET "\x"', 5, "not a JSON string"),
        (r'GET "\ud800"', 5, "not a JSON string"),
        ("GET 'a\tb'", 5, "not a JSON string"),
        ("GET \udcff", 5, "not valid UTF-8"),
    ],
)
def test_an_error_points_at_the_column_and_says_what_was_expected(line: str, column: int, words: str) -> None:
    with pytest.raises(GrammarError) as caught:
        parse(line)
    assert caught.value.column == column
    assert words in caught.value.reason
    assert str(caught.value).startswith(f"column {column}: ")


@given(st.sampled_from(["", "SET ", "PATCH --if-version ", "GET '", "HELP "]), st.text())
def test_any_line_is_a_command_or_a_grammar_error_of_one_harmless_line(start: str, line: str) -> None:
    try:
        parse(start + line)
    except GrammarError as error:
        assert 1 <= error.column <= len(start + line) + 1
        assert str(error) == escape_text(str(error))
        assert min(str(error)) >= " "


@pytest.mark.parametrize("syntax", SYNTAX.values(), ids=SYNTAX.keys())
def test_each_example_is_a_command_of_its_name(syntax: object) -> None:
    command = parse(syntax.example)  # type: ignore[attr-defined]
    name = "KEYS" if isinstance(command, Scan) and command.keys_only else type(command).__name__.upper()
    assert name == syntax.name  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("GET k /a b/0", Get("k", path="/a b/0")),
        ("GET --value k /", Get("k", True, "/")),
        ('SET k {"a": 1} TTL 60', Set("k", '{"a": 1}', None, 60_000)),
        ("SET k 1 ttl 0.5", Set("k", "1", None, 500)),
        ('SET k "a TTL 5"', Set("k", '"a TTL 5"')),
        ("SET --if-version 2 k [] TTL  9", Set("k", "[]", 2, 9_000)),
        ("PATCH k {} TTL 1", Patch("k", "{}", None, False, 1_000)),
        ("TOUCH k 1.5", Touch("k", 1_500)),
        ("touch --if-version 3 k never", Touch("k", 0, 3)),
        ("INCREMENT k", Increment("k")),
        ("incr k -5", Increment("k", -5)),
        ("INCREMENT --if-version 2 k +5 /a", Increment("k", 5, "/a", 2)),
        ("INCREMENT k /a", Increment("k", path="/a")),
        ("KEYS", Scan(ScanRange(), keys_only=True)),
        ("SCAN user:", Scan(ScanRange("user:"))),
        (
            "SCAN --limit 10 --REVERSE --after=user:7 --start 'a b' --end c user:",
            Scan(ScanRange("user:", "a b", "c", "user:7", 10, True)),
        ),
        ("COUNT", Count()),
        ('COUNT "a b"', Count("a b")),
        ("CHECK k 3", Check("k", 3)),
        ("CHECK k missing", Check("k", 0)),
        ("CHECK k EXISTS", Check("k", None)),
        ("batch", Batch()),
        ("COMMIT", Commit()),
        ("Abort", Abort()),
    ],
)
def test_reads_of_many_and_batches_are_read(line: str, command: object) -> None:
    assert parse(line) == command


def test_the_examples_in_errors_are_commands() -> None:
    for line in ("SET", "SET k v", "GET --x", "SET --if-version x k 1", "DEL k --if-version 1", "INFO x"):
        with pytest.raises(GrammarError) as caught:
            parse(line)
        assert caught.value.example is not None
        assert parse(caught.value.example) is not None


def test_no_alias_is_the_name_of_another_command() -> None:
    assert len(NAMES) == sum(1 + len(syntax.aliases) for syntax in SYNTAX.values())


@given(KEYS)
def test_a_key_as_it_is_shown_is_read_back_as_the_same_key(key: str) -> None:
    shown = quote_key(key)
    assert parse(f"GET {shown}") == Get(key)
    assert parse(f"SET {shown} 1") == Set(key, "1")


@pytest.mark.parametrize("key", ["a\0b", "a\nb", "\x1b[31m", "\x7f", "\x9b31m", "\u202egnp.exe", "a\u2028b", "a b"])
def test_a_key_that_could_steer_the_terminal_is_shown_escaped(key: str) -> None:
    shown = quote_key(key)
    assert shown.startswith('"')
    assert shown.isprintable()


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_escaped_text_says_the_same_and_cannot_steer_a_terminal(value: str) -> None:
    text = escape_text(orjson.dumps({value: value}).decode())
    assert orjson.loads(text) == {value: value}
    assert not any(character < " " or "\x7f" <= character <= "\x9f" for character in text)


def test_bidi_overrides_are_escaped_and_other_scripts_are_left_alone() -> None:
    assert escape_text('"\u202eab\u2066"') == '"\\u202eab\\u2066"'
    assert escape_text('"שלום 漢字 👩‍👩‍👧 é"') == '"שלום 漢字 👩‍👩‍👧 é"'


def test_pasted_lines_are_split_where_a_command_begins() -> None:
    pasted = 'SET a {\n  "x": 1,\n\n  "y": [2]\n}\n# a comment\nget a\r\n\nSET b 2\n'
    assert split_statements(pasted) == ['SET a {\n  "x": 1,\n  "y": [2]\n}', "get a", "SET b 2"]
    assert [parse(statement) for statement in split_statements(pasted)] == [
        Set("a", '{\n  "x": 1,\n  "y": [2]\n}'),
        Get("a"),
        Set("b", "2"),
    ]


def test_a_line_separator_in_a_pasted_string_is_no_end_of_line() -> None:
    assert split_statements('SET a "x\u2028y\x85z"\nGET a') == ['SET a "x\u2028y\x85z"', "GET a"]


def test_a_line_that_is_no_command_stands_alone_when_it_comes_first() -> None:
    assert split_statements("foo\nGET a") == ["foo", "GET a"]


@pytest.mark.parametrize(
    "text",
    [
        "SET k {",
        "SET k [1,",
        'PATCH k {"a":',
        'SET k {"a": [1, {"é": "}"}',
        'SET k {\n "a": 1',
        "GET k\nSET k {",
        "SET k {  ",
    ],
)
def test_json_that_is_open_goes_on_in_the_next_line(text: str) -> None:
    assert is_unfinished(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SET k",
        "SET k {}",
        "SET k 1,",
        'SET k "a',
        'SET k {"a": "b',  # no string goes on
        "SET k {'x': 1",  # is wrong already
        "SET k {\nGET k",
        "SET k {\n",  # an empty line gives it up
        "SET k {\n  ",
        "GET {",
    ],
)
def test_what_is_whole_or_wrong_does_not_go_on(text: str) -> None:
    assert not is_unfinished(text)
