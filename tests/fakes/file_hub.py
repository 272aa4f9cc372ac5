"""A hub that gives out files, on loopback: resolve addresses at one port, the storage they lead to at another.

Large files are redirected to signed addresses that can expire, small ones come from the hub itself. Every request is
logged with its headers and the bytes that were sent for it; faults are taken from a list, one per request.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from engine.hub.endpoint import Endpoint
from engine.hub.types import RepoFile, RepoId, Variant
from tests.fakes.sending import Fault, LoopbackServer, Request, SendingHandler

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPO = RepoId("org", "model")
BRANCH = "4.0bpw"


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


def _server(hub: FileHub, place: str) -> LoopbackServer:
    class Handler(_Handler):
        pass

    Handler.hub, Handler.place = hub, place
    return LoopbackServer(("127.0.0.1", 0), Handler)


class _Handler(SendingHandler):
    hub: FileHub
    place: str

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
            self.send_refusal(request, fault.status, dict(fault.headers))
        elif self.place == "hub" and hub.token and request.headers.get("authorization") != f"Bearer {hub.token}":
            self.send_refusal(request, 401, {"X-Error-Code": "GatedRepo"})
        elif request.path not in hub.files or (self.place == "hub" and f"/resolve/{COMMIT}/" not in self.path):
            self.send_refusal(request, 404, {})
        elif self.place == "hub" and request.path in hub.large:
            self.send_refusal(request, 302, {"Location": f"{hub.storage_url}/{request.path}?signature=1"})
        else:
            data = hub.files[request.path]
            etag = hub.etags.get(request.path, f'"{hashlib.md5(data).hexdigest()}"')
            self.send_file(request, data, etag, fault)

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
        self.send_whole(200, {"Content-Type": "application/json"}, json.dumps(answer).encode())
        self.close_connection = True
