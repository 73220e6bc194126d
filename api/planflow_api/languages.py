"""The language of an answer, from `Accept-Language`."""

from planflow.messages import LANGUAGES


def preferred(header: str | None, default: str) -> str:
    """The language the reader likes best among ours; the default where the header names none."""
    if header is None:
        return default
    wishes = [_wish(part, default) for part in header.split(",")]
    # `max` keeps the first of equals, and a reader's first word is the stronger one
    lang, weight = max(wishes, key=lambda wish: wish[1])
    return lang if weight > 0 else default


def _wish(part: str, default: str) -> tuple[str, float]:
    tag, *parameters = [word.strip().lower() for word in part.split(";")]
    lang = default if tag == "*" else tag.partition("-")[0]
    return lang, _weight(parameters) if lang in LANGUAGES else 0.0


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                weight = float(value)
            except ValueError:
                return 0.0
            return weight if 0.0 <= weight <= 1.0 else 0.0
    return 1.0
