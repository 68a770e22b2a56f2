"""The bytes that tools/compare sends to servers."""

from __future__ import annotations

import json

import pytest

from tools.comparison import documents, etcd, requests


def pieces(protocol: str, work: str) -> list[bytes]:
    text, lengths = requests.of(protocol, work)
    ends = [sum(lengths[: number + 1]) for number in range(8)]
    return [text[end - length : end] for end, length in zip(ends, lengths, strict=False)]


def test_both_protocols_set_the_same_keys_to_the_same_values() -> None:
    for line, command in zip(pieces("flux", "set"), pieces("resp", "set"), strict=True):
        request = json.loads(line)
        star, three, word, _, key, _, value, end = command.split(b"\r\n")
        assert (star, three, word, end) == (b"*3", b"$3", b"SET", b"")
        assert request["key"].encode() == key
        assert request["value"] == json.loads(value)


def test_mixed_is_the_four_operations_in_turn_on_each_key() -> None:
    requests_of_two = [json.loads(line) for line in pieces("flux", "mixed")]
    assert [each["kind"] for each in requests_of_two] == ["set", "get", "patch", "del"] * 2
    assert len({each["key"] for each in requests_of_two}) == 2
    words = [command.split(b"\r\n")[2] for command in pieces("resp", "mixed")]
    assert words == [b"SET", b"GET", b"SET", b"DEL"] * 2


def test_a_round_goes_over_all_keys() -> None:
    text, lengths = requests.of("flux", "get")
    assert len(lengths) == documents.KEYS
    assert sum(lengths) == len(text)
    assert len({json.loads(line)["key"] for line in text.splitlines()}) == documents.KEYS


def test_the_documents_have_the_sizes_that_are_stated() -> None:
    documents.check_sizes()


def test_a_grpc_message_is_framed_with_its_length() -> None:
    assert etcd.grpc_message(etcd.field(1, b"ab") + etcd.field(2, b"c")) == b"\0\0\0\0\x07\x0a\x02ab\x12\x01c"


def test_a_field_that_is_too_long_for_one_byte_of_length_is_refused() -> None:
    with pytest.raises(ValueError, match="second byte"):
        etcd.field(1, b"x" * 128)


def test_the_rate_is_read_from_what_h2load_prints() -> None:
    assert etcd.parsed_rate("\nfinished in 509.47ms, 9814.20 req/s, 922.52KB/s\n") == 9814.2
    with pytest.raises(RuntimeError, match="how fast"):
        etcd.parsed_rate("nothing")
