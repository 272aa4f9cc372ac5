"""One switch that ends a transfer now: it wakes waits and shuts the sockets that threads are reading from.

Knows nothing of what is transferred.
"""

from __future__ import annotations

import contextlib
import socket
import threading

from engine.hub.transfer.errors import Stopped


class StopSwitch:
    """Thrown once, from any thread; every thread of the transfer looks at it or is woken by it."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._sockets: set[socket.socket] = set()
        self._is_set = False
        self._nudges = 0

    @property
    def is_set(self) -> bool:
        return self._is_set

    def check(self) -> None:
        """Raises `Stopped` when the switch has been thrown."""
        if self._is_set:
            raise Stopped

    def throw(self) -> None:
        """Ends the transfer: waits return, reads on watched sockets fail at once."""
        with self._condition:
            self._is_set = True
            self._shut_sockets()
            self._condition.notify_all()

    def reconnect(self) -> None:
        """Cuts every connection and every wait without ending the transfer, so that it begins anew at once."""
        with self._condition:
            self._nudges += 1
            self._shut_sockets()
            self._condition.notify_all()

    def wait(self, seconds: float) -> None:
        """Sleeps until the time is over or `reconnect` is called.

        Raises:
            Stopped: the switch was thrown, before or meanwhile.
        """
        with self._condition:
            nudges = self._nudges
            self._condition.wait_for(lambda: self._is_set or self._nudges != nudges, seconds)
        self.check()

    def watch(self, connection: socket.socket) -> None:
        """From now on `connection` is shut when the switch is thrown."""
        with self._condition:
            self._sockets.add(connection)
        if self._is_set:
            self.unwatch(connection)
            raise Stopped

    def unwatch(self, connection: socket.socket) -> None:
        with self._condition:
            self._sockets.discard(connection)

    def _shut_sockets(self) -> None:
        for connection in self._sockets:
            # A socket that is not connected any more has nobody waiting for it.
            # Past the TLS socket's own method, which would let the reader take what is still encrypted for content.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
