"""The bundled protocol with one thing changed, and what the loader then says.

A change marks the line that the finding must name with the comment `# here`.
"""

from planflow.errors import Finding, Refusal
from planflow.protocol.loader import find, load

# Without its durations: they are for all levels, and tests change which levels take part.
TEXT = "".join(
    line for line in find("exit-plan").splitlines(keepends=True) if "durations:" not in line
)
HERE = "# here"


def spoil(*changes: tuple[str, str], text: str = TEXT) -> str:
    """Return a text with every `old` (which stands there just once) replaced."""
    for old, new in changes:
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times"
        text = text.replace(old, new)
    return text


def findings(text: str | bytes) -> tuple[Finding, ...]:
    """Return the findings of a text; none where it is sound."""
    try:
        load(text)
        return ()
    except Refusal as refusal:
        caught = refusal
    assert caught.code == "protocol_invalid"
    assert caught.params["count"] >= len(caught.findings) > 0
    return caught.findings


def line_here(text: str) -> int:
    """Return the number of the marked line."""
    lines = [number for number, line in enumerate(text.split("\n"), 1) if HERE in line]
    assert len(lines) == 1
    return lines[0]


def only(text: str) -> Finding:
    """Return the one finding of a text, having checked that it names the marked line."""
    found = findings(text)
    assert [finding.code for finding in found] == [found[0].code], found
    line = line_here(text)
    assert found[0].params["line"] == line
    assert found[0].where == f"line {line}"
    return found[0]
