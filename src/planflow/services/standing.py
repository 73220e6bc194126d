"""How a site stands, for whoever runs it: what is not ready, the ledger's lag, the database's pool."""

from collections.abc import Callable
from dataclasses import dataclass

from planflow.errors import Fault, PlanflowError
from planflow.services import keys
from planflow.services.site import Site
from planflow.store import standing
from planflow.store.standing import Lag

READY = "ready"


@dataclass(frozen=True, slots=True)
class Standing:
    """Numbers of the site as it is now."""

    queued: int
    oldest: float
    signed: dict[str, int]
    pool_size: int
    pool_used: int


def look(site: Site) -> Standing:
    """Read them. Raises `Fault`."""
    lag = _lag(site)
    size, used = standing.pool(site.database)
    signed = site.database.read(standing.signed)
    return Standing(lag.queued, _age(site, lag), signed, size, used)


def parts(site: Site) -> dict[str, str]:
    """Each part that serving needs: `ready`, or the code of what is wrong with it."""
    checks: dict[str, Callable[[], object]] = {
        "database": lambda: _lag(site),
        "schema": site.ready,
        "ledger_key": lambda: keys.signer(site),
        "sequencer": lambda: _check_lag(site),
    }
    found: dict[str, str] = {}
    for name, check in checks.items():
        try:
            check()
            found[name] = READY
        except PlanflowError as error:
            found[name] = error.code
    return found


def accounts_among(site: Site, names: list[str]) -> int:
    """How many of these names are accounts here."""
    return site.database.read(lambda tx: standing.accounts_among(tx, names))


def _check_lag(site: Site) -> None:
    age = _age(site, _lag(site))
    if age > site.settings.ready_lag_seconds:
        raise Fault("ledger_lags", {"seconds": round(age)})


def _lag(site: Site) -> Lag:
    return site.records.read(standing.lag)


def _age(site: Site, lag: Lag) -> float:
    if lag.since is None:
        return 0.0
    return max(0.0, (site.clock() - lag.since).total_seconds())
