"""F9, N13: how people come in is told again by events: an account shut, a factor, an identity, a token.

Of each table that an event moves, the audit is clean after all that the product does, and names the row
that somebody moved without an event. Of a sign-in no event tells: its family is the one row left alone.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pyotp
import pytest
from sqlalchemy import text

from planflow.domain.events import Draft
from planflow.domain.identity import ServiceTerms
from planflow.engine.hand import Hand
from planflow.errors import Refusal
from planflow.messages import sentence
from planflow.services import erasing, factors, keys, people, shell_accounts, tokens
from planflow.services.site import Site, open_site, site_event
from planflow.store import people as accounts
from planflow.store.appending import Recorded
from planflow.store.transaction import Tx
from tests.contract.test_audit import bent, looked
from tests.contract.test_ledger import alone
from tests.databases import Databases, settings
from tests.world import PASSWORD, World


@pytest.fixture
def url(databases: Databases) -> str:
    return databases.peopled()


@pytest.fixture
def world(databases: Databases, url: str, tmp_path: Path) -> Iterator[World]:
    """A site whose people came and went in every way there is."""
    here = settings(url, ledger_folder=tmp_path, oidc_issuer="https://provider.example")
    site = open_site(here)
    keys.ready(site)
    came_and_went(site)
    yield World(site)
    site.close()


def came_and_went(site: Site) -> None:
    for name in ("a", "b"):
        shell_accounts.link(site, name, f"subject of {name}")
        with_a_factor(site, name)
        shell_accounts.disable(site, name, disabled=True)
    shell_accounts.disable(site, "a", disabled=False)
    shell_accounts.unlink(site, "a")
    shell_accounts.drop_factor(site, "a")
    shell_accounts.link(site, "clerk", "subject of a")  # of somebody else by now
    for name in ("a", "city"):
        until = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=30)
        command = ServiceTerms(name="月报程序", scopes=["read"], to=until)
        made = shell_accounts.make_service_token(site, name, command)
    shell_accounts.end_service_token(site, "city", made.id)
    people.shell_token(site, "city")
    tokens.sign_out(site, people.sign_in(site, "city", PASSWORD).access_token)
    used = people.sign_in(site, "city", PASSWORD).refresh_token or ""
    tokens.refresh(site, used)
    with pytest.raises(Refusal):
        tokens.refresh(site, used)
    shell_accounts.link(site, "auditor", "subject of the auditor's")
    with_a_factor(site, "auditor")
    erasing.erase_user(site, "auditor", "本人申请")


def with_a_factor(site: Site, name: str) -> None:
    def work(tx: Tx) -> None:
        own = accounts.account(tx, name)
        assert own is not None
        maker = pyotp.parse_uri(factors.enrol(site, tx, own.id, name))
        assert isinstance(maker, pyotp.TOTP)
        factors.confirm(site, tx, own.id, maker.now())

    site.database.write(work)


BENDS = {
    # A shut account opened by hand, an open one shut.
    "UPDATE account SET disabled = false WHERE name = 'b'": ("row_differs", "account"),
    "UPDATE account SET disabled = true WHERE name = 'a'": ("row_differs", "account"),
    # A factor taken away, one put in so that its owner is shut out, one that was never confirmed.
    "DELETE FROM second_factor": ("row_missing", "second_factor"),
    "UPDATE second_factor SET confirmed_at = NULL": ("row_missing", "second_factor"),
    "INSERT INTO second_factor SELECT id, 'x', '2026-01-01 00:00:00', 0 FROM account "
    "WHERE name = 'region'": ("row_unexpected", "second_factor"),
    # Somebody else's account signed in to.
    "UPDATE oidc_identity SET account_id = (SELECT id FROM account WHERE name = 'region')": (
        "row_differs",
        "oidc_identity",
    ),
    "DELETE FROM oidc_identity": ("row_missing", "oidc_identity"),
    "INSERT INTO oidc_identity SELECT issuer, 'another', account_id FROM oidc_identity "
    "WHERE subject = 'subject of a'": ("row_unexpected", "oidc_identity"),
    # A program's token that lives longer, may do more, is another's, or was never made.
    "UPDATE token_family SET expires_at = '2199-01-01 00:00:00' WHERE kind = 'service'": (
        "row_differs",
        "token_family",
    ),
    "UPDATE token_family SET scopes = 'read act' WHERE kind = 'service'": (
        "row_differs",
        "token_family",
    ),
    "UPDATE token_family SET name = 'x' WHERE kind = 'service'": ("row_differs", "token_family"),
    "UPDATE token_family SET account_id = 'x' WHERE kind = 'service'": (
        "row_differs",
        "token_family",
    ),
    "UPDATE token_family SET kind = 'sign_in' WHERE kind = 'service'": (
        "row_differs",
        "token_family",
    ),
    "DELETE FROM token_family WHERE kind = 'service'": ("row_missing", "token_family"),
    "INSERT INTO token_family SELECT 'x', account_id, kind, name, scopes, via, begun_at, expires_at "
    "FROM token_family WHERE kind = 'service' LIMIT 1": ("row_unexpected", "token_family"),
    "UPDATE token_family SET via = 'shell:x' WHERE kind = 'shell'": (
        "row_unexpected",
        "token_family",
    ),
    "UPDATE token_family SET account_id = 'x' WHERE kind = 'shell'": (
        "row_unexpected",
        "token_family",
    ),
    # A token that ended runs again; one that runs was ended, or by another, or at another time.
    "DELETE FROM token_end": ("row_missing", "token_end"),
    "UPDATE token_end SET ended_by = 'x'": ("row_differs", "token_end"),
    "UPDATE token_end SET why = 'x'": ("row_differs", "token_end"),
    "UPDATE token_end SET ended_at = '2020-01-01 00:00:00'": ("row_differs", "token_end"),
    "INSERT INTO token_end SELECT 'x', ended_at, ended_by, why FROM token_end LIMIT 1": (
        "row_unexpected",
        "token_end",
    ),
}


def test_it_is_clean_after_people_came_and_went(world: World) -> None:
    assert looked(world.site).findings == []


def test_a_row_of_signing_in_that_no_event_made_is_named(world: World, url: str) -> None:
    for bend, named in BENDS.items():
        [found] = bent(world, url, bend)[:1]
        assert (found.code, found.params["table"]) == named, (bend, found)
        for lang in ("zh", "en"):
            assert "…" not in sentence(found.code, found.params, lang)


def test_the_end_of_a_token_that_is_not_dated_is_compared_in_all_else(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events from before ends were dated in them stay sound."""

    def as_before(site: Site, tx: Tx, draft: Draft, hand: Hand) -> Recorded:
        del draft.parts["tokens"]["at"]
        return site_event(site, tx, draft, hand)

    with monkeypatch.context() as patch:
        patch.setattr(tokens, "site_event", as_before)
        tokens.sign_out(world.site, people.sign_in(world.site, "city", PASSWORD).access_token)
    assert looked(world.site).findings == []


def test_a_sign_in_is_no_history(world: World, url: str) -> None:
    """As docs/explanation/what-is-proven.md says: of a sign-in's own family, no event tells."""
    with alone(url) as connection:
        kinds = connection.execute(text("SELECT kind FROM token_family")).scalars().all()
    assert {"sign_in", "service", "shell"} == set(kinds)
    longer = "UPDATE token_family SET scopes = 'x' WHERE kind = 'sign_in'"
    assert bent(world, url, longer) == []
