"""The scope of a reader as a condition: the one filter of every statement that finds plans or places."""

from typing import Any

from sqlalchemy import ColumnElement, false, func, or_

from planflow.access.scope import Scope
from planflow.domain.units import SEPARATOR


def within(path: ColumnElement[Any], scope: Scope) -> ColumnElement[bool]:
    """At or below one of the places in scope; nowhere where there is none."""
    return or_(false(), *(at_or_below(path, one) for one in scope.paths))


def at_or_below(path: ColumnElement[Any], above: str) -> ColumnElement[bool]:
    """At or below a place."""
    return or_(path == above, below(path, above))


def below(path: ColumnElement[Any], above: str) -> ColumnElement[bool]:
    """Below a place, by its letters as they are: LIKE takes a for A on one of the databases."""
    start = above + SEPARATOR
    return func.substr(path, 1, len(start)) == start
