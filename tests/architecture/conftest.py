from __future__ import annotations

from pathlib import Path

import pytest

from tests.architecture import house


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the house, to be spoilt."""
    return house.copy_tree(tmp_path)
