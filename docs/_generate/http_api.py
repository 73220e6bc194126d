"""The reference of the HTTP interface, from the service's own OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from planflow_api.app import create_app

HEAD = """\
# HTTP interface / HTTP 接口

<!-- Generated: python docs/_generate -->

The same as a running service tells at `/openapi.json` and, to click through, at `/docs`. Names are a contract: more may be
added, none is changed. Errors are problem details (RFC 9457), with a [code](errors.md).

与服务运行时 `/openapi.json` 和 `/docs` 所示相同。名称是约定：可以增加，不会更改。
"""


def page() -> str:
    """The whole page."""
    document = create_app().openapi()
    parts = [HEAD]
    tags: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            text = "\n".join(_operation(method.upper(), path, operation))
            tags.setdefault(operation["tags"][0], []).append(text)
    for tag, texts in tags.items():
        parts += [f"\n## {tag}\n", *texts]
    return "".join(parts)


def _operation(method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"\n### `{method} {path}`\n"
    yield str(operation.get("description", "")).strip()
    named = [one for one in operation.get("parameters", []) if one["in"] != "path"]
    if named:
        yield "\n| parameter | in | meaning |"
        yield "|---|---|---|"
        for one in named:
            yield f"| `{one['name']}` | {one['in']} | {one.get('description', '')} |"
    yield from _body(operation)
    yield f"\nAnswers: {', '.join(sorted(operation['responses']))}.\n"


def _body(operation: dict[str, Any]) -> Iterator[str]:
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        for example in content.get("examples", {}).values():
            yield f"\nBody, `{kind}`; for example ({example['summary']}):\n"
            yield "```json"
            yield json.dumps(example["value"], ensure_ascii=False, indent=1)
            yield "```"
