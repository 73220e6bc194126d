"""The reference of settings, from `planflow.config.Settings`."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic_core import PydanticUndefined

from planflow.config import Settings

HEAD = """\
# Settings / 设置

<!-- Generated: python docs/_generate -->

A process reads its settings from environment variables when it starts, never from a file in the code. Passwords in addresses
are never printed.

设置都来自环境变量，进程启动时读取；地址里的密码不会显示。

"""


def page() -> str:
    """The whole page."""
    return HEAD + "\n".join(_rows()) + "\n"


def _rows() -> Iterator[str]:
    yield "| variable | kind | default | meaning |"
    yield "|---|---|---|---|"
    schema = Settings.model_json_schema()["properties"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (PydanticUndefined, None) else f"`{field.default}`"
        kinds = [one for one in _kinds(schema[name]) if one != "null"]
        yield f"| `PLANFLOW_{name.upper()}` | {', '.join(kinds)} | {default} | {field.description} |"


def _kinds(shape: dict[str, object]) -> Iterator[str]:
    for one in shape.get("anyOf", [shape]):  # type: ignore[attr-defined]
        if "enum" in one:
            yield " or ".join(f"`{value}`" for value in one["enum"])
        else:
            yield str(one.get("format", one.get("type", "")))
