"""uvicorn's protocol with patience that ends: it waits for no head, and for no rest, for ever.

uvicorn itself waits as long as a client likes for the first request of a connection, for a head that
trickles, and for the rest of a body after the answer. What cannot be read it refuses in its own words.
"""

import asyncio
import os
import sys
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from planflow.config import Settings
from planflow.errors import Refusal
from planflow_api.errors import problem
from planflow_api.heads import dressed

_LATE = (
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n"
    b"x-content-type-options: nosniff\r\n\r\n"
)


class Patient(H11Protocol):
    """One connection."""

    _ends: asyncio.TimerHandle | None = None

    @property
    def patience(self) -> float:
        """How long a head may take, in seconds: the site's setting."""
        door = self.app_state.get("door")
        return float(door.site.settings.head_seconds) if door else 10.0

    def connection_made(self, transport: Any) -> None:
        """Wait for the first head."""
        super().connection_made(transport)
        self._begin()

    def data_received(self, data: bytes) -> None:
        """A part of a head leaves the clock running; a whole one stops it."""
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """What is still to come of this request is not waited for longer than for a head."""
        super().on_response_complete()
        if self.transport.is_closing():
            return
        begun, _ = self.conn.trailing_data  # of the next head
        if begun or self.conn.their_state is h11.SEND_BODY:
            self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._end()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no request of HTTP as everything is refused, in the site's language."""
        door = self.app_state.get("door")
        if door is None:
            super().send_400_response(msg)
            return
        settings: Settings = door.site.settings
        refusal = Refusal("unreadable_request")
        if getattr(sys.exception(), "error_status_hint", 0) == 431:
            refusal = Refusal("head_too_large", {"limit": f"{settings.head_limit} KiB"})
        answer = problem(refusal, settings.lang)
        headers = dressed(
            answer.raw_headers, of_api=True, secure=self.scheme == "https", settings=settings
        )
        headers += [(b"x-request-id", os.urandom(16).hex().encode()), (b"connection", b"close")]
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            head = h11.Response(status_code=answer.status_code, headers=headers)
            for part in (head, h11.Data(data=bytes(answer.body)), h11.EndOfMessage()):
                self.transport.write(self.conn.send(part) or b"")
        self.transport.close()

    def _look(self) -> None:
        cycle: Any = self.cycle  # there is none before the first request, whatever its type says
        if cycle is None or cycle.response_complete:
            self._begin()
        else:
            self._end()

    def _begin(self) -> None:
        if self._ends is None:
            self._ends = self.loop.call_later(self.patience, self._late)

    def _end(self) -> None:
        if self._ends is not None:
            self._ends.cancel()
            self._ends = None

    def _late(self) -> None:
        self._ends = None
        if self.transport.is_closing():
            return
        if self.conn.our_state is h11.IDLE:
            self.transport.write(_LATE)
        self.transport.close()
