"""Numbers for Prometheus, in a registry of this service's own."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from planflow.services.standing import Standing

KIND = CONTENT_TYPE_LATEST
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """What is counted of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "planflow_requests",
            "Requests, by route template and status",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "planflow_request_seconds",
            "How long requests took",
            ("method", "route"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.refusals = Counter(
            "planflow_refusals", "Refusals and faults, by code", ("code",), registry=self.registry
        )
        self.queued = self._gauge("ledger_queued", "Events that no signed checkpoint covers yet")
        self.oldest = self._gauge("ledger_oldest_seconds", "Age of the oldest of them")
        self.pool_size = self._gauge("database_pool_size", "Connections the pool may hold")
        self.pool_used = self._gauge("database_pool_used", "Connections that are in use")
        self._rows: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self.signed = Gauge(
            "planflow_ledger_checkpoint_size",
            "Size of a log's last signed checkpoint",
            ("log",),
            registry=self.registry,
        )

    def _gauge(self, name: str, about: str) -> Gauge:
        return Gauge(f"planflow_{name}", about, registry=self.registry)

    def request(self, method: str, route: str, status: int, took: float) -> None:
        """Count a request; a method nobody knows is no name for a row."""
        known = method if method in _METHODS else "-"
        row = self._rows.get((known, route, status)) or self._row(known, route, status)
        row[0].inc()
        row[1].observe(took)

    def _row(self, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
        """Looked up once: there are as many as there are routes and statuses."""
        row = self.requests.labels(method, route, status), self.seconds.labels(method, route)
        self._rows[method, route, status] = row
        return row

    def told(self, standing: Standing) -> bytes:
        """All numbers, those of the site as they stand now, in Prometheus' own form."""
        self.queued.set(standing.queued)
        self.oldest.set(standing.oldest)
        self.pool_size.set(standing.pool_size)
        self.pool_used.set(standing.pool_used)
        for log, size in standing.signed.items():
            self.signed.labels(log).set(size)
        return generate_latest(self.registry)
