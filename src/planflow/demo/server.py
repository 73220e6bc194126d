"""A real server of the service, in a process of its own."""

import contextlib
import errno
import os
import socket
import subprocess  # to start our own program  # nosec B404
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from planflow.errors import Fault

HOST = "127.0.0.1"
APPLICATION = "planflow_api.app:create_app"  # by name: the library imports nothing of the service
_PATIENCE = 60.0
_ENDING = 10.0
_LOG = "server.log"


class Server:
    """A running server."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.url = f"http://{HOST}:{port}"
        self._process = process
        self._log = log

    def check(self) -> None:
        """Raise `Fault` `server_stopped` if it runs no more."""
        if self._process.poll() is not None:
            raise Fault("server_stopped", {"detail": self._why()})

    def wait_until_ready(self) -> None:
        """Come back when it can serve. Raises `Fault`."""
        deadline = time.monotonic() + _PATIENCE
        with httpx.Client(base_url=self.url, trust_env=False, timeout=5) as http:
            while time.monotonic() < deadline:
                self.check()
                with contextlib.suppress(httpx.TransportError):
                    if http.get("/readyz").is_success:
                        return
                time.sleep(0.05)
        raise Fault("server_stopped", {"detail": self._why()})

    def stop(self) -> None:
        """End it and wait for its end."""
        self._process.terminate()
        try:
            self._process.wait(_ENDING)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _why(self) -> str:
        lines = self._log.read_text("utf-8", "replace").splitlines()
        told = [line for line in lines if line.startswith("ERROR")] or lines[-1:] or ["-"]
        return told[0].removeprefix("ERROR:").strip()


@contextlib.contextmanager
def serving(database_url: str, folder: Path, port: int, lang: str) -> Iterator[Server]:
    """Serve a database as long as the block runs. Raises `Fault`."""
    port = listenable(HOST, port)
    command = [sys.executable, "-m", "uvicorn", APPLICATION, "--factory"]
    command += ["--host", HOST, "--port", str(port), "--log-level", "warning"]
    # Settings of another planflow on this machine are not meant for this one.
    env = {name: value for name, value in os.environ.items() if not name.startswith("PLANFLOW_")}
    env |= {"PLANFLOW_DATABASE_URL": database_url, "PLANFLOW_LANG": lang, "PYTHONUTF8": "1"}
    env["PLANFLOW_LEDGER_FOLDER"] = str(folder / "ledger")
    log = folder / _LOG
    with log.open("wb") as output:
        # A session of its own: Ctrl-C reaches us alone, and we end it in order.
        process = subprocess.Popen(  # noqa: S603 - our own program  # nosec B603
            command,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    server = Server(process, port, log)
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.stop()


def listenable(host: str, port: int) -> int:
    """The port, or any free one for 0. Raises `Fault`: `port_taken`, `cannot_listen`."""
    with contextlib.closing(listen(host, port)) as bound:
        found: int = bound.getsockname()[1]
        return found


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to an address. Raises `Fault`: `port_taken`, `cannot_listen`."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise _cannot(host, port, error) from None
    try:
        if os.name == "posix":  # elsewhere it would let two servers share a port
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except (OSError, OverflowError) as error:
        bound.close()
        raise _cannot(host, port, error) from None
    return bound


def _cannot(host: str, port: int, error: Exception) -> Fault:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return Fault("port_taken", {"port": str(port)})
    detail = getattr(error, "strerror", None) or str(error)
    return Fault("cannot_listen", {"address": f"{host}:{port}", "detail": detail})
