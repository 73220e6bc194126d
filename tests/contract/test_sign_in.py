"""Sign-ins over many processes: back-off, families of tokens, who is signed out by what (F9)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text

from planflow.domain.identity import ServiceTerms
from planflow.errors import Refusal
from planflow.services import (
    attempts,
    oidc,
    own_password,
    passwords,
    people,
    shell_accounts,
    tokens,
)
from planflow.services.calls import Call
from planflow.services.site import Site, open_site
from planflow.services.views import TokenView
from tests.databases import Databases, settings
from tests.world import PASSWORD, World

NEW = "another long secret"


@dataclass
class Clock:
    """A clock that stands until it is moved."""

    now: dt.datetime = field(default_factory=lambda: dt.datetime(2026, 3, 2, 8, tzinfo=dt.UTC))

    def __call__(self) -> dt.datetime:
        return self.now

    def later(self, seconds: float) -> None:
        self.now += dt.timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def here(databases: Databases, clock: Clock) -> Iterator[Site]:
    url = databases.peopled()
    opened = open_site(settings(url, token_minutes=30, session_minutes=600))
    clock.now = dt.datetime.now(dt.UTC)  # behind no grant
    yield replace(opened, clock=clock)
    opened.close()


def refused(work: Callable[[], Any]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        work()
    return caught.value


def fail(site: Site, name: str, times: int, address: str = "") -> list[str]:
    return [
        refused(lambda: people.sign_in(site, name, "wrong", address)).code for _ in range(times)
    ]


def signed(site: Site, name: str = "a", password: str = PASSWORD) -> TokenView:
    return people.sign_in(site, name, password)


def whose(site: Site, token: str, needs: str = "read") -> str:
    return people.authenticate(site, token, "zh", needs).name


def kinds(site: Site) -> list[str]:
    query = text("SELECT kind FROM event WHERE stream = 'site' ORDER BY seq")
    return site.records.read(lambda tx: list(tx.connection.execute(query).scalars()))


# Back-off


@pytest.mark.parametrize("name", ["a", "nobody"])
def test_after_five_failures_a_name_waits_ever_longer(here: Site, clock: Clock, name: str) -> None:
    """Unknown names are answered as known ones are, and the right password waits as well."""
    assert fail(here, name, 5) == ["unauthorized"] * 5
    for seconds in (10, 20, 40, 80, 160, 320, 640, 900, 900):
        told = refused(lambda: people.sign_in(here, name, PASSWORD))
        assert (told.code, told.params) == ("too_many_attempts", {"seconds": seconds})
        clock.later(seconds - 1)
        assert refused(lambda: people.sign_in(here, name, PASSWORD)).params == {"seconds": 1}
        clock.later(1)
        assert fail(here, name, 1) == ["unauthorized"]


def test_a_right_password_begins_anew(here: Site, clock: Clock) -> None:
    fail(here, "a", 4)
    assert signed(here).access_token
    assert fail(here, "a", 5) == ["unauthorized"] * 5
    clock.later(10)
    assert signed(here).access_token
    fail(here, "a", 5)
    clock.later(24 * 3600)
    assert fail(here, "a", 5) == ["unauthorized"] * 5  # a day later none of them counts


def test_an_address_waits_whatever_the_names_and_an_own_account_is_no_way_out(
    here: Site, clock: Clock
) -> None:
    for number in range(49):
        assert fail(here, f"guess-{number}", 1, "192.0.2.1") == ["unauthorized"]
    assert people.sign_in(here, "b", PASSWORD, "192.0.2.1").access_token
    assert fail(here, "last", 1, "192.0.2.1") == ["unauthorized"]
    assert fail(here, "b", 1, "192.0.2.1") == ["too_many_attempts"]
    assert people.sign_in(here, "b", PASSWORD, "192.0.2.2").access_token


def test_guesses_from_one_place_shut_nobody_out_elsewhere(here: Site) -> None:
    assert fail(here, "a", 6, "192.0.2.1") == ["unauthorized"] * 5 + ["too_many_attempts"]
    told = refused(lambda: people.sign_in(here, "a", PASSWORD, "192.0.2.1"))
    assert told.code == "too_many_attempts"
    assert people.sign_in(here, "a", PASSWORD, "192.0.2.2").access_token


def scattered(site: Site, name: str, times: int, start: int = 0) -> list[str]:
    """Guesses at one name, each from a place of its own."""
    return [
        fail(site, name, 1, f"198.51.100.{number}")[0] for number in range(start, start + times)
    ]


def test_a_name_guessed_at_from_everywhere_waits_but_where_it_is_known(
    here: Site, clock: Clock
) -> None:
    site = replace(here, settings=here.settings.model_copy(update={"free_attempts_of_name": 8}))
    assert people.sign_in(site, "a", PASSWORD, "192.0.2.2").access_token
    assert scattered(site, "a", 9) == ["unauthorized"] * 8 + ["too_many_attempts"]
    elsewhere = refused(lambda: people.sign_in(site, "a", PASSWORD, "192.0.2.3"))
    assert elsewhere.code == "too_many_attempts"
    # Where it is known it is heard, and what fails there is counted there alone.
    assert fail(site, "a", 1, "192.0.2.2") == ["unauthorized"]
    assert people.sign_in(site, "a", PASSWORD, "192.0.2.2").access_token
    # It begins anew for all places, and a month later the place is known no more.
    assert scattered(site, "a", 1, 20) == ["unauthorized"]
    clock.later(31 * 24 * 3600)
    assert scattered(site, "a", 9, 30)[-1] == "too_many_attempts"
    assert fail(site, "a", 1, "192.0.2.2") == ["too_many_attempts"]


def test_a_known_place_is_remembered_past_the_day_after_which_failures_are_not(
    here: Site, clock: Clock
) -> None:
    def rows() -> int:
        query = text("SELECT count(*) FROM sign_in_attempt")
        return here.database.read(lambda tx: int(tx.connection.execute(query).scalar_one()))

    people.sign_in(here, "a", PASSWORD, "192.0.2.2")
    assert rows() == 1
    fail(here, "b", 1, "192.0.2.3")
    assert rows() == 4
    clock.later(25 * 3600)
    people.sign_in(here, "city", PASSWORD, "192.0.2.4")
    assert rows() == 2
    clock.later(30 * 24 * 3600)
    people.sign_in(here, "city", PASSWORD, "192.0.2.4")
    assert rows() == 1


def test_a_network_of_ipv6_is_one_place(here: Site) -> None:
    for number in range(5):
        assert fail(here, "a", 1, f"2001:db8:0:1::{number}") == ["unauthorized"]
    assert fail(here, "a", 1, "2001:db8:0:1:ffff::1") == ["too_many_attempts"]
    assert fail(here, "a", 1, "2001:db8:0:2::1") == ["unauthorized"]


def test_many_at_once_are_not_many_for_one(here: Site) -> None:
    """Sixteen at the same time, through two processes' worth of threads: five are judged."""
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda _: fail(here, "a", 1)[0], range(16)))
    assert sorted(told) == ["too_many_attempts"] * 11 + ["unauthorized"] * 5


def test_what_is_kept_names_nobody(here: Site) -> None:
    fail(here, "a", 1, "192.0.2.7")
    rows = here.database.read(
        lambda tx: str(tx.connection.execute(text("SELECT * FROM sign_in_attempt")).all())
    )
    assert attempts.of_name(here, "a") in rows
    assert "192.0.2.7" not in rows


# Families of tokens


def test_a_refresh_token_is_good_once_and_a_second_use_ends_the_family(
    here: Site, clock: Clock
) -> None:
    first = signed(here)
    clock.later(29 * 60)
    second = tokens.refresh(here, str(first.refresh_token))
    assert whose(here, second.access_token) == whose(here, first.access_token) == "a"
    clock.later(60)
    assert refused(lambda: whose(here, first.access_token)).code == "unauthorized"  # run out
    assert refused(lambda: tokens.refresh(here, str(first.refresh_token))).code == "unauthorized"
    assert kinds(here)[-1] == "tokens_ended"
    assert refused(lambda: whose(here, second.access_token)).code == "unauthorized"
    assert refused(lambda: tokens.refresh(here, str(second.refresh_token))).code == "unauthorized"
    assert kinds(here).count("tokens_ended") == 1


def test_of_two_at_once_one_is_renewed(here: Site) -> None:
    first = signed(here)

    def again(_: int) -> str:
        try:
            return tokens.refresh(here, str(first.refresh_token)).access_token
        except Refusal as refusal:
            return refusal.code

    with ThreadPoolExecutor(4) as pool:
        told = sorted(pool.map(again, range(4)))
    assert told.count("unauthorized") == 3
    [good] = [one for one in told if one != "unauthorized"]
    assert refused(lambda: whose(here, good)).code == "unauthorized"


def test_a_session_ends_however_often_it_was_renewed(here: Site, clock: Clock) -> None:
    now = signed(here)
    for _ in range(20):
        clock.later(29 * 60)
        now = tokens.refresh(here, str(now.refresh_token))
    assert now.expires_in == 20 * 60
    clock.later(20 * 60)
    assert refused(lambda: tokens.refresh(here, str(now.refresh_token))).code == "unauthorized"


def test_signing_out_ends_this_session_alone(here: Site) -> None:
    mine, other = signed(here), signed(here)
    tokens.sign_out(here, str(mine.refresh_token))
    tokens.sign_out(here, mine.access_token)
    tokens.sign_out(here, "none")
    assert refused(lambda: whose(here, mine.access_token)).code == "unauthorized"
    assert whose(here, other.access_token) == "a"
    assert kinds(here).count("tokens_ended") == 1


@pytest.mark.parametrize(("held", "missing"), [("read", "act"), ("act", "manage")])
def test_a_service_token_is_for_what_it_says(here: Site, held: Any, missing: str) -> None:
    day = (here.clock() + dt.timedelta(days=3)).date()
    asked = ServiceTerms(name="月报", scopes=[held], to=day)
    made = shell_accounts.make_service_token(here, "a", asked)
    assert whose(here, str(made.token), held) == whose(here, str(made.token)) == "a"
    told = refused(lambda: whose(here, str(made.token), missing))
    assert (told.code, told.params) == ("scope_missing", {"scope": missing})
    [listed] = shell_accounts.service_tokens_of(here, "a")
    assert (listed.id, listed.token, listed.name) == (made.id, None, "月报")
    shell_accounts.end_service_token(here, "a", made.id)
    assert shell_accounts.service_tokens_of(here, "a") == []
    assert refused(lambda: whose(here, str(made.token))).code == "unauthorized"


# Who is signed out


def test_a_new_password_signs_out_everybody_else(here: Site) -> None:
    mine, other = signed(here), signed(here)
    shell = people.shell_token(here, "a")
    reader = people.authenticate(here, mine.access_token, "zh")
    body = f'{{"current": "{PASSWORD}", "new": "{NEW}"}}'.encode()
    assert own_password.change(here, reader, Call("POST", "/auth/password", body)).event
    assert whose(here, mine.access_token) == "a"
    for one in (other, shell):
        assert refused(partial(whose, here, one.access_token)).code == "unauthorized"
    assert refused(lambda: signed(here)).code == "unauthorized"
    assert signed(here, password=NEW).access_token


def test_a_password_put_meanwhile_is_not_overwritten(
    here: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thief who asked first, with the old one, does not come out on top."""
    thief = people.authenticate(here, signed(here).access_token, "zh")
    body = f'{{"current": "{PASSWORD}", "new": "{NEW}"}}'.encode()
    kept, other = passwords.kept, "what the holder chose"

    def meanwhile(password: str) -> str:
        monkeypatch.undo()
        shell_accounts.set_password(here, "a", other)
        return kept(password)

    monkeypatch.setattr(passwords, "kept", meanwhile)
    change = partial(own_password.change, here, thief, Call("POST", "/auth/password", body))
    assert refused(change).code == "unauthorized"
    assert refused(lambda: signed(here, password=NEW)).code == "unauthorized"
    assert signed(here, password=other).access_token


@pytest.mark.parametrize("how", ["shut", "password"])
def test_nobody_is_signed_in_by_what_held_a_moment_ago(
    here: Site, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    fits = passwords.fits

    def meanwhile(password: str, hashed: str | None) -> bool:
        good = fits(password, hashed)
        if how == "shut":
            shell_accounts.disable(here, "a", disabled=True)
        else:
            shell_accounts.set_password(here, "a", NEW)
        return good

    monkeypatch.setattr(passwords, "fits", meanwhile)
    assert refused(lambda: signed(here)).params == {"why": "credentials"}


def test_guessing_the_present_password_is_a_failed_sign_in(here: Site) -> None:
    reader = people.authenticate(here, signed(here).access_token, "zh")
    body = f'{{"current": "wrong", "new": "{NEW}"}}'.encode()
    call = Call("POST", "/auth/password", body)
    codes = [refused(lambda: own_password.change(here, reader, call)).code for _ in range(6)]
    assert codes == ["invalid"] * 5 + ["too_many_attempts"]
    assert refused(lambda: signed(here)).code == "too_many_attempts"


def test_who_came_by_the_provider_leaves_with_the_link(here: Site) -> None:
    told = {"oidc_issuer": "https://id.example.org"}
    site = replace(here, settings=here.settings.model_copy(update=told))
    shell_accounts.link(site, "a", "subject")
    mine = signed(site)
    account = people.authenticate(site, mine.access_token, "zh").user_id
    kind = tokens.signed_in(site, oidc.VIA)
    other = site.database.write(lambda tx: tokens.issue(site, tx, account, kind)[1])
    assert whose(site, other.access_token) == "a"
    shell_accounts.unlink(site, "a")
    assert refused(lambda: whose(site, other.access_token)).code == "unauthorized"
    assert refused(lambda: tokens.refresh(site, str(other.refresh_token))).code == "unauthorized"
    assert whose(site, mine.access_token) == "a"
    assert kinds(site)[-2:] == ["tokens_ended", "identity_unlinked"]


def test_a_shut_account_is_nobodys_until_it_is_opened(here: Site) -> None:
    mine = signed(here)
    shell_accounts.disable(here, "a", disabled=True)
    assert refused(lambda: whose(here, mine.access_token)).code == "unauthorized"
    assert refused(lambda: tokens.refresh(here, str(mine.refresh_token))).code == "unauthorized"
    assert refused(lambda: signed(here)).params == {"why": "credentials"}
    shell_accounts.disable(here, "a", disabled=False)
    assert signed(here).access_token
    assert refused(lambda: whose(here, mine.access_token)).code == "unauthorized"


def test_the_command_line_opens_the_way_again(here: Site) -> None:
    fail(here, "a", 5)
    fail(here, "a", 5, "192.0.2.1")
    shell_accounts.unlock(here, "a")
    assert signed(here).access_token
    assert people.sign_in(here, "a", PASSWORD, "192.0.2.1").access_token
    fail(here, "a", 5)
    shell_accounts.set_password(here, "a", NEW)
    assert signed(here, password=NEW).access_token


def test_no_name_password_or_token_enters_a_leaf(world: World) -> None:
    site = world.site
    made = signed(site)
    shell_accounts.set_password(site, "a", NEW)
    day = (site.clock() + dt.timedelta(days=3)).date()
    asked = ServiceTerms(name="planted-title", scopes=["read"], to=day)
    service = shell_accounts.make_service_token(site, "b", asked)
    tokens.sign_out(site, made.access_token)
    query = text("SELECT leaf FROM event")
    leaves = site.records.read(
        lambda tx: b"".join(bytes(one) for one in tx.connection.execute(query).scalars())
    )
    for planted in (PASSWORD, NEW, "planted-title", made.access_token, str(service.token)):
        assert planted.encode() not in leaves
