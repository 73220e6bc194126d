"""`planflow audit` over this machine's database."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from planflow.config import Settings
from planflow.services import keys
from planflow.services.site import open_site
from tests.cli.conftest import Cli
from tests.cli.test_witness import FILE, signed
from tests.contract.test_ledger import alone


def test_it_is_clean_then_names_what_was_changed(peopled: Cli) -> None:
    told = peopled("audit")
    assert told.code == 0, told
    assert "没有签名密钥" in told.out
    site = open_site(Settings())
    keys.ready(site)
    signed(site)
    vkey = str(keys.signer(site).key)
    site.close()
    told = peopled("audit", "--key", vkey)
    assert (told.code, "没有发现不符" in told.out) == (0, True)
    data = peopled("audit", "--json").data
    assert data["findings"] == []
    assert data["counts"]["events"] == data["counts"]["leaves"] > 0
    assert data["signer"] == vkey
    with alone(f"sqlite:///{FILE}") as connection:
        connection.execute(text("UPDATE event SET kind = 'x' WHERE seq = 2"))
        connection.commit()
    told = peopled("audit")
    assert told.code == 1
    assert "site 的第 2 条" in told.out
    assert "kind" in told.out
    told = peopled("audit", "--json")
    assert told.code == 1
    assert told.data["findings"][0]["seq"] == 2
    assert "公钥" in peopled("audit", "--key", "x").refused()


def test_it_tells_how_far_it_is(peopled: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from planflow.cli import auditing

    monkeypatch.setattr(auditing, "_IN_A_LOG", 0.0)
    told = peopled("audit", "--lang", "en")
    assert "looked at so far, events: 1\n" in told.err
    assert "looked at so far, plans" not in told.err  # nothing is negotiated yet
    assert told.code == 0
