"""One window for each data folder: a second start hands its model to the first one and ends.

A lock file says who is first, also after a crash; a local socket, open to this user alone, carries the message. Knows
nothing of what becomes of it.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from PySide6.QtCore import QIODevice, QLockFile, QObject, Signal, Slot
from PySide6.QtNetwork import QLocalServer, QLocalSocket

LOCK_NAME = "window.lock"
ANSWER_LIMIT_MS = 3000
MAX_MESSAGE_BYTES = 64 * 1024
ANSWER = b"ok\n"


class SingleInstance(QObject):
    """Signals:
    started_again: the path of a model, or None, that a second start was given.
    """

    started_again = Signal(object)

    def __init__(self, folder: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._name = "espalier-" + hashlib.sha256(str(folder).encode("utf-8", "surrogateescape")).hexdigest()[:20]
        self._lock = QLockFile(str(folder / LOCK_NAME))
        self._lock.setStaleLockTime(0)  # however long it runs; a process that is gone does not hold it
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._on_connection)
        self._heard: dict[QLocalSocket, bytes] = {}

    def claim(self) -> bool:
        """Whether this is the first window of the folder; from then on it hears of later ones.

        A folder that takes no lock, as some network drives, counts as having no other window.
        """
        if not self._lock.tryLock(0) and self._lock.error() is QLockFile.LockError.LockFailedError:
            return False
        QLocalServer.removeServer(self._name)  # of one that crashed
        self._server.listen(self._name)
        return True

    def hand_over(self, model: Path | None) -> bool:
        """Tells the first window to come forward, with a model if there is one; False when it does not answer."""
        socket = QLocalSocket()
        socket.connectToServer(self._name, QIODevice.OpenModeFlag.ReadWrite)
        if not socket.waitForConnected(ANSWER_LIMIT_MS):
            return False
        message = {"model": str(model.absolute()) if model is not None else None}
        socket.write(json.dumps(message).encode() + b"\n")
        heard = b""
        while not heard.endswith(ANSWER) and (socket.bytesAvailable() or socket.waitForReadyRead(ANSWER_LIMIT_MS)):
            heard += socket.readAll().data()
        socket.disconnectFromServer()
        return heard == ANSWER

    def release(self) -> None:
        """Lets another window be the first."""
        self._server.close()
        self._lock.unlock()

    @Slot()
    def _on_connection(self) -> None:
        while self._server.hasPendingConnections():
            socket = self._server.nextPendingConnection()
            self._heard[socket] = b""
            socket.readyRead.connect(self._on_data)
            socket.disconnected.connect(self._on_gone)
            self._read(socket)

    @Slot()
    def _on_data(self) -> None:
        socket = self.sender()
        if isinstance(socket, QLocalSocket):
            self._read(socket)

    @Slot()
    def _on_gone(self) -> None:
        socket = self.sender()
        if isinstance(socket, QLocalSocket):
            self._heard.pop(socket, None)
            socket.deleteLater()

    def _read(self, socket: QLocalSocket) -> None:
        heard = self._heard.get(socket, b"") + socket.readAll().data()
        self._heard[socket] = heard
        if len(heard) > MAX_MESSAGE_BYTES:
            socket.abort()
        elif heard.endswith(b"\n"):
            self._take(socket, heard)

    def _take(self, socket: QLocalSocket, heard: bytes) -> None:
        try:
            model = json.loads(heard)["model"]
        except (ValueError, KeyError, TypeError):
            socket.abort()
            return
        socket.write(ANSWER)
        socket.flush()
        self.started_again.emit(Path(model) if isinstance(model, str) else None)
