"""How `planflow serve` has uvicorn listen: whom it believes, how long it waits, what it writes."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from planflow.config import Settings

# By name: the library imports nothing of the service.
_PROTOCOL = "planflow_api.listening:Patient"
_LINES = "planflow_api.logs.JsonLines"
IDLE_SECONDS = 5


def options(settings: "Settings") -> dict[str, Any]:
    """Everything but the address."""
    trusted = settings.trusted_proxies
    return {
        "http": _PROTOCOL,
        "ws": "none",
        "proxy_headers": bool(trusted),
        "forwarded_allow_ips": trusted or None,
        "server_header": False,
        "access_log": False,
        "limit_concurrency": settings.connections,
        "timeout_keep_alive": IDLE_SECONDS,
        # What is larger than all of a head together is not waited for.
        "h11_max_incomplete_event_size": (settings.head_limit << 10) + settings.url_limit + 4096,
        "log_config": _log(settings.log_level.upper()),
    }


def _log(level: str) -> dict[str, Any]:
    told = {"handlers": ["stderr"], "level": level, "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": _LINES}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "json",
                "stream": "ext://sys.stderr",
            }
        },
        "loggers": {"planflow": told, "uvicorn": told},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
    }
