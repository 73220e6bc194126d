"""Accounts, tokens, second factors and identities that come and go: throw-away people, not the cast."""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pyotp

from planflow_api.watching import BASE
from tests.api.provider import SUBJECT
from tests.openapi.asker import PASSWORD, Asker

KEEPER = "secadmin"
NEXT = "correct horse staple"
SOON = (dt.datetime.now(dt.UTC) + dt.timedelta(days=30)).date().isoformat()
PROGRAM = {"name": "月报程序", "scopes": ["read"], "to": SOON, "password": PASSWORD}


def come_and_go(it: Asker, number: int) -> str:
    """Everything that is done about an account, to one of its own; its id. It is left shut."""
    name = f"clerk-{number}"
    account = _account(it, name)
    where = {"account": account}
    _tokens(it, name)
    _program(it, name)
    _factor(it, name, where)
    _identity(it, where)
    if number % 10 == 1:
        _locked(it, name)
    for act in ("unlock_account", "disable_account", "enable_account", "disable_account"):
        it.ask(KEEPER, act, where, body={"reason": "离职"})
    del it.tokens[name]
    return account


def reading(it: Asker) -> None:
    """What only reads."""
    for who in ("auditor", KEEPER):
        it.ask(who, "list_service_tokens")
        it.ask(who, "search_access_records")
    it.ask(KEEPER, "list_accounts")


def refused(it: Asker) -> None:
    """What cannot be: a name used already, something done to oneself, a link to what is not."""
    accounts = it.ask(KEEPER, "list_accounts").json()["items"]
    own = {"account": next(one["id"] for one in accounts if one["name"] == KEEPER)}
    body = {"name": KEEPER, "password": PASSWORD, "role": "secadmin"}
    it.ask(KEEPER, "add_account", body=body, status=409)
    it.ask(KEEPER, "give_grant", own, body={"role": "planner", "unit": "450224"}, status=409)
    for act in ("disable_account", "drop_factor_of_account"):
        it.ask(KEEPER, act, own, body={}, status=409)
    it.ask(KEEPER, "unlink_account", own, body={}, status=404)
    it.ask(None, "refresh", body={"refresh_token": "none"}, status=401)


def _account(it: Asker, name: str) -> str:
    body = {"name": name, "password": PASSWORD, "role": "planner", "unit": "450224"}
    account = str(it.ask(KEEPER, "add_account", body=body).json()["id"])
    more = {"role": "auditor", "unit": "450200", "to": "2199-12-31"}
    held = it.ask(KEEPER, "give_grant", {"account": account}, body=more).json()["grants"]
    ended = {"account": account, "grant": held[-1]["id"]}
    it.ask(KEEPER, "end_grant", ended, body={"reason": "调离岗位"})
    return account


def _tokens(it: Asker, name: str) -> None:
    """Signed in, renewed, signed out; then in again, with another password."""
    old = it.sign_in(name)["refresh_token"]
    new = it.ask(None, "refresh", body={"refresh_token": old}).json()["access_token"]
    it.ask(None, "revoke", body={"token": new})
    it.sign_in(name)
    for current, other in ((PASSWORD, NEXT), (NEXT, PASSWORD)):
        it.ask(name, "password", body={"current": current, "new": other})


def _program(it: Asker, name: str) -> None:
    made = it.ask(name, "make_service_token", body=PROGRAM).json()
    it.tokens["program"] = made["token"]
    it.ask("program", "list_units")
    it.ask("program", "make_service_token", body=PROGRAM, status=403)
    del it.tokens["program"]
    it.ask(name, "end_service_token", {"token": made["id"]}, body={"reason": "程序已停用"})


def _factor(it: Asker, name: str, where: dict[str, str]) -> None:
    """A second factor that its holder drops, and one that is dropped for them."""
    codes = _enrolled(it, name)
    form = {"username": name, "password": PASSWORD}
    it.ask(None, "token", body=form, status=401)
    it.sign_in(name, otp=codes[0])
    it.ask(name, "drop_factor", body={"password": PASSWORD, "code": codes[1]})
    _enrolled(it, name)
    it.ask(KEEPER, "drop_factor_of_account", where, body={"reason": "手机丢失"})
    it.sign_in(name)


def _enrolled(it: Asker, name: str) -> list[str]:
    """The codes for when it is lost. Each secret is a new one: its first code was never used."""
    made = it.ask(name, "enrol_factor", body={"password": PASSWORD}).json()
    maker: Any = pyotp.parse_uri(made["otpauth"])
    done = it.ask(name, "confirm_factor", body={"code": maker.now()}).json()
    return [str(one) for one in done["recovery_codes"]]


def _identity(it: Asker, where: dict[str, str]) -> None:
    """To the provider and back, as a browser goes."""
    it.ask(KEEPER, "link_account", where, body={"subject": SUBJECT})
    gone = it.session.get(f"{it.base_url}{BASE}/auth/oidc/login", allow_redirects=False)
    back = it.session.get(gone.headers["Location"], allow_redirects=False)
    it.ask(None, "come_back", query=dict(parse_qsl(urlsplit(back.headers["Location"]).query)))
    it.ask(KEEPER, "unlink_account", where, body={"reason": "换人"})


def _locked(it: Asker, name: str) -> None:
    """So many wrong passwords that the right one is not heard."""
    form = {"username": name, "password": PASSWORD}
    for _ in range(5):
        it.ask(None, "token", body=form | {"password": "wrong"}, status=401)
    it.ask(None, "token", body=form, status=429)
