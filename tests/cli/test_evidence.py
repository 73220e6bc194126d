"""`planflow bundle` and `planflow verify`: from this machine's database, and from a service."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from planflow.config import Settings
from planflow.demo.server import serving
from planflow.services import cycles, keys, people
from planflow.services.calls import Call
from planflow.services.site import open_site
from tests.cli.conftest import Cli
from tests.cli.test_witness import signed

CYCLE = {"id": "c1", "protocol": "exit-plan", "year": 2019, "root": "R", "leaf_level": "county"}


@pytest.fixture
def key(peopled: Cli, home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A cycle with its first round open; the site's public key, which a service finds as well."""
    monkeypatch.setenv("PLANFLOW_LEDGER_FOLDER", str(home / "ledger"))
    site = open_site(Settings())
    try:
        keys.ready(site)
        token = people.shell_token(site, "region").access_token
        reader = people.authenticate(site, token, "zh")
        body = json.dumps(CYCLE).encode()
        cycles.create_cycle(site, reader, Call("POST", "/cycles", body, None, None))
        call = Call("POST", "/cycles/c1/rounds/up1/open", b"", None, None)
        cycles.open_round(site, reader, call, "c1", "up1")
        return str(keys.signer(site).key)
    finally:
        site.close()


def test_a_bundle_from_this_machine_is_verified(peopled: Cli, key: str) -> None:
    done = peopled("bundle", "K", "--as", "county-K", "--out", "k.zip")
    assert done.code == 0, done
    assert "k.zip" in done.out
    assert (
        "k.zip 已经存在" in peopled("bundle", "K", "--as", "county-K", "--out", "k.zip").refused()
    )
    told = peopled("verify", "k.zip", "--key", key).out
    assert "2 条记录，2 处链接，1 个签名，2 个证明" in told
    assert f"签名方就是指定的密钥：{key}" in told
    assert "cycle/c1：第 1 至 2 条" in told
    told = peopled("verify", "k.zip", "--lang", "en").out
    assert "2 events, 2 links, 1 signatures, 2 proofs" in told
    assert "not pinned" in told
    data = peopled("verify", "k.zip", "--json").data
    assert (data["events"], data["proofs"], data["pinned"]) == (2, 2, False)
    assert data["withheld"] > 0
    assert peopled("bundle", "R", "--as", "region", "--round", "up1", "--out", "r.zip").code == 0
    assert peopled("verify", "r.zip", "--key", key, "--json").data["withheld"] == 0


def test_a_bundle_from_a_service_is_the_same(peopled: Cli, home: Path, key: str) -> None:
    with serving(Settings().database_url.get_secret_value(), home, 0, "zh") as server:
        token = peopled("token", "county-K").out.strip()
        site = open_site(Settings())
        signed(site)
        site.close()
        there = ("--url", server.url, "--cycle", "c1", "--token", token)
        assert peopled("bundle", "K", *there, "--out", "one.zip").code == 0
        assert peopled("bundle", "K", *there, "--round", "up1", "--out", "two.zip").code == 0
        assert "没有找到" in peopled("bundle", "L", *there, "--out", "no.zip").refused()
        assert peopled("bundle", "K", *there[:2], "--out", "no.zip").refused()
        assert peopled("bundle", "K", *there[:4], "--out", "no.zip").refused()
    assert not Path("no.zip").exists()
    for name in ("one.zip", "two.zip"):
        assert peopled("verify", name, "--key", key).code == 0


def test_what_does_not_hold_is_refused_in_one_line(peopled: Cli, key: str) -> None:
    peopled("bundle", "K", "--as", "county-K", "--out", "k.zip")
    raw = Path("k.zip").read_bytes()
    at = raw.index(b"round_opened")
    Path("bent.zip").write_bytes(raw[:at] + b"R" + raw[at + 1 :])
    told = peopled("verify", "bent.zip", "--key", key).refused()
    assert "cycle/c1 的第 2 条" in told
    assert "event 2 of cycle/c1" in peopled("verify", "bent.zip", "--lang", "en").refused().lower()
    name = key.partition("+")[0]
    assert peopled("verify", "k.zip", "--key", f"{name}+00000000+AAAA").refused()
    Path("none.zip").write_bytes(b"PK")
    assert "证据包" in peopled("verify", "none.zip").refused()
    assert peopled("verify", "missing.zip").refused()
