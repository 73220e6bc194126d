"""Where a correction reaches in a cycle's tree: the units it names, and all above them (N13)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from planflow.domain.units import UnitNode
from planflow.engine.machine import Negotiation
from planflow.engine.scene import takes_part
from planflow.store import trees
from planflow.store.transaction import Database, Tx
from planflow.store.trees import Taking, Tree


@dataclass(frozen=True, slots=True)
class Named:
    """The closed round a correction is about, and the codes of the units it names."""

    round: str
    codes: Sequence[str]


@dataclass(frozen=True, slots=True)
class Reach:
    """Units that take part in that round, with the nearest above and below each of them."""

    round: str
    units: tuple[UnitNode, ...]
    above: Mapping[str, str]
    below: Mapping[str, tuple[UnitNode, ...]]


def reaches(
    database: Database, tx: Tx, tree: Tree, negotiation: Negotiation, asked: Mapping[str, Named]
) -> dict[str, Reach]:
    """How far each of several corrections reaches; a few statements for all of them."""
    places = trees.nodes(
        database, tx, tree, sorted({code for named in asked.values() for code in named.codes})
    )
    steps = {code for place in places.values() for code in place.path.split("/")}
    everyone = trees.nodes(database, tx, tree, sorted(steps))
    touched: dict[str, dict[str, UnitNode]] = {}
    for key, named in asked.items():
        touched[key] = {
            step: everyone[step]
            for code in named.codes
            if code in places and takes_part(negotiation, places[code], named.round)
            for step in places[code].path.split("/")
            if takes_part(negotiation, everyone[step], named.round)
        }
    below = _below(database, tx, tree, negotiation, asked, touched)
    return {
        key: Reach(
            named.round,
            tuple(sorted(touched[key].values(), key=lambda unit: unit.path)),
            _above(touched[key]),
            {code: below[named.round].get(code, ()) for code in touched[key]},
        )
        for key, named in asked.items()
    }


def _above(touched: Mapping[str, UnitNode]) -> dict[str, str]:
    nearest = {
        code: next((up for up in unit.ancestors if up in touched), None)
        for code, unit in touched.items()
    }
    return {code: up for code, up in nearest.items() if up is not None}


def _below(
    database: Database,
    tx: Tx,
    tree: Tree,
    negotiation: Negotiation,
    asked: Mapping[str, Named],
    touched: Mapping[str, Mapping[str, UnitNode]],
) -> dict[str, dict[str, tuple[UnitNode, ...]]]:
    """Children by round; what the root alone decides has none (N2)."""
    found: dict[str, dict[str, tuple[UnitNode, ...]]] = {}
    protocol = negotiation.protocol
    for name in {named.round for named in asked.values()}:
        units = {
            code: unit
            for key, named in asked.items()
            if named.round == name
            for code, unit in touched[key].items()
        }
        alone = protocol.rounds_by_name[name].kind == "decision"
        taking = Taking(protocol.levels_of(name), protocol.place_of(name))
        parents = [] if alone else list(units.values())
        found[name] = trees.below(database, tx, tree, parents, taking)
    return found
