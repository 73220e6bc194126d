"""What somebody may have meant who wrote a name that is not known (§4)."""

import difflib
from collections.abc import Sequence

from planflow.protocol.source import shown

# Comparing names is slow: a file of nothing but mistakes must not cost minutes.
MOST_SUGGESTIONS = 500
_MOST_COMPARED = 100
_MOST_LISTED = 20


def nearest(name: object, known: Sequence[str], place: int) -> dict[str, str]:
    """Return `suggestion` (empty where nothing is near) and `known`, as parameters of a finding.

    `place` counts the findings of a file; late ones get no suggestion.
    """
    compared = known[:_MOST_COMPARED] if place < MOST_SUGGESTIONS else []
    near = difflib.get_close_matches(shown(name), compared, 1)
    more = ["…"] if len(known) > _MOST_LISTED else []
    return {"suggestion": "".join(near), "known": ", ".join([*known[:_MOST_LISTED], *more])}
