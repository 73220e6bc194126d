"""Dependencies point down only: the contracts of pyproject.toml, run and tried."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.architecture import house

LAYERS = "Dependencies point down only"
SERVICE_ON_TOP = "The library knows nothing of the service"
THROUGH_SERVICES = "The service reaches plans through planflow.services"
ONE_MACHINE = "Only planflow.engine.machine imports transitions"
ONE_STORE = "Only planflow.store imports SQLAlchemy, SQLModel and Alembic"


def test_the_house_keeps_its_contracts() -> None:
    run = house.lint_imports(house.ROOT)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(
    ("name", "line", "contract"),
    [
        ("src/planflow/domain/trial.py", "import planflow.services", LAYERS),
        ("src/planflow/protocol/trial.py", "from planflow import engine", LAYERS),
        ("src/planflow/ledger/trial.py", "import planflow.access", LAYERS),
        ("src/planflow/unlisted_room.py", "", LAYERS),
        ("src/planflow/services/trial.py", "import planflow_api", SERVICE_ON_TOP),
        ("api/planflow_api/trial.py", "import planflow.store", THROUGH_SERVICES),
        ("api/planflow_api/trial.py", "from planflow.engine import machine", THROUGH_SERVICES),
        ("api/planflow_api/app.py", "import planflow.engine", THROUGH_SERVICES),
        ("src/planflow/engine/trial.py", "import transitions", ONE_MACHINE),
        ("src/planflow/services/trial.py", "import sqlalchemy", ONE_STORE),
        ("api/planflow_api/trial.py", "from sqlmodel import Session", ONE_STORE),
        ("src/planflow/cli/trial.py", "import alembic.command", ONE_STORE),
    ],
)
def test_a_wrong_edge_is_found(tree: Path, name: str, line: str, contract: str) -> None:
    path = tree / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    path.write_text(f"{text}\n{line}\n", encoding="utf-8")
    run = house.lint_imports(tree)
    assert run.returncode == 1, run.stdout + run.stderr
    assert f"{contract} BROKEN" in run.stdout
    assert path.stem in run.stdout


def test_the_composition_root_may_pick_the_store(tree: Path) -> None:
    path = tree / "api/planflow_api/app.py"
    path.write_text(
        path.read_text(encoding="utf-8") + "\nimport planflow.store\n", encoding="utf-8"
    )
    run = house.lint_imports(tree)
    assert run.returncode == 0, run.stdout + run.stderr
