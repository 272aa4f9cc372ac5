"""A whole hub on loopback: search, branches, descriptions, cards and files, as the real API serves them together.

Large files are redirected to a second server at signed addresses that expire; gated and private repositories, tokens,
ranges, entity tags and rate limits are there, and `Chaos` lets any of it go wrong. To point a window at it by hand:

    python -m tests.fakes.hub --port 8080 --faults drop,429,drip --share 0.3
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import random
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from urllib.parse import parse_qs, quote, unquote, urlsplit

from engine.hub.endpoint import Endpoint
from tests.fakes.hub_content import example_repos
from tests.fakes.metadata_hub import FakeRepo, FoundFile, HubAnswers, is_large
from tests.fakes.sending import Fault, LoopbackServer, Request, SendingHandler

REFUSALS = ("429", "500")
KINDS = ("drop", "429", "500", "expired", "length", "hash", "norange", "drip")


@dataclass
class Chaos:
    """Draws faults by lot, the same ones for the same seed and order of requests.

    Attributes:
        share: of the requests for files that go wrong.
        kinds: out of `KINDS`.
        most: faults in all; None without an end.
        drop_bytes: most bytes before a connection breaks.
        hash_bytes: files up to this size come with a wrong byte, each once: such a file has to be fetched anew.
        wait_s: that a refusal asks for.
    """

    seed: int = 0
    share: float = 0.5
    kinds: tuple[str, ...] = KINDS
    most: int | None = None
    drop_bytes: int = 4_000_000
    hash_bytes: int = 1_000_000
    wait_s: float = 0.02
    drip_s: float = 0.05
    counts: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._lot = random.Random(self.seed)
        self._flipped: set[str] = set()

    @property
    def num_faults(self) -> int:
        return sum(self.counts.values())

    def forget_files(self) -> None:
        """The same files may come with a wrong byte once more, for another download of them."""
        self._flipped.clear()

    def next(self, place: str, path: str, num_bytes: int, size: int) -> Fault:
        """What becomes of a request for a file; called under the hub's lock.

        Args:
            num_bytes: that would be sent, of the file's `size`; both 0 for a redirect.
        """
        if (self.most is not None and self.num_faults >= self.most) or self._lot.random() >= self.share:
            return Fault()
        kind = self._lot.choice(self.kinds)
        if place == "hub" and kind not in (REFUSALS if size == 0 else set(KINDS) - {"expired"}):
            return Fault()  # a redirect has no body that could break
        if kind == "hash" and not self._may_flip(path, size):
            return Fault()
        fault = self._fault(kind, num_bytes)
        if fault != Fault():
            self.counts[kind] = self.counts.get(kind, 0) + 1
        return fault

    def _may_flip(self, path: str, size: int) -> bool:
        if path in self._flipped or not 0 < size <= self.hash_bytes:
            return False
        self._flipped.add(path)
        return True

    def _fault(self, kind: str, num_bytes: int) -> Fault:
        if kind == "drop":
            return Fault(after=self._lot.randrange(min(self.drop_bytes, max(num_bytes, 1))))
        if kind == "429":
            return Fault(status=429, headers=(("Retry-After", f"{self.wait_s:g}"),))
        if kind == "500":
            return Fault(status=self._lot.choice((500, 502, 503)))
        if kind == "expired":
            return Fault(status=403)
        if kind == "length":
            return Fault(claim=max(0, num_bytes + self._lot.choice((-1000, -1, 1, 1000))), after=num_bytes // 2)
        if kind == "hash":
            return Fault(flip=True)
        if kind == "norange":
            return Fault(ignore_range=True)
        return Fault(drip_s=self.drip_s, after=num_bytes)


@dataclass
class RateLimit:
    """So many requests to the API in a window, as the real one allows; then 429 until it is over."""

    requests: int
    window_s: float = 300.0
    _began: float = 0.0
    _used: int = 0

    def take(self, now: float) -> tuple[bool, dict[str, str]]:
        """Whether one more is allowed, and the headers that tell what is left."""
        if now - self._began >= self.window_s:
            self._began, self._used = now, 0
        self._used += 1
        left, reset = max(0, self.requests - self._used), round(self.window_s - (now - self._began))
        headers = {"RateLimit": f'"api";r={left};t={reset}', "RateLimit-Policy": f'"api";q={self.requests};w=300'}
        if self._used <= self.requests:
            return True, headers
        return False, {**headers, "Retry-After": str(reset)}


class FakeHub:
    """The two servers; a context manager.

    Args:
        port: of the hub; 0 takes a free one.
        sign_s: for how long the address of a large file is good.

    Attributes:
        answers: what the API says, and the list of what it was asked.
        log: every request for a file, at the hub and at the storage.
        faults: of a file's next requests, before `chaos` is asked; of a large one at the storage.
        chaos: None lets all go well.
        limit: of requests to the API, None for none.
    """

    def __init__(self, *repos: FakeRepo, port: int = 0, sign_s: float = 3600.0) -> None:
        self.answers = HubAnswers(*repos)
        self.log: list[Request] = []
        self.lock = threading.Lock()
        self.faults: dict[str, deque[Fault]] = {}
        self.chaos: Chaos | None = None
        self.limit: RateLimit | None = None
        self.sign_s = sign_s
        self._key = hashlib.sha256(b"key").hexdigest()
        self._servers = [_server(self, _HubHandler, port), _server(self, _StorageHandler, 0)]
        self.url, self.storage_url = (f"http://127.0.0.1:{each.server_address[1]}" for each in self._servers)
        self.answers.url = self.url
        self._threads: list[threading.Thread] = []

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(self.url, is_own=True)

    @property
    def num_requests(self) -> int:
        """All, to the API and for files."""
        with self.lock:
            return len(self.answers.asked) + len(self.log)

    def sent_bytes(self, path: str = "") -> int:
        """Of the bodies of a file, of all files without one."""
        with self.lock:
            return sum(each.sent for each in self.log if path in ("", each.path) and each.status in (200, 206))

    def __enter__(self) -> FakeHub:
        self._threads = [
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True) for server in self._servers
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for server, thread in zip(self._servers, self._threads):
            server.shutdown()
            thread.join()
            server.server_close()

    def next_fault(self, place: str, path: str, num_bytes: int, size: int) -> Fault:
        with self.lock:
            waiting = self.faults.get(path)
            if waiting and (place == "storage" or not is_large(path)):
                return waiting.popleft()
            return self.chaos.next(place, path, num_bytes, size) if self.chaos else Fault()

    def note(self, request: Request) -> None:
        with self.lock:
            self.log.append(request)

    def signed(self, found: FoundFile) -> str:
        """The address of a large file at the storage, for a while."""
        path = f"/{quote(found.repo.name)}/{found.commit}/{quote(found.path)}"
        expires = f"{time.time() + self.sign_s:.3f}"
        return f"{self.storage_url}{path}?Expires={expires}&Signature={self._signature(path, expires)}"

    def is_signed(self, address: str) -> bool:
        """Whether the storage still honours an address."""
        parts = urlsplit(address)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        expires = query.get("Expires", "0")
        return query.get("Signature") == self._signature(parts.path, expires) and time.time() < float(expires)

    def _signature(self, path: str, expires: str) -> str:
        return hashlib.sha256(f"{self._key} {path} {expires}".encode()).hexdigest()


class _HubHandler(SendingHandler):
    hub: FakeHub

    def do_GET(self) -> None:
        with contextlib.suppress(OSError):
            self._answer()

    do_HEAD = do_GET  # noqa: N815 - the name is given

    def _answer(self) -> None:
        hub, parts = self.hub, urlsplit(self.path)
        is_file = not parts.path.startswith("/api/")
        allowed, limits = hub.limit.take(time.monotonic()) if hub.limit and not is_file else (True, {})
        if not allowed:
            hub.answers.answer(self)  # noted, and not answered
            self.send_whole(429, limits, b"")
        elif not is_file:
            with hub.lock:
                status, headers, body = hub.answers.answer(self)
            self.send_whole(status, {**headers, **limits}, body)
        else:
            self._answer_file(parts.path)

    def _answer_file(self, address: str) -> None:
        hub = self.hub
        headers = {name.lower(): value for name, value in self.headers.items()}
        found = hub.answers.file_of(address, headers.get("authorization"))
        request = Request("hub", found.path if isinstance(found, FoundFile) else unquote(address), headers)
        hub.note(request)
        if not isinstance(found, FoundFile):
            self.send_refusal(request, found[0], found[1])
            return
        num_bytes = 0 if is_large(found.path) else len(found.data)
        fault = request.fault = hub.next_fault("hub", found.path, num_bytes, num_bytes)
        sha256 = hashlib.sha256(found.data).hexdigest() if not is_large(found.path) else ""
        if fault.status:
            self.send_refusal(request, fault.status, dict(fault.headers))
        elif is_large(found.path):
            linked = {"X-Repo-Commit": found.commit, "X-Linked-Size": str(len(found.data))}
            self.send_refusal(request, 302, {"Location": hub.signed(found), **linked})
        else:
            self.send_file(request, found.data, f'"{sha256[:40]}"', fault)
            self.close_connection = True


class _StorageHandler(SendingHandler):
    hub: FakeHub

    def do_GET(self) -> None:
        with contextlib.suppress(OSError):
            self._answer()
        self.close_connection = True

    do_HEAD = do_GET  # noqa: N815 - the name is given

    def _answer(self) -> None:
        hub = self.hub
        owner, name, commit, *path = unquote(urlsplit(self.path).path).lstrip("/").split("/")
        repo = hub.answers.repos.get(f"{owner}/{name}")
        data = (repo.files(commit) or {}).get("/".join(path)) if repo else None
        request = Request("storage", "/".join(path), {key.lower(): value for key, value in self.headers.items()})
        hub.note(request)
        if data is None or not hub.is_signed(self.path):
            self.send_refusal(request, 403, {})
            return
        fault = request.fault = hub.next_fault("storage", request.path, len(data) - _first(request), len(data))
        if fault.status:
            self.send_refusal(request, fault.status, dict(fault.headers))
        else:
            self.send_file(request, data, f'"{commit[:8]}-{len(data)}"', fault)


def _first(request: Request) -> int:
    digits = request.headers.get("range", "").removeprefix("bytes=").partition("-")[0]
    return int(digits) if digits.isdecimal() else 0


def _server(hub: FakeHub, kind: type[SendingHandler], port: int) -> LoopbackServer:
    return LoopbackServer(("127.0.0.1", port), type("Handler", (kind,), {"hub": hub}))


def main() -> None:
    """Serves examples until Ctrl+C."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--faults", default="", help=f"of {','.join(KINDS)}, or all")
    parser.add_argument("--share", type=float, default=0.3, help="of the requests for files that go wrong")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--megabytes", type=int, default=100, help="of the largest file")
    parser.add_argument("--repos", type=int, default=100, help="repositories beside the few real ones")
    options = parser.parse_args()
    hub = FakeHub(*example_repos(options.megabytes, options.repos), port=options.port)
    if options.faults:
        kinds = KINDS if options.faults == "all" else tuple(options.faults.split(","))
        hub.chaos = Chaos(options.seed, options.share, kinds)
    with hub:
        sys.stdout.write(f"{hub.url}   token of the gated and private ones: {hub.answers.token}\nCtrl+C ends it.\n")
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
