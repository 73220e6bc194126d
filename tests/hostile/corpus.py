"""Hostile requests as data: what is sent, by whom, and how it is refused.

`{cycle}` stands for a cycle whose first round is open, `{token}` for a good token of the admin of
the city. A body that is made stands as a function, so that nothing large lies in the repository.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

DRAFT = "/api/v1/cycles/{cycle}/plans/450224/draft"
CYCLES, TOKEN = "/api/v1/cycles", "/api/v1/auth/token"
GOOD = {"figures": {"persons": 1, "villages": 1, "county_exit": 0}}
CYCLE = {"id": "made", "protocol": "exit-plan", "year": 2019, "root": "450200"}
CYCLE |= {"leaf_level": "county"}
Body = bytes | Callable[[], bytes | Iterator[bytes]]


@dataclass(frozen=True)
class Hostile:
    """A request that must be refused; `status` 0 where the connection itself is."""

    name: str
    status: int
    code: str
    method: str = "GET"
    path: str = "/api/v1/units"
    body: Body = b""
    who: str | None = "city"
    headers: Mapping[str, str] = field(default_factory=dict)
    found: str = ""  # the code of the first field that is wrong


def drafted(name: str, body: Body, found: str, **how: Any) -> Hostile:
    """A draft's body that is none."""
    return Hostile(name, 422, "invalid", "PUT", DRAFT, body, "rongan", found=found, **how)


def cycled(name: str, found: str, **fields: Any) -> Hostile:
    """A cycle that is asked for with a field that is none."""
    return Hostile(
        name, 422, "invalid", "POST", CYCLES, json.dumps(CYCLE | fields).encode(), found=found
    )


def figures(text: str) -> bytes:
    return b'{"figures": {"persons": ' + text.encode() + b"}}"


def reasoned(text: str) -> bytes:
    """A draft with a reason, its text as it stands in JSON."""
    return b'{"figures": {"persons": 1}, "reasons": {"persons": "' + text.encode() + b'"}}'


def streamed(total: int, first: bytes = b"", piece: bytes = b"x" * 65536) -> Iterator[bytes]:
    yield first
    for _ in range(total // len(piece) + 1):
        yield piece


MIB = 1 << 20
SHAPES = (
    # deep, wide and large
    drafted("lists in lists", b"[" * 100_000 + b"]" * 100_000, "nested_too_deep"),
    drafted("objects in objects", b'{"a":' * 5_000 + b"1" + b"}" * 5_000, "nested_too_deep"),
    drafted("one level too deep", b'{"figures":' + b"[" * 32 + b"]" * 32 + b"}", "nested_too_deep"),
    drafted("lists that do not end", b"[" * 100_000, "nested_too_deep"),
    drafted(
        "many fields",
        lambda: json.dumps({"figures": {}} | {f"f{n}": 1 for n in range(5_000)}).encode(),
        "unknown_field",
    ),
    drafted("a name too long", figures("1").replace(b"persons", b"p" * 1000), "too_long"),
    drafted("a text too long", reasoned("x" * 3_000), "too_long"),
    Hostile("a body too large", 413, "too_large", "PUT", DRAFT, b" " * (4 * MIB + 1), "rongan"),
    Hostile(
        "a body too large in chunks", 413, "too_large", "PUT", DRAFT, lambda: streamed(5 * MIB)
    ),
    Hostile(
        "a table of a hundred megabytes",
        413,
        "too_large",
        "POST",
        CYCLES,
        lambda: streamed(100 * MIB, b"code,name,level,parent\n", b"450200,x,city,\n" * 4096),
        headers={"Content-Type": "text/csv"},
    ),
    Hostile(
        "a form of a hundred megabytes",
        413,
        "too_large",
        "POST",
        TOKEN,
        lambda: streamed(100 * MIB, b"username=city&password="),
        None,
        {"Content-Type": "application/x-www-form-urlencoded"},
    ),
    # wrong types
    drafted("a list for a body", b"[]", "wrong_shape"),
    drafted("a text for a body", b'"x"', "wrong_shape"),
    drafted("a number for a body", b"1", "wrong_shape"),
    drafted("nothing for a body", b"null", "wrong_shape"),
    drafted("a list for figures", b'{"figures": []}', "wrong_shape"),
    drafted("nothing for figures", b'{"figures": null}', "wrong_shape"),
    drafted("a text for a figure", figures('"1"'), "not_whole"),
    drafted("a truth for a figure", figures("true"), "not_whole"),
    drafted("an object for a figure", figures('{"$gt": 0}'), "not_whole"),
    drafted("nothing for a figure", figures("null"), "not_whole"),
    drafted("a field of the machine", b'{"figures": {}, "__proto__": {}}', "unknown_field"),
    drafted("a field of python", b'{"figures": {}, "__class__": "x"}', "unknown_field"),
    drafted("a state in the body", b'{"figures": {}, "state": "settled"}', "unknown_field"),
    drafted("a version in the body", b'{"figures": {}, "version": 9}', "unknown_field"),
    # numbers
    drafted("not a number", figures("NaN"), "not_whole"),
    drafted("without end", figures("Infinity"), "not_whole"),
    drafted("below all", figures("-Infinity"), "not_whole"),
    drafted("a fraction", figures("0.5"), "not_whole"),
    drafted("a power", figures("1e400"), "not_whole"),
    drafted("beyond 2^53", figures("9007199254740992"), "out_of_range"),
    drafted("four hundred digits", figures("1" * 400), "out_of_range"),
    drafted("ten thousand digits", figures("1" * 10_000), "out_of_range"),
    drafted("below zero", figures("-1"), "below_minimum"),
    drafted("zeros before it", figures("007"), "malformed_json"),
    drafted("another base", figures("0x1"), "malformed_json"),
    drafted("digits of another script", figures("١"), "malformed_json"),
    cycled("a year that is none", "out_of_range", year=10**30),
    cycled("a year of text", "not_whole", year="2019"),
    # twice
    drafted("a figure twice", b'{"figures": {"persons": 1, "persons": 2}}', "repeated_field"),
    drafted("a field twice", b'{"figures": {}, "figures": {"persons": 1}}', "repeated_field"),
    drafted(
        "a field twice, once escaped",
        b'{"figures": {"persons": 1, "\\u0070ersons": 2}}',
        "repeated_field",
    ),
    # marks and bytes
    drafted("a mark of order", b"\xef\xbb\xbf" + json.dumps(GOOD).encode(), "body_not_utf8"),
    drafted("UTF-16", json.dumps(GOOD).encode("utf-16"), "body_not_utf8"),
    drafted("UTF-32", json.dumps(GOOD).encode("utf-32"), "body_not_utf8"),
    drafted("a byte that is none", b'{"figures": {"\xff": 1}}', "body_not_utf8"),
    drafted("overlong", b'{"figures": {"\xc0\xaf": 1}}', "body_not_utf8"),
    drafted(
        "half a character as bytes",
        reasoned("").replace(b'""', b'"\xed\xa0\x80"'),
        "body_not_utf8",
    ),
    drafted("half a character", reasoned("\\ud800"), "malformed_json"),
    drafted("the other half", reasoned("\\udc00x"), "malformed_json"),
    drafted("GB18030", reasoned("理由").decode().encode("gb18030"), "body_not_utf8"),
    # what comes after, or is no JSON
    drafted("two bodies", b"{}{}", "malformed_json"),
    drafted("a comment", b'{"figures": {} /* x */}', "malformed_json"),
    drafted("a comma too many", b'{"figures": {},}', "malformed_json"),
    drafted("single quotes", b"{'figures': {}}", "malformed_json"),
    drafted("YAML with a tag", b"figures: !!python/object/apply:os.system [id]", "malformed_json"),
    drafted("YAML with an alias", b"a: &a [x]\nb: *a", "malformed_json"),
    drafted("XML with an entity", b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "malformed_json"),
    drafted("a pickle", b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00.", "body_not_utf8"),
    drafted("a workbook", b"PK\x03\x04" + b"\0" * 100, "malformed_json"),
    drafted(
        "compressed",
        b"\x1f\x8b\x08" + b"\0" * 20,
        "body_not_utf8",
        headers={"Content-Encoding": "gzip"},
    ),
)
UNSEEN = {
    "a zero": "\\u0000",
    "a bell": "\\u0007",
    "a backspace": "\\b",
    "a form feed": "\\f",
    "an escape": "\\u001b[31m",
    "a delete": "\\u007f",
    "a control of C1": "\\u0085",
    "right to left": "\u202e",
    "right to left, escaped": "\\u202E",
    "an isolate": "\u2066",
    "a mark of direction": "\\u200f",
    "no width": "\u200b",
    "no width, escaped": "\\u200B",
    "a joiner of no width": "\u200d",
    "a word joiner": "\\u2060",
    "a mark of order inside": "\\ufeff",
    "an end of line of its own": "\\u2028",
    "a zero behind a backslash": "\\\\\\u0000",
}
TEXTS = tuple(
    drafted(f"{name} in a text", reasoned(text), "bad_text") for name, text in UNSEEN.items()
)
CODES = (
    *(cycled(f"{name!r} as a code", "bad_name", id=name) for name in (
        "", "A", "../x", "a/b", "a b", "é", "e\u0301", "а", "ａ", "a\n", "-a", "a" * 65, "a;drop", "a%00",
    )),
    *(cycled(f"{name!r} as a unit", "bad_name", root=name) for name in (
        "", "４５０２００", "450200 ", "450200\n", "4502/00", "'; --", "x" * 41,
    )),
    cycled("a protocol of the disk", "unknown_protocol", protocol="../../config"),
    cycled("a level of the air", "unknown_level", leaf_level="__class__"),
)  # fmt: skip
PATHS = tuple(
    Hostile(f"the path {path}", 404, "not_found", path=path)
    for path in (
        "/api/v1/units/..%2f..%2fetc%2fpasswd",
        "/api/v1/units/%2e%2e/%2e%2e/etc/passwd",
        "/api/v1/units/450200%00",
        "/api/v1/units/450200%2f",
        "/api/v1/units/450200/",
        "/api/v1//units",
        "//api/v1/units",
        "/api/v1/units/450200;v=1",
        "/api/v1/units/450200%0d%0aX-Injected:%201",
        "/api/v1/units/%E2%80%AE450200",
        "/api/v1/units/%F0%9F",
        "/api/v1/units/%EF%BC%94%EF%BC%95",
        "/api/v1/units/450200%20",
        "/api/v1/units/4502'%20OR%20'1'='1",
        "/api/v1/units/%25",
        "/api/v1/units/_50200",
        "/API/V1/UNITS",
        "/api/v1/protocols/..%2f..%2fconfig",
        "/api/v1/protocols/%2fetc%2fpasswd",
        "/api/v1/cycles/{cycle}/plans/45022%25",
        "/api/v1/cycles/{cycle}%00/plans/450224",
        "/api/v1/cycles/%7Bcycle%7D",
        "/api/v1/ledger/tile/../../../etc/passwd",
        "/api/v1/ledger/tile/0/..%2f000",
        "/api/v1/ledger/tile/0/99999999999999999999999",
        "/api/v1/ledger/tile/-1/000",
        "/api/v1/ledger/events/%00/proof",
        "/docs/assets/..%2f..%2f..%2fetc%2fpasswd",
        "/docs/assets/%2e%2e/%2e%2e/app.py",
        "/metrics",
    )
)
QUERIES = tuple(
    Hostile(f"asked with {query}", status, code, path=f"/api/v1/{query}")
    for query, status, code in (
        ("units?limit=-1", 422, "invalid"),
        ("units?limit=1e3", 422, "invalid"),
        ("units?limit=99999999999999999999", 422, "invalid"),
        ("units?limit=%D9%A1", 422, "invalid"),
        ("units?parent=%00", 404, "not_found"),
        ("units?parent=%25", 404, "not_found"),
        ("units?limit=" + "1" * 9_000, 414, "url_too_long"),
        ("cycles/{cycle}?as_of=now", 422, "invalid"),
        ("cycles/{cycle}?as_of=2019-01-01", 422, "invalid"),
        ("cycles/{cycle}?as_of=0000-00-00T00:00:00Z", 422, "invalid"),
        ("cycles/{cycle}?as_of=9999-12-31T23:59:59-14:00", 422, "invalid"),
        ("cycles/{cycle}/events?format=../csv", 422, "invalid"),
        ("cycles/{cycle}/plans/450224/history?cursor=0x1", 422, "invalid"),
        ("ledger/checkpoint?log=../site", 404, "not_found"),
        ("ledger/checkpoint?epoch=0", 422, "invalid"),
    )
)


def part(**fields: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).rstrip(b"=").decode()


CLAIMS = part(sub="city", role="sysadmin", exp=9999999999)
BEARERS = {
    "nothing": "",
    "a blank": " ",
    "a name": "city",
    "a guess": "x" * 43,
    "a token cut short": "{token:.20}",
    "a token with more behind it": "{token}x",
    "a token in other letters": "{swapped}",
    "a token twice": "{token} {token}",
    "a token and a comma": "{token},",
    "no signature": f"{part(alg='none', typ='JWT')}.{CLAIMS}.",
    "no signature in capitals": f"{part(alg='NONE', typ='JWT')}.{CLAIMS}.",
    "a key that was never ours": f"{part(alg='HS256', typ='JWT')}.{CLAIMS}.{'A' * 43}",
    "a public key as a secret": f"{part(alg='HS256', kid='../../key')}.{CLAIMS}.{'B' * 43}",
    "a key brought along": f"{part(alg='RS256', jwk={'kty': 'RSA'}, jku='http://x')}.{CLAIMS}.AA",
    "an encrypted one": f"{part(alg='dir', enc='A128GCM')}..AA.AA.AA",
    "a statement": "' OR '1'='1",
    "the digest of nothing": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "a zero": "a\\x00b",
    "a long one": "y" * 8_000,
}
WHO = (
    *(
        Hostile(f"bearer: {name}", 401, "unauthorized", who=None, headers={"Authorization": f"Bearer {it}"})
        for name, it in BEARERS.items()
    ),
    *(
        Hostile(f"scheme: {it}", 401, "unauthorized", who=None, headers={"Authorization": it})
        for it in ("Basic Y2l0eTpjb3JyZWN0IGhvcnNl", "Token {token}", "{token}", "Bearer\t{token}", "Digest x")
    ),
    Hostile("a token in the address", 401, "unauthorized", who=None, path="/api/v1/units?access_token={token}"),
    Hostile("a token in a cookie", 401, "unauthorized", who=None, headers={"Cookie": "token={token}"}),
    Hostile("a name that a proxy would say", 401, "unauthorized", who=None, headers={"X-Forwarded-User": "city", "X-Remote-User": "city"}),
    Hostile("another method by a header", 404, "not_found", "POST", "/api/v1/nowhere", headers={"X-HTTP-Method-Override": "DELETE"}),
    Hostile("another method for a draft", 405, "method_not_allowed", "PATCH", DRAFT),
    Hostile("a method nobody knows", 405, "method_not_allowed", "BREW"),
    Hostile("TRACE", 405, "method_not_allowed", "TRACE"),
    Hostile("more headers than anybody sends", 431, "head_too_large", headers={f"X-{n}": "1" for n in range(70)}),
    Hostile("a header that is too large", 431, "head_too_large", headers={"Cookie": "x" * 20_000}),
)  # fmt: skip
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
SIGN_IN = tuple(
    Hostile(f"signing in {name}", status, code, "POST", TOKEN, body, None, headers)
    for name, status, code, body, headers in (
        ("as city without a password", 422, "invalid", b"username=city", FORM),
        ("with an empty password", 401, "unauthorized", b"username=city&password=", FORM),
        ("with a zero", 401, "unauthorized", b"username=city%00&password=correct+horse", FORM),
        ("in letters of full width", 401, "unauthorized", "username=ｃity&password=correct+horse".encode(), FORM),
        ("in letters of another script", 401, "unauthorized", "username=сity&password=correct+horse".encode(), FORM),
        ("in capitals", 401, "unauthorized", b"username=CITY&password=correct+horse", FORM),
        ("with a blank behind", 401, "unauthorized", b"username=city+&password=correct+horse", FORM),
        ("with no width inside", 401, "unauthorized", "username=ci\u200bty&password=correct+horse".encode(), FORM),
        ("with a statement", 401, "unauthorized", b"username=city'--&password=x", FORM),
        ("with a very long password", 401, "unauthorized", b"username=city&password=" + b"x" * 10_000, FORM),
        ("with a form that is too large", 413, "too_large", b"username=city&password=" + b"x" * 100_000, FORM),
        ("by JSON", 422, "invalid", b'{"username": "city", "password": "correct horse"}', {"Content-Type": "application/json"}),
        ("with a file", 422, "invalid", b'--b\r\nContent-Disposition: form-data; name="username"; filename="x"\r\n\r\ncity\r\n--b--\r\n', {"Content-Type": "multipart/form-data; boundary=b"}),
        ("with parts that do not end", 422, "invalid", b'--b\r\nContent-Disposition: form-data; name="username"\r\n\r\nci', {"Content-Type": "multipart/form-data; boundary=b"}),
        ("with a thousand fields", 422, "invalid", b"&".join(b"f%d=1" % n for n in range(1_500)), FORM),
        ("with more fields than a form holds", 413, "too_large", b"&".join(b"f%d=1" % n for n in range(5_000)), FORM),
        ("with no boundary", 422, "invalid", b"--b", {"Content-Type": "multipart/form-data"}),
    )
)  # fmt: skip
HEADERS = tuple(
    Hostile(f"{name}: {value[:30]!r}", status, code, "PUT", DRAFT, json.dumps(GOOD).encode(), "rongan", {name: value})
    for name, value, status, code in (
        ("If-Match", "*", 428, "version_required"),
        ("If-Match", 'W/"0"', 428, "version_required"),
        ("If-Match", '"0", "1"', 428, "version_required"),
        ("If-Match", '"-1"', 428, "version_required"),
        ("If-Match", '"00"', 428, "version_required"),
        ("If-Match", '"' + "9" * 30 + '"', 428, "version_required"),
        ("If-Match", '"7"', 412, "stale_version"),
        ("Idempotency-Key", "k" * 300, 422, "invalid"),
        ("Idempotency-Key", "\t", 422, "invalid"),
        ("Idempotency-Key", "", 422, "invalid"),
    )
)  # fmt: skip
CORPUS = (*SHAPES, *TEXTS, *CODES, *PATHS, *QUERIES, *WHO, *SIGN_IN, *HEADERS)
