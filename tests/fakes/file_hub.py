"""A hub that gives out files, on loopback: resolve addresses at one port, the storage they lead to at another.

Large files are redirected to signed addresses that can expire, small ones come from the hub itself. Every request is
logged with its headers and the bytes that were sent for it; faults are taken from a list, one per request.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from engine.hub.endpoint import Endpoint
from engine.hub.types import RepoFile, RepoId, Variant

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPO = RepoId("org", "model")
BRANCH = "4.0bpw"


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request.

    Attributes:
        after: body bytes that are still sent before the connection is reset; None sends all.
        status: answered in place of the file.
        headers: sent with that status.
        stall_s: silence after `after` bytes, before the connection ends.
        drip_s: wait between single bytes.
        flip: the first byte of the body is wrong.
        ignore_range: answers 200 with the whole file.
        claim: the Content-Length that is claimed, whatever is sent.
    """

    after: int | None = None
    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    stall_s: float = 0.0
    drip_s: float = 0.0
    flip: bool = False
    ignore_range: bool = False
    claim: int | None = None


@dataclass
class Request:
    """One request as it was seen."""

    place: str  # "hub" or "storage"
    path: str  # of the file in the repository
    headers: dict[str, str]
    status: int = 0
    sent: int = 0  # bytes of the body


@dataclass
class FileHub:
    """The content, the faults to come and the log; the addresses once it runs."""

    files: dict[str, bytes]
    large: frozenset[str] = frozenset()
    url: str = ""
    storage_url: str = ""
    token: str = ""  # demanded at the hub, where it is not empty
    etags: dict[str, str] = field(default_factory=dict)
    faults: dict[str, deque[Fault]] = field(default_factory=dict)  # at the storage, or at the hub for small files
    hub_faults: deque[Fault] = field(default_factory=deque)
    always: Fault | None = None  # where `faults` has none
    log: list[Request] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(self.url, is_own=True)

    @property
    def variant(self) -> Variant:
        return Variant(REPO, BRANCH, COMMIT, tuple(self._file(path) for path in self.files))

    def sent_for(self, path: str) -> int:
        return sum(request.sent for request in self.log if request.path == path and request.status in (200, 206))

    def fail(self, path: str, *faults: Fault) -> None:
        self.faults.setdefault(path, deque()).extend(faults)

    def next_fault(self, place: str, path: str) -> Fault:
        with self.lock:
            if place == "hub" and self.hub_faults:
                return self.hub_faults.popleft()
            if place == "hub" and path in self.large:
                return Fault()
            waiting = self.faults.get(path)
            return waiting.popleft() if waiting else self.always or Fault()

    def _file(self, path: str) -> RepoFile:
        data = self.files[path]
        blob = hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()
        if path not in self.large:
            return RepoFile(path, len(data), None, blob)
        return RepoFile(path, len(data), hashlib.sha256(data).hexdigest(), blob, is_lfs=True)


@contextmanager
def serving(hub: FileHub) -> Iterator[FileHub]:
    """Runs the two servers."""
    servers = [_server(hub, "hub"), _server(hub, "storage")]
    hub.url, hub.storage_url = (f"http://127.0.0.1:{server.server_address[1]}" for server in servers)
    threads = [threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield hub
    finally:
        for server, thread in zip(servers, threads):
            server.shutdown()
            thread.join()
            server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news."""


def _server(hub: FileHub, place: str) -> _Server:
    class Handler(_Handler):
        pass

    Handler.hub, Handler.place = hub, place
    return _Server(("127.0.0.1", 0), Handler)


class _Handler(BaseHTTPRequestHandler):
    hub: FileHub
    place: str
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        hub = self.hub
        parts = unquote(urlsplit(self.path).path).lstrip("/").split("/")
        # /org/model/resolve/COMMIT/PATH at the hub, /PATH at the storage
        path = "/".join(parts[4:]) if self.place == "hub" else "/".join(parts)
        if self.place == "hub" and parts[:2] == ["api", "models"]:
            self._describe(parts[4:])
            return
        request = Request(self.place, path, {name.lower(): value for name, value in self.headers.items()})
        with hub.lock:
            hub.log.append(request)
        fault = hub.next_fault(self.place, path)
        with contextlib.suppress(OSError):
            self._answer(request, fault)
        self.close_connection = True

    def _answer(self, request: Request, fault: Fault) -> None:
        hub = self.hub
        if fault.status:
            self._empty(request, fault.status, dict(fault.headers))
        elif self.place == "hub" and hub.token and request.headers.get("authorization") != f"Bearer {hub.token}":
            self._empty(request, 401, {"X-Error-Code": "GatedRepo"})
        elif request.path not in hub.files or (self.place == "hub" and f"/resolve/{COMMIT}/" not in self.path):
            self._empty(request, 404, {})
        elif self.place == "hub" and request.path in hub.large:
            self._empty(request, 302, {"Location": f"{hub.storage_url}/{request.path}?signature=1"})
        else:
            self._send(request, fault)

    def _describe(self, question: list[str]) -> None:
        """Answers what the hub's library asks about the repository: its branches, and the files of the commit."""
        if question[0] == "refs":
            branch = {"name": BRANCH, "ref": f"refs/heads/{BRANCH}", "targetCommit": COMMIT}
            answer: dict[str, Any] = {"branches": [branch], "converts": [], "tags": []}
        else:
            siblings = [
                {"rfilename": f.path, "size": f.size, "blobId": f.blob_id}
                | ({"lfs": {"sha256": f.sha256, "size": f.size, "pointerSize": 130}} if f.is_lfs else {})
                for f in self.hub.variant.files
            ]
            answer = {"id": str(REPO), "sha": COMMIT, "private": False, "tags": [], "siblings": siblings}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def _empty(self, request: Request, status: int, headers: dict[str, str]) -> None:
        request.status = status
        self.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def _send(self, request: Request, fault: Fault) -> None:
        data = self.hub.files[request.path]
        etag = self.hub.etags.get(request.path, f'"{hashlib.md5(data).hexdigest()}"')
        start = self._start(request, etag, fault)
        if start >= len(data) and start:
            self._empty(request, 416, {"Content-Range": f"bytes */{len(data)}"})
            return
        request.status = 206 if start else 200
        self.send_response(request.status)
        self.send_header("ETag", etag)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        body = memoryview(data)[start:]
        self.send_header("Content-Length", str(len(body) if fault.claim is None else fault.claim))
        self.end_headers()
        if fault.flip:
            body = memoryview(bytes([body[0] ^ 1]) + bytes(body[1:]))
        self._send_body(request, body if fault.after is None else body[: fault.after], fault)
        if fault.stall_s:
            time.sleep(fault.stall_s)
        if fault.after is not None and fault.after % 2:  # every other break is a reset, the rest end quietly
            time.sleep(0.05)  # a reset throws away what has not left yet, and that would count as sent
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def _start(self, request: Request, etag: str, fault: Fault) -> int:
        match = re.fullmatch(r"bytes=(\d+)-", request.headers.get("range", ""))
        if match is None or fault.ignore_range or request.headers.get("if-range", etag) != etag:
            return 0
        return int(match[1])

    def _send_body(self, request: Request, body: memoryview, fault: Fault) -> None:
        step = 1 if fault.drip_s else 1 << 18
        for at in range(0, len(body), step):
            piece = body[at : at + step]
            self.connection.sendall(piece)
            request.sent += len(piece)
            if fault.drip_s:
                time.sleep(fault.drip_s)

    def log_message(self, *_: object) -> None:
        pass
