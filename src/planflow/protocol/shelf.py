"""The protocols that a cycle may be opened with: the bundled ones and those of a site's folder (§4)."""

from collections.abc import Mapping
from pathlib import Path

from planflow.errors import Fault, Refusal
from planflow.protocol import loader

_PATTERN = "*.yaml"


def shelf(folder: Path | None) -> Mapping[str, str]:
    """Exact texts by the names the protocols give themselves.

    Raises `Fault`: `protocols_unreadable`, `protocol_unusable` with the findings of the file, or
    `protocol_name_taken`.
    """
    texts = loader.bundled()
    for file in _files(folder) if folder is not None else ():
        try:
            raw = file.read_bytes()
        except OSError as error:
            raise _unreadable(file, error) from None
        name = _checked(file, raw)
        if name in texts:
            raise Fault("protocol_name_taken", {"name": name, "path": str(file)})
        texts[name] = raw.decode("utf-8")
    return texts


def _files(folder: Path) -> list[Path]:
    try:
        # a pattern finds nothing in a folder that is not there; listing it tells
        return sorted(file for file in folder.iterdir() if file.match(_PATTERN))
    except OSError as error:
        raise _unreadable(folder, error) from None


def _checked(file: Path, raw: bytes) -> str:
    try:
        return loader.load(raw).name
    except Refusal as refusal:
        params = {"path": str(file), "count": refusal.params["count"]}
        raise Fault("protocol_unusable", params, findings=refusal.findings) from None


def _unreadable(path: Path, error: OSError) -> Fault:
    return Fault("protocols_unreadable", {"path": str(path), "detail": error.strerror or ""})
