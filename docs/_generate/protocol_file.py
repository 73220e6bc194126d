"""The reference of protocol files, from the models that read them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from planflow.protocol.models import Protocol

HEAD = """\
# Protocol file / 规程文件

<!-- Generated: python docs/_generate -->

A negotiation's rules are a YAML file, read without tags, anchors or aliases and linted with line numbers by `planflow
protocol check FILE`. [Write a protocol](../how-to/write-a-protocol.md) builds one from nothing; what is wrong with a file is
told by the codes under [protocol files](errors.md).

规程是一份 YAML 文件，`planflow protocol check FILE` 逐行检查。怎样从头写一份，见[编写规程](../how-to/write-a-protocol.zh.md)。
"""


def page() -> str:
    """The whole page."""
    schema = Protocol.model_json_schema()
    parts = [HEAD]
    for name, shape in {"Protocol": schema, **schema["$defs"]}.items():
        about = str(shape.get("description", ""))
        parts.append("\n".join([f"\n## {name}\n", about, *_rows(shape), ""]))
    return "".join(parts)


def _rows(shape: dict[str, Any]) -> Iterator[str]:
    yield "\n| field | kind | needed | default |"
    yield "|---|---|---|---|"
    for name, field in shape["properties"].items():
        needed = "yes" if name in shape.get("required", []) else ""
        default = field.get("default")
        told = "" if default in (None, [], {}) else f"`{default}`"
        yield f"| `{name}` | {_kind(field)} | {needed} | {told} |"


def _kind(field: dict[str, Any]) -> str:
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in field:
        return " or ".join(_kind(one) for one in field["anyOf"] if one.get("type") != "null")
    for word in ("enum", "const"):
        if word in field:
            values = field[word] if word == "enum" else [field[word]]
            return " or ".join(f"`{one}`" for one in values)
    if field.get("type") == "array":
        return f"list of {_kind(field['items'])}"
    if "additionalProperties" in field and isinstance(field["additionalProperties"], dict):
        return f"map of name to {_kind(field['additionalProperties'])}"
    return str(field.get("type", "any"))
