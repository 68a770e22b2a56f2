"""The documented forms of the protocol, as lines: where a search for what goes wrong begins."""

from __future__ import annotations

KEYS = (
    b'"a"', b'"b"', b'"\\u00e9\\n\\ud83d\\ude00"', '"\u00e9"'.encode(), b'""',
    b'"%b"' % (b"k" * 64), b'"%b"' % (b"k" * 65),
)  # fmt: skip
VALUES = (
    b"1", b"-0.0", b"1.50e2", b"18446744073709551615", b"18446744073709551616", b"-9223372036854775808", b"1e400",
    b"null", b"true", b'""', b'"\\u0000\\ud800"', b'{"x":1,"x":{"":[]},"\\u0078":2}', b"[" * 15 + b"]" * 15,
    b"[" * 16 + b"]" * 16, b"[" * 17 + b"]" * 17, b'"' + b"x" * 1_500 + b'"', b"NaN", b'"\xff"',
)  # fmt: skip
IDS = (b"1", b"-1.5", b'"x"', b'"\\n"', b"null", b"[1]", b"true", b"1e999")
VERSIONS = (b"0", b"1", b"null", b"-1", b"1.0", b"9223372036854775807", b"9223372036854775808")
PATHS = (b'""', b'"/"', b'"/x"', b'"/x/0/~1~0"', b'"x"', b'"/~"', b"null", b"1")
LISTS = (
    b"[]", b'["a"]', b'["a","b","a","\\u00e9\\n\\ud83d\\ude00"]', b'[""]', b"[1]", b'["%b"]' % (b"k" * 65), b'"a"',
    b"{}",
    b"[" + b",".join([b'"a"'] * 21) + b"]", b'["a",["b"]]',
)  # fmt: skip
OPERATIONS = (
    b'{"kind":"set","key":"a","value":{"x":[1.5]}}',
    b'{"kind":"patch","key":"a","delta":{"x":null},"remove_nulls":true}',
    b'{"kind":"del","key":"b"}', b'{"kind":"check","key":"a","version":1}', b'{"kind":"check","key":"a","exists":true}',
    b'{"kind":"check","key":"a","exists":false}', b'{"kind":"set","key":"b","value":1,"if_version":0}', b"{}", b"7",
    b'{"kind":"get","key":"a"}', b'{"kind":"set","key":"","value":1}', b'{"kind":"check","key":"a","version":-1}',
)  # fmt: skip
BATCHES = [(first, second) for first in OPERATIONS for second in OPERATIONS[:6]]
OTHERS = (
    b"", b"\r", b" ", b"\x00", b"\xef\xbb\xbf{}", b"{", b"[]", b'"x"', b"{}", b'{"kind":null}', b'{"kind":"what"}',
    b'{"kind":"get"}', b'{"kind":"ping"}x', b'{"kind":"ping"}\r', b' { "kind" : "ping" } ', b'{"\\u006bind":"ping"}',
    b"GET / HTTP/1.1\r", b"POST /", b"\x16\x03\x01\x02", b"x" * 2_001, b"[" * 1_900,
)  # fmt: skip


def request(kind: bytes, **members: bytes) -> bytes:
    named = b"".join(b',"%b":%b' % (name.encode(), text) for name, text in members.items())
    return b'{"kind":"%b"%b}' % (kind, named)


def seeds() -> list[bytes]:
    """Streams of lines: each form alone, and pipelines of them."""
    forms = [request(kind) for kind in (b"ping", b"info", b"snapshot")]
    forms += [request(b"auth", password=password) for password in (b'"secret"', b'"wrong"', b"1")]
    for key in KEYS:
        forms += [request(kind, key=key) for kind in (b"get", b"del", b"subscribe", b"unsubscribe")]
        forms += [request(b"set", key=key, value=b"1"), request(b"patch", key=key, delta=b'{"x":1}')]
    for value in VALUES:
        forms += [request(b"set", key=b'"a"', value=value), request(b"patch", key=b'"a"', delta=value)]
    forms += [request(b"get", key=b'"a"', id=i) for i in IDS]
    forms += [request(b"set", key=b'"a"', value=b"1", if_version=version) for version in VERSIONS]
    forms += [request(b"patch", key=b'"a"', delta=b'{"x":null}', remove_nulls=on) for on in (b"true", b"false", b"1")]
    forms += [request(b"get", key=b'"a"', path=path) for path in PATHS]
    for keys in LISTS:
        forms += [request(b"get_many", keys=keys), request(b"get_many", keys=keys, path=b'"/x"', id=b"1")]
    forms += [request(b"batch", ops=b"[%b]" % b",".join(ops), id=b"1") for ops in BATCHES]
    forms += [request(b"batch", ops=ops) for ops in (*LISTS, b"1", b"null")]
    for bound in (b'"a"', b'""', b"null", b"1"):
        forms += [request(b"scan", **{name: bound}) for name in ("prefix", "start", "end", "after")]
        forms += [request(b"count", prefix=bound)]
    forms += [request(b"scan", limit=limit, reverse=b"true", keys_only=b"true") for limit in (*VERSIONS, b"2")]
    forms += [request(b"increment", key=b'"n"', by=by) for by in (*VERSIONS, b"-9223372036854775808", b'"1"')]
    forms += [request(b"increment", key=b'"a"', path=path, id=b"1") for path in PATHS]
    forms += OTHERS
    pipelines = [b"\n".join(forms[at : at + 9]) for at in range(0, len(forms), 5)]
    return [form + b"\n" for form in forms] + [pipeline + b"\n" for pipeline in pipelines]


def words() -> list[bytes]:
    """Pieces that a mutation may put in anywhere."""
    names = (b"kind", b"key", b"value", b"delta", b"id", b"if_version", b"remove_nulls", b"password", b"keys", b"path")
    kinds = (b"get", b"set", b"del", b"patch", b"snapshot", b"subscribe", b"unsubscribe", b"ping", b"info", b"auth")
    whole = [
        request(b"get", key=b'"a"'),
        request(b"set", key=b'"a"', value=b"1"),
        request(b"ping"),
        request(b"get_many", keys=b'["a"]'),
    ]
    return [
        *(b',"%b":' % name for name in names),
        *(b'"%b"' % kind for kind in kinds),
        *(line + b"\n" for line in whole),
        *(text for text in (*VALUES, *IDS, *VERSIONS, *PATHS, *LISTS, *OTHERS) if text and len(text) < 40),
    ]
