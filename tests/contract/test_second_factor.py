"""The second factor: asked for, each code good once, sealed, and required of roles (RFC 6238)."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pyotp
import pytest
from sqlalchemy import text

from planflow.errors import Fault, Refusal
from planflow.services import own_factor, people, shell_accounts, tokens
from planflow.services.calls import Call
from planflow.services.site import Site, open_site
from tests.contract.test_sign_in import NEW, Clock, refused
from tests.databases import Databases, settings
from tests.world import PASSWORD


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def here(databases: Databases, clock: Clock, tmp_path: Path) -> Iterator[Site]:
    opened = open_site(settings(databases.peopled(), ledger_folder=tmp_path))
    clock.now = dt.datetime.now(dt.UTC)
    yield replace(opened, clock=clock)
    opened.close()


def call(**body: str) -> Call:
    return Call("POST", "/auth/second-factor", json.dumps(body).encode())


def sign_in(site: Site, otp: str = "") -> Any:
    return people.sign_in(site, "a", PASSWORD, "", otp)


def begun(site: Site) -> tuple[Any, pyotp.TOTP]:
    reader = people.authenticate(site, sign_in(site).access_token, "zh")
    told = own_factor.enrol(site, reader, call(password=PASSWORD)).otpauth
    maker = pyotp.parse_uri(told)
    assert isinstance(maker, pyotp.TOTP)
    assert (maker.name, maker.issuer) == ("a", "planflow")
    return reader, maker


def enrolled(site: Site, clock: Clock) -> tuple[Any, pyotp.TOTP, list[str]]:
    reader, maker = begun(site)
    done = own_factor.confirm(site, reader, call(code=maker.at(clock.now)))
    clock.later(30)
    return reader, maker, done.recovery_codes


def test_it_is_asked_for_once_confirmed_and_no_code_is_good_twice(here: Site, clock: Clock) -> None:
    begun(here)
    assert sign_in(here).access_token  # not confirmed: a secret that never arrived shuts nobody out
    _, maker, _ = enrolled(here, clock)
    assert refused(lambda: sign_in(here)).code == "otp_required"
    code = maker.at(clock.now)
    assert sign_in(here, code).scope == "read act manage enrol"
    assert refused(lambda: sign_in(here, code)).params == {"why": "otp"}
    clock.later(30)
    assert refused(lambda: sign_in(here, code)).params == {"why": "otp"}  # replayed in its window
    assert sign_in(here, maker.at(clock.now)).access_token
    clock.later(120)
    old = maker.at(clock.now - dt.timedelta(seconds=60))
    assert refused(lambda: sign_in(here, old)).params == {"why": "otp"}
    assert sign_in(here, maker.at(clock.now - dt.timedelta(seconds=30))).access_token


def test_of_two_at_once_with_one_code_one_is_signed_in(here: Site, clock: Clock) -> None:
    _, maker, _ = enrolled(here, clock)
    code = maker.at(clock.now)

    def attempt(_: int) -> str:
        try:
            return str(bool(sign_in(here, code).access_token))
        except Refusal as refusal:
            return refusal.code

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(attempt, range(4))) == ["True"] + ["unauthorized"] * 3


def test_who_knows_the_password_cannot_try_codes_for_ever(here: Site, clock: Clock) -> None:
    """The password alone forgives no failure: else each five guesses would be free again."""
    enrolled(here, clock)
    for _ in range(5):
        assert refused(lambda: sign_in(here)).code == "otp_required"
        told = refused(lambda: sign_in(here, "000000"))
        assert told.code == "unauthorized"
    assert refused(lambda: sign_in(here)).code == "too_many_attempts"


def test_a_recovery_code_is_good_once(here: Site, clock: Clock) -> None:
    _, _, codes = enrolled(here, clock)
    assert len(set(codes)) == 10
    assert {len(one.replace("-", "")) for one in codes} == {24}  # 120 bits in base 32
    assert sign_in(here, f" {codes[0].upper()} ").access_token
    assert refused(lambda: sign_in(here, codes[0])).params == {"why": "otp"}
    assert sign_in(here, codes[9]).access_token


def test_secret_and_codes_lie_sealed_in_the_database(here: Site, clock: Clock) -> None:
    _, maker, codes = enrolled(here, clock)

    def rows(name: str) -> str:
        query = text(f"SELECT * FROM {name}")
        return here.database.read(
            lambda tx: "".join(
                str(bytes(v) if isinstance(v, bytes | memoryview) else v)
                for row in tx.connection.execute(query)
                for v in row
            )
        )

    kept = "".join(rows(name) for name in ("second_factor", "recovery_code", "event", "event_part"))
    assert maker.secret not in kept
    assert [code for code in codes if code in kept] == []
    other = here.settings.model_copy(update={"ledger_folder": here.settings.ledger_folder / "x"})
    with pytest.raises(Fault) as caught:
        sign_in(replace(here, settings=other), maker.at(clock.now))
    assert caught.value.code == "secrets_key_missing"
    key = here.settings.ledger_folder / here.id / "secrets-key"
    assert key.stat().st_mode & 0o077 == 0
    key.write_text("A" * 43 + "=")
    with pytest.raises(Fault) as caught:
        sign_in(here, maker.at(clock.now))
    assert caught.value.code == "secrets_key_wrong"


def test_it_is_begun_and_dropped_by_the_password_alone(here: Site, clock: Clock) -> None:
    reader, maker, _ = enrolled(here, clock)
    for work in (
        partial(own_factor.enrol, here, reader, call(password="wrong")),
        partial(own_factor.enrol, here, reader, call(password=PASSWORD)),  # there is one
        partial(own_factor.confirm, here, reader, call(code=maker.at(clock.now))),
        partial(own_factor.drop, here, reader, call(password=PASSWORD, code="000000")),
    ):
        assert refused(work).code == "invalid"
    done = own_factor.drop(here, reader, call(password=PASSWORD, code=maker.at(clock.now)))
    assert done.event
    assert sign_in(here).access_token


def test_the_right_password_is_no_failure_where_there_is_a_factor_already(
    here: Site, clock: Clock
) -> None:
    reader, maker, _ = enrolled(here, clock)
    for _ in range(6):
        told = refused(partial(own_factor.enrol, here, reader, call(password=PASSWORD)))
        assert [one.code for one in told.findings] == ["factor_there"]
    assert sign_in(here, maker.at(clock.now)).access_token


def test_who_lost_it_is_let_in_by_the_command_line(here: Site, clock: Clock) -> None:
    enrolled(here, clock)
    shell_accounts.set_password(here, "a", NEW)  # no way round it
    again = partial(people.sign_in, here, "a", NEW)
    assert refused(again).code == "otp_required"
    shell_accounts.drop_factor(here, "a")
    assert again().access_token
    assert refused(partial(shell_accounts.drop_factor, here, "a")).code == "not_found"


def test_a_role_that_needs_it_may_enrol_and_nothing_else(here: Site, clock: Clock) -> None:
    needed = here.settings.model_copy(update={"second_factor_roles": "sysadmin planner"})
    site = replace(here, settings=needed)
    token = sign_in(site)
    assert token.scope == "enrol"
    for needs in ("read", "act", "manage"):
        told = refused(partial(people.authenticate, site, token.access_token, "zh", needs))
        assert (told.code, told.params) == ("scope_missing", {"scope": needs})
    reader = people.authenticate(site, token.access_token, "zh", "enrol")
    maker = pyotp.parse_uri(own_factor.enrol(site, reader, call(password=PASSWORD)).otpauth)
    assert isinstance(maker, pyotp.TOTP)
    own_factor.confirm(site, reader, call(code=maker.at(clock.now)))
    clock.later(30)
    assert sign_in(site, maker.at(clock.now)).scope == "read act manage enrol"
    assert people.sign_in(site, "city", PASSWORD).scope == "read act manage enrol"


def test_a_role_given_since_is_judged_when_tokens_are_renewed(here: Site, clock: Clock) -> None:
    site = replace(
        here, settings=here.settings.model_copy(update={"second_factor_roles": "auditor"})
    )
    first = sign_in(site)
    assert first.scope == "read act manage enrol"
    people.add_user(site, "a", PASSWORD, "auditor", "C")
    second = tokens.refresh(site, first.refresh_token)
    assert second.scope == "enrol"
    assert refused(
        partial(people.authenticate, site, second.access_token, "zh", "read")
    ).params == {"scope": "read"}
    people.revoke(site, "a", "auditor", "C")
    assert tokens.refresh(site, str(second.refresh_token)).scope == "read act manage enrol"


# Roles that never meet on one account


@pytest.mark.parametrize(
    ("first", "second", "good"),
    [
        ("sysadmin", "secadmin", False),
        ("secadmin", "sysadmin", False),
        ("sysadmin", "auditor", False),
        ("auditor", "sysadmin", False),
        ("auditor", "secadmin", False),
        ("secadmin", "planner", False),
        ("admin", "secadmin", False),
        ("planner", "auditor", True),
        ("planner", "sysadmin", True),
    ],
)
def test_the_three_of_them_are_three_persons(
    here: Site, first: str, second: str, good: bool
) -> None:
    places = dict.fromkeys(("planner", "admin", "auditor"), "C")
    people.add_user(here, "new", "a long secret", first, places.get(first))
    add = partial(people.add_user, here, "new", "a long secret", second, places.get(second))
    if good:
        add()
        return
    told = refused(add)
    assert [one.code for one in told.findings] == ["exclusive_roles"]
    assert told.findings[0].params == {"role": second, "held": first}
    people.revoke(here, "new", first, places.get(first))
    add()
