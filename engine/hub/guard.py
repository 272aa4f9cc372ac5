"""The gate that every request for metadata passes, ours and those of the hub's library alike.

It keeps the offline switch before any socket is made, gives the token to those who may have it and to nobody else,
at each hop of a redirect, rests when the hub asks for it, tries again after a break, bounds the size of answers and
turns every failure into an error with a way out. Knows nothing of what is asked.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx2

from engine.hub.endpoint import Endpoint
from engine.hub.errors import BadAnswerError, BrokenOffError, HubError, NotReachableError, RateLimitedError
from engine.hub.refusals import Refusal, error_of

CONNECT_S, READ_S = 10.0, 30.0
ATTEMPTS = 3
FIRST_PAUSE_S = 0.5
SHORT_REST_S = 5.0  # is waited for; of a longer one the user hears
MAX_ANSWER_BYTES = 64 * 1024 * 1024
USER_AGENT = "espalier"
_OF_REPO = re.compile(r"^/(?:api/models/|(?!api/))([^/]+/[^/]+)(?:/resolve/[^/]+/(.+)|/.*)?$")

GetToken = Callable[[], str | None]


@dataclass(frozen=True)
class Clock:
    """Time as the guard sees it; tests have their own."""

    wait: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    epoch: Callable[[], float] = time.time


@dataclass
class Rest:
    """Until when the hub wants to be left alone, for all clients of one program part."""

    until_s: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, now_s: float, rest_s: float) -> None:
        with self.lock:
            self.until_s = max(self.until_s, now_s + rest_s)

    def left_s(self, now_s: float) -> float:
        with self.lock:
            return self.until_s - now_s


class Guard(httpx2.BaseTransport):
    """A transport around the library's own.

    Raises:
        HubError: from every request that gets no good answer, and while an answer is read.
    """

    def __init__(self, endpoint: Endpoint, get_token: GetToken, rest: Rest, clock: Clock) -> None:
        self._endpoint, self._get_token, self._rest, self._clock = endpoint, get_token, rest, clock
        self._inner: httpx2.HTTPTransport | None = None
        self._lock = threading.Lock()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self._endpoint.check_online()
        token = self._get_token()
        request.headers.pop("authorization", None)
        had_token = bool(token) and self._endpoint.may_have_token(str(request.url))
        if had_token:
            request.headers["authorization"] = f"Bearer {token}"
        pause_s = FIRST_PAUSE_S
        for attempt in range(1, ATTEMPTS + 1):
            self._check_rest()
            try:
                return self._ask(request, had_token=had_token, has_token=bool(token))
            except RateLimitedError as error:
                self._rest.begin(self._clock.monotonic(), error.retry_after_s)
                if attempt == ATTEMPTS or error.retry_after_s > SHORT_REST_S:
                    raise
                self._clock.wait(error.retry_after_s)
            except NotReachableError:
                if attempt == ATTEMPTS:
                    raise
                self._clock.wait(pause_s)
                pause_s *= 2
        raise AssertionError("the last attempt returns or raises")

    def close(self) -> None:
        with self._lock:
            if self._inner is not None:
                self._inner.close()

    def _check_rest(self) -> None:
        left_s = self._rest.left_s(self._clock.monotonic())
        if left_s > SHORT_REST_S:
            raise RateLimitedError(
                f"{self._endpoint.url} wants a pause of another {left_s:.0f} s.", "Wait, then try again.", left_s
            )
        if left_s > 0:
            self._clock.wait(left_s)

    def _ask(self, request: httpx2.Request, *, had_token: bool, has_token: bool) -> httpx2.Response:
        try:
            response = self._transport().handle_request(request)
        except (httpx2.TransportError, OSError) as error:
            raise broken(self._endpoint, error) from error
        if response.status_code < 400:
            stream = response.stream
            assert isinstance(stream, httpx2.SyncByteStream)
            response.stream = _Bounded(stream, self._endpoint)
            return response
        response.close()
        refusal = Refusal(response.status_code, _what(self._endpoint, request), response.headers, had_token, has_token)
        raise error_of(refusal, self._endpoint, self._clock.epoch())

    def _transport(self) -> httpx2.HTTPTransport:
        with self._lock:
            if self._inner is None:  # made late: an offline program needs no certificates
                self._inner = httpx2.HTTPTransport(proxy=self._endpoint.proxy or system_proxy(self._endpoint.url))
            return self._inner


class _Bounded(httpx2.SyncByteStream):
    """A body that ends in an error where it grows too large or breaks off."""

    def __init__(self, stream: httpx2.SyncByteStream, endpoint: Endpoint) -> None:
        self._stream, self._endpoint = stream, endpoint

    def __iter__(self) -> Iterator[bytes]:
        num_bytes = 0
        try:
            for piece in self._stream:
                num_bytes += len(piece)
                if num_bytes > MAX_ANSWER_BYTES:
                    raise too_large(self._endpoint, MAX_ANSWER_BYTES)
                yield piece
        except (httpx2.TransportError, OSError) as error:
            raise broken(self._endpoint, error, BrokenOffError) from error

    def close(self) -> None:
        self._stream.close()


def broken(endpoint: Endpoint, error: Exception, kind: type[HubError] = NotReachableError) -> HubError:
    """The error for a connection that could not be made or did not last."""
    through = f" through the proxy {_without_password(endpoint.proxy)}" if endpoint.proxy else ""
    reason = str(error).strip().rstrip(".") or type(error).__name__
    return kind(
        f"{endpoint.url} cannot be reached{through}: {reason}.",
        "Check the connection and, in the settings, the hub's address and the proxy.",
    )


def too_large(endpoint: Endpoint, max_bytes: int) -> HubError:
    """The error for an answer that grew beyond what such an answer may be."""
    return BadAnswerError(
        f"{endpoint.url} sent an answer larger than {max_bytes} bytes.", "Check the address of the hub."
    )


def system_proxy(url: str) -> str | None:
    """The proxy that the system's settings name for an address."""
    parts = urlsplit(url)
    if not parts.hostname or proxy_bypass(parts.hostname):
        return None
    proxies = getproxies()
    found = proxies.get(parts.scheme) or proxies.get("all")
    return found if found and found.startswith(("http://", "https://")) else None


def _without_password(proxy: str) -> str:
    parts = urlsplit(proxy)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _what(endpoint: Endpoint, request: httpx2.Request) -> str:
    """What a request asks for, by its path."""
    path = request.url.path.removeprefix(urlsplit(endpoint.url).path)
    found = _OF_REPO.match(path)
    if found is None:
        return f"answer for {unquote(path)}"
    return f"{unquote(found[2])} in {found[1]}" if found[2] else found[1]
