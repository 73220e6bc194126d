"""Every call of the service: who finds what it is about, and which right it takes (section 7).

One row a call; a call without a row does not pass the gate. Who may do an act stands in
`access.table`, which plans it finds in `access.scope`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from planflow.access.scope import Standing, scope
from planflow.access.table import ACTS, ANYWHERE, ON_CYCLES, anywhere, cycle_grant, grant_for

# Who finds what a call is about; to everybody else it is not there (404, and 401 without a token).
#   open      everybody, without a token
#   machine   this machine itself, or whoever has the token that is set for it
#   signed    whoever is signed in; no plan content
#   register  whoever runs the site; others the units in their scope, and those above them
#   chain     whoever is in the delegation's chain
#   cycle     whoever reads some plan of the cycle
#   plan      whoever reads this plan
#   event     of a plan: whoever reads it; of a cycle: as the cycle; of the site: whoever is signed in
#   log       the site's log: whoever is signed in; a cycle's: as the cycle
Finds = Literal["open", "machine", "signed", "register", "chain", "cycle", "plan", "event", "log"]
Verdict = Literal["may", "not_found", "forbidden"]
READ = "read"
BASE = "/api/v1"
_PLAN = f"{BASE}/cycles/{{cycle}}/plans/{{unit}}"


@dataclass(frozen=True, slots=True)
class Row:
    """One call: its method and path, who finds what it is about, and what is done."""

    method: str
    path: str
    finds: Finds
    act: str = READ


@dataclass(frozen=True, slots=True)
class Place:
    """What a call is about, seen from one cycle: its root, and a plan with its parent and desk."""

    root: str = ""
    path: str = ""
    parent: str | None = None
    desk: str | None = None


def _read(path: str, finds: Finds) -> Row:
    return Row("GET", path if finds == "open" else f"{BASE}{path}", finds)


def _plan(below: str, method: str = "POST") -> Row:
    return Row(method, f"{_PLAN}/{below}", "plan", below.rpartition("/")[2])


ROWS: tuple[Row, ...] = (
    # the frame
    _read("/healthz", "open"),
    _read("/readyz", "open"),
    Row("GET", "/metrics", "machine"),
    _read("/", "open"),
    _read("/docs", "open"),
    _read("/docs/assets", "open"),
    _read("/openapi.json", "open"),
    Row("POST", f"{BASE}/auth/token", "open", "sign_in"),
    Row("POST", f"{BASE}/auth/refresh", "open", "sign_in"),
    Row("POST", f"{BASE}/auth/revoke", "open", "sign_out"),
    Row("GET", f"{BASE}/auth/oidc/login", "open", "sign_in"),
    Row("GET", f"{BASE}/auth/oidc/callback", "open", "sign_in"),
    # one's own account
    Row("POST", f"{BASE}/auth/password", "signed", "own_account"),
    Row("POST", f"{BASE}/auth/second-factor", "signed", "own_account"),
    Row("POST", f"{BASE}/auth/second-factor/confirm", "signed", "own_account"),
    Row("DELETE", f"{BASE}/auth/second-factor", "signed", "own_account"),
    _read("/auth/service-tokens", "signed"),
    Row("POST", f"{BASE}/auth/service-tokens", "signed", "own_account"),
    Row("DELETE", f"{BASE}/auth/service-tokens/{{token}}", "signed", "own_account"),
    # others' accounts
    Row("GET", f"{BASE}/accounts", "signed", "manage_accounts"),
    Row("POST", f"{BASE}/accounts", "signed", "manage_accounts"),
    Row("POST", f"{BASE}/accounts/{{account}}/grants", "signed", "manage_accounts"),
    Row("DELETE", f"{BASE}/accounts/{{account}}/grants/{{grant}}", "signed", "manage_accounts"),
    Row("POST", f"{BASE}/accounts/{{account}}/unlock", "signed", "manage_accounts"),
    Row("POST", f"{BASE}/accounts/{{account}}/disable", "signed", "manage_accounts"),
    Row("POST", f"{BASE}/accounts/{{account}}/enable", "signed", "manage_accounts"),
    Row("POST", f"{BASE}/accounts/{{account}}/drop-factor", "signed", "manage_accounts"),
    Row("POST", f"{BASE}/accounts/{{account}}/identity", "signed", "manage_accounts"),
    Row("DELETE", f"{BASE}/accounts/{{account}}/identity", "signed", "manage_accounts"),
    # the site
    _read("/protocols", "signed"),
    _read("/protocols/{name}", "signed"),
    _read("/units", "register"),
    _read("/units/{code}", "register"),
    _read("/delegations", "chain"),
    Row("POST", f"{BASE}/delegations", "signed", "delegate"),
    Row("POST", f"{BASE}/delegations/{{delegation}}/end", "chain", "end"),
    Row("GET", f"{BASE}/access-records", "signed", "access_records"),
    # the ledger
    _read("/ledger/key", "signed"),
    _read("/ledger/checkpoint", "log"),
    _read("/ledger/tile/{path:path}", "log"),
    _read("/ledger/events/{event}/proof", "event"),
    # cycles
    _read("/cycles", "cycle"),
    Row("POST", f"{BASE}/cycles", "signed", "open_cycle"),
    _read("/cycles/{cycle}", "cycle"),
    Row("DELETE", f"{BASE}/cycles/{{cycle}}", "cycle", "drop"),
    _read("/cycles/{cycle}/tree", "cycle"),
    Row("POST", f"{BASE}/cycles/{{cycle}}/tree", "cycle", "tree"),
    Row("POST", f"{BASE}/cycles/{{cycle}}/rounds/{{round}}/open", "cycle", "open"),
    Row("POST", f"{BASE}/cycles/{{cycle}}/rounds/{{round}}/close", "cycle", "close"),
    _read("/cycles/{cycle}/rounds/{round}/bundle", "cycle"),
    _read("/cycles/{cycle}/events", "cycle"),
    _read("/cycles/{cycle}/documents", "cycle"),
    # plans
    _read("/cycles/{cycle}/plans", "cycle"),
    _read("/cycles/{cycle}/plans/{unit}", "plan"),
    _read("/cycles/{cycle}/plans/{unit}/history", "plan"),
    _read("/cycles/{cycle}/plans/{unit}/diff", "plan"),
    _read("/cycles/{cycle}/plans/{unit}/treatment", "plan"),
    _read("/cycles/{cycle}/plans/{unit}/bundle", "plan"),
    _plan("draft", "PUT"),
    _plan("submit"),
    _plan("withdraw"),
    _plan("accept"),
    _plan("return"),
    _plan("issue"),
    _plan("issue/confirm"),
    _plan("acknowledge"),
    _plan("present"),
    _plan("decide"),
    _plan("extensions"),
    _plan("commitments"),
    _plan("commitments/{commitment}/distribute"),
    _plan("commitments/{commitment}/fulfil"),
    _plan("commitments/{commitment}/waive"),
    _plan("headline", "PUT"),
    _plan("corrections"),
    _plan("corrections/{correction}/approve"),
    _plan("corrections/{correction}/reject"),
    _plan("paper"),
    _plan("paper/{paper}/attest"),
)


def verdict(row: Row, roles: Sequence[str], seen: Sequence[Standing], place: Place) -> Verdict:
    """What the table says of somebody signed in: of their roles, and their standings in the cycle.

    A list is found by everybody who is signed in; what it holds is what they find. The register and
    a delegation are looked up by who asks, and not by where they stand: they are found here.
    """
    mine = scope(seen)
    listed = not place.root
    about_plan = row.finds == "plan" or (row.finds == "event" and place.path)
    if about_plan and not mine.has(place.path):
        return "not_found"
    if row.finds in ("cycle", "event", "log") and not listed and not mine:
        return "not_found"
    if row.act in ANYWHERE:
        return "may" if anywhere(roles, row.act) else "forbidden"
    if row.act in ON_CYCLES:
        return "may" if cycle_grant(seen, row.act, place.root) else "forbidden"
    if row.act in ACTS:
        about = (row.act, place.path, place.parent, place.desk)
        ways = (grant_for(seen, *about), grant_for(seen, *about, on_behalf=True))
        return "may" if any(ways) else "forbidden"
    return "may"
