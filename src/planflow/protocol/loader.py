"""From protocol text to a checked `Protocol`, or to everything that is wrong with it (§4)."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from importlib import resources
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from planflow.errors import Finding, Refusal
from planflow.protocol.lint import lint
from planflow.protocol.models import Protocol
from planflow.protocol.nearest import nearest
from planflow.protocol.source import LARGEST_FILE, Path, Source, located, read, shown

# A file of nothing but mistakes must not cost minutes; nobody reads on after this many.
MOST_FINDINGS = 500
_SUFFIX = ".yaml"

_CODES = {
    "missing": "missing",
    "extra_forbidden": "unknown_field",
    "int_type": "not_whole",
    "int_from_float": "not_whole",
    "bool_type": "not_boolean",
    "string_type": "not_text",
    "string_unicode": "bad_text",
    "tuple_type": "not_list",
    "dict_type": "not_mapping",
    "model_type": "not_mapping",
    "literal_error": "unknown_choice",
    "greater_than_equal": "out_of_range",
    "less_than_equal": "out_of_range",
    "string_too_long": "too_long",
    "string_too_short": "empty",
    "too_long": "too_many",
    "too_short": "too_few",
    "string_pattern_mismatch": "bad_name",
}
_OWN_CODES = {
    ("missing", "rollup"): "indicator_without_rollup",
    ("string_pattern_mismatch", "measure"): "bad_measure",
}
_QUOTED = re.compile(r"'([^']*)'")


def load(text: str | bytes) -> Protocol:
    """Read, check and lint a protocol.

    Raises `Refusal` `protocol_invalid` with all findings, in the order of their lines; its
    parameter `count` is their number.
    """
    source = read(_text(text))
    findings = list(source.findings)
    protocol = None
    if not source.broken:
        try:
            # strict: `binding: "yes"` is no truth and `percent: "5"` no number
            protocol = Protocol.model_validate(source.plain, strict=True)
        except ValidationError as error:
            findings += _model_findings(error, source)
        else:
            findings += lint(protocol, source.lines)
    if protocol is None or findings:
        raise _refusal(findings)
    return protocol


def digest(text: str | bytes) -> str:
    """Return the SHA-256 of exactly these bytes, in hex."""
    return hashlib.sha256(_bytes(text)).hexdigest()


def bundled() -> dict[str, str]:
    """Return the protocols that come with planflow: name to exact text."""
    folder = resources.files("planflow.protocol") / "bundled"
    files = sorted(folder.iterdir(), key=lambda one: one.name)
    # bytes, not text: reading as text would change line ends and with them the digest
    return {
        file.name.removesuffix(_SUFFIX): file.read_bytes().decode("utf-8")
        for file in files
        if file.name.endswith(_SUFFIX)
    }


def find(name: str) -> str:
    """Return the text of a bundled protocol. Raises `Refusal` `not_found`."""
    texts = bundled()
    if name not in texts:
        raise Refusal("not_found", {"kind": "protocol", "name": name})
    return texts[name]


def _refusal(findings: Sequence[Finding]) -> Refusal:
    ordered = sorted(findings, key=lambda one: int(one.params["line"]))
    return Refusal("protocol_invalid", {"count": len(ordered)}, findings=ordered[:MOST_FINDINGS])


def _bytes(text: str | bytes) -> bytes:
    try:
        return text if isinstance(text, bytes) else text.encode("utf-8")
    except UnicodeEncodeError as error:
        line = error.object.count("\n", 0, error.start) + 1
        raise _refusal([located("not_utf8", line)]) from None


def _text(text: str | bytes) -> str:
    raw = _bytes(text)
    if len(raw) > LARGEST_FILE:
        limit = f"{LARGEST_FILE // 1024} KiB"
        raise _refusal([located("too_large", 1, limit=limit)])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _refusal([located("not_utf8", line)]) from None


def _model_findings(error: ValidationError, source: Source) -> Iterator[Finding]:
    faults = error.errors(include_url=False)
    faults.sort(key=lambda fault: source.lines.at(fault["loc"]))
    for place, fault in enumerate(faults):
        path = tuple(step for step in fault["loc"] if step != "[key]")
        if not any(path[:end] in source.spoilt for end in range(1, len(path) + 1)):
            yield _model_finding(fault, path, source, place)


def _model_finding(fault: Any, path: Path, source: Source, place: int) -> Finding:
    kind: str = fault["type"]
    last = str(path[-1]) if path else ""
    code = _OWN_CODES.get((kind, last), _CODES.get(kind, "wrong_shape"))
    context = fault.get("ctx", {})
    if code == "unknown_field":
        near = nearest(last, _fields_at(path[:-1]), place)
        code = "misspelt_field" if near["suggestion"] else code
        return source.lines.finding(code, path, **near)
    if code == "unknown_choice":
        given, choices = shown(fault["input"]), _QUOTED.findall(context["expected"])
        return source.lines.finding(code, path, name=given, **nearest(given, choices, place))
    limits = {key: value for key, value in context.items() if isinstance(value, int)}
    return source.lines.finding(code, path, **limits)


def _fields_at(path: Path) -> list[str]:
    """Name the fields of the model that stands at a path of a protocol."""
    model: type[BaseModel] = Protocol
    inside = False
    for step in path:
        if inside:
            inside = False
            continue
        annotation = model.model_fields[str(step)].annotation
        inside = get_origin(annotation) in (tuple, dict)
        model = next(_models_in(annotation))
    return list(model.model_fields)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)
