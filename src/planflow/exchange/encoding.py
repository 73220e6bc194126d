"""Bytes of a planner's file to text: UTF-8 or GB18030, and never a guess that garbles names."""

import codecs

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class BrokenEncodingError(ValueError):
    """The bytes are text in neither encoding; `row` is the first line that shows it."""

    def __init__(self, row: int) -> None:
        self.row = row
        super().__init__(f"row {row}")


def decode(data: bytes) -> str:
    """Read UTF-8 or, where that fails, GB18030, without the byte order mark.

    Raises `BrokenEncodingError`, also for NUL bytes and characters that were lost earlier.
    """
    if b"\0" in data:
        raise BrokenEncodingError(_row(data, data.index(b"\0")))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # counted from after the mark that this codec takes away
        mark = len(codecs.BOM_UTF8) if data.startswith(codecs.BOM_UTF8) else 0
        text = _gb18030(data, error.start + mark)
    if REPLACEMENT in text:
        raise BrokenEncodingError(text.count("\n", 0, text.index(REPLACEMENT)) + 1)
    return text


def _gb18030(data: bytes, utf8_until: int) -> str:
    # Damaged UTF-8 is often readable as GB18030, as nonsense: it must not become somebody's name.
    if data.startswith(codecs.BOM_UTF8) or _is_mostly_utf8(data):
        raise BrokenEncodingError(_row(data, utf8_until))
    try:
        return data.decode("gb18030").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        # the encoding that got further is the one that was meant
        raise BrokenEncodingError(_row(data, max(error.start, utf8_until))) from None


def _is_mostly_utf8(data: bytes) -> bool:
    text = data.decode("utf-8", "replace")
    foreign = len(text) - len(text.encode("ascii", "ignore"))
    return foreign > 2 * text.count(REPLACEMENT)


def _row(data: bytes, position: int) -> int:
    return data.count(b"\n", 0, position) + 1
