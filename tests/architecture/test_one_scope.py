"""No room of the services makes a filter of its own: who reads what is asked of the one scope."""

from __future__ import annotations

import re

from tests.architecture import house

# Where roles are looked at without the table of rights: names of readers, and who keeps the ledger.
BY_ROLE = {"shell.py", "epochs.py"}
# Where a scope is made: of a cycle, of an act's own standings, and of a plan's view.
MAKES = {"sights.py", "acting.py", "plans.py"}


def test_roles_are_compared_in_the_table_alone() -> None:
    services = sorted((house.ROOT / "src/planflow/services").glob("*.py"))
    assert len(services) > 30
    texts = {path.name: path.read_text("utf-8") for path in services}
    compares = re.compile(r"\.role (in|not in|==|!=)|\bREADERS\b|\bKEEPERS\b")
    found = {name for name, text in texts.items() if compares.search(text)}
    assert found - BY_ROLE - {"people.py"} == set()  # people: whether a role is one at all
    makes = re.compile(r"access\.scope\(|(?<![.\w])(?<!def )(scope_of|scope)\(")
    assert {name for name, text in texts.items() if makes.search(text)} == MAKES
