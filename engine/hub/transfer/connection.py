"""One HTTP request over a connection that can be cut at any moment: name, TCP, proxy, TLS, request, head of the answer.

The standard library's calls for the first three cannot be interrupted, so they are made here in steps. Knows nothing of
hubs, tokens or redirects.
"""

from __future__ import annotations

import base64
import errno
import http.client
import os
import select
import selectors
import socket
import ssl
import threading
import time
import urllib.request
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from engine.hub.transfer.errors import RetryLater, TransferError
from engine.hub.transfer.settings import TransferSettings
from engine.hub.transfer.stop import StopSwitch

USER_AGENT = "espalier"
_PORTS = {"http": 80, "https": 443}
_POLL_S = 0.1
_UNDER_WAY = (0, errno.EINPROGRESS, errno.EWOULDBLOCK, 10035)  # the last is the same on Windows
_NEAR_S = 0.002  # a round trip as inside a house
_NEAR_BUFFER = 1 << 17

_Address = tuple[int, int, int, tuple[object, ...]]  # family, kind, protocol, what `connect` wants


class Answer:
    """The head of an answer, and its body as a stream; to be closed."""

    def __init__(self, url: str, response: http.client.HTTPResponse, connection: _Connection) -> None:
        self.url = url
        self.status = response.status
        self.headers = response.headers
        self._response = response
        self._connection = connection
        self._selector = selectors.DefaultSelector()
        self._selector.register(connection.socket, selectors.EVENT_READ)

    def read(self, num_bytes: int) -> bytes:
        """What has arrived, at most `num_bytes`; empty at the end of the body, or where it was cut."""
        try:
            return self._response.read1(num_bytes)
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise RetryLater(_words(self.url, error)) from error

    def has_more(self, seconds: float) -> bool:
        """Waits until more has arrived, or the end; a false "no" is possible and costs nothing but a moment."""
        connected = self._connection.socket
        if isinstance(connected, ssl.SSLSocket) and connected.pending():
            return True
        return bool(self._selector.select(max(0.0, seconds)))

    def close(self) -> None:
        self._selector.close()
        self._response.close()
        self._connection.close()

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True)
class _Connection:
    """A socket that the stop switch watches."""

    socket: socket.socket
    stop: StopSwitch

    def close(self) -> None:
        self.stop.unwatch(self.socket)
        self.socket.close()


class Connector:
    """Makes requests; its TLS settings are read once and serve all threads.

    Args:
        proxy: an address, with user and password if it wants them; None takes the system's own settings.
    """

    def __init__(self, settings: TransferSettings, stop: StopSwitch, proxy: str | None = None) -> None:
        self._settings = settings
        self._stop = stop
        self._proxies = urllib.request.getproxies() if proxy is None else {"http": proxy, "https": proxy}
        self._asks_system = proxy is None
        self._tls: ssl.SSLContext | None = None
        self._tls_lock = threading.Lock()

    def get(self, url: str, headers: dict[str, str]) -> Answer:
        """Sends a GET and reads the head of its answer.

        Raises:
            RetryLater: the way there or the server failed.
            Stopped: the switch was thrown.
        """
        parts = urlsplit(url)
        try:
            return self._get(parts, headers)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._stop.check()  # a cut connection fails like a broken one
            raise RetryLater(_words(url, error)) from error

    def _get(self, parts: SplitResult, headers: dict[str, str]) -> Answer:
        host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        proxy = self._proxy_for(parts)
        target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        sent = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity", "Connection": "close", **headers}
        if proxy is None:
            connection = self._open(host, port)
        else:
            connection = self._open(proxy.hostname or "", proxy.port or _PORTS.get(proxy.scheme, 80))
            if parts.scheme == "http":
                target, sent = parts.geturl(), sent | _proxy_headers(proxy)
        try:
            if proxy is not None and parts.scheme == "https":
                _open_tunnel(connection.socket, proxy, host, port)
            if parts.scheme == "https":
                connection = self._secure(connection, host)
            connection.socket.settimeout(self._settings.read_s)
            client = http.client.HTTPConnection(host, port)
            client.sock = connection.socket
            client.request("GET", target, headers=sent)
            return Answer(parts.geturl(), client.getresponse(), connection)
        except BaseException:
            connection.close()
            raise

    def _proxy_for(self, parts: SplitResult) -> SplitResult | None:
        address = self._proxies.get(parts.scheme) or self._proxies.get("all")
        host = parts.hostname or ""
        if not address or (self._asks_system and urllib.request.proxy_bypass(host)):
            return None
        proxy = urlsplit(address if "://" in address else f"http://{address}")
        if proxy.scheme != "http":
            raise TransferError(
                f"The proxy {proxy.scheme}://{proxy.hostname} is of a kind that downloads cannot use.",
                "Enter an HTTP proxy, written http://host:port, in the settings.",
            )
        return proxy

    def _open(self, host: str, port: int) -> _Connection:
        """Connects to the first address that answers."""
        failure: OSError | None = None
        for address in self._look_up(host, port):
            try:
                return self._connect(address)
            except OSError as error:
                failure = error
        raise failure or OSError("the name has no address")

    def _look_up(self, host: str, port: int) -> list[_Address]:
        """Asks for a host's addresses in a thread of its own, for that call cannot be ended."""
        found: list[_Address] = []
        failed: list[OSError | UnicodeError] = []
        done = threading.Event()

        def ask() -> None:
            try:
                answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                found.extend((family, kind, protocol, address) for family, kind, protocol, _, address in answers)
            except (OSError, UnicodeError) as error:
                failed.append(error)
            done.set()

        threading.Thread(target=ask, name="download-lookup", daemon=True).start()
        deadline = time.monotonic() + self._settings.connect_s
        while not done.wait(_POLL_S):
            self._stop.check()
            if time.monotonic() > deadline:
                raise TimeoutError("the name was not found in time")
        if failed:
            raise failed[0]
        return found

    def _connect(self, address: _Address) -> _Connection:
        family, kind, protocol, place = address
        started = time.monotonic()
        opened = socket.socket(family, kind, protocol)
        try:
            opened.setblocking(False)
            code = opened.connect_ex(place)
            if code not in _UNDER_WAY:
                raise OSError(code, os.strerror(code))
            while not _is_connected(opened):
                self._stop.check()
                if time.monotonic() - started > self._settings.connect_s:
                    raise TimeoutError("no answer in time")
            opened.settimeout(self._settings.connect_s)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if time.monotonic() - started < _NEAR_S:
                # A near server needs no large window, and what waits in one is lost when the program is killed.
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _NEAR_BUFFER)
            self._stop.watch(opened)
        except BaseException:
            opened.close()
            raise
        return _Connection(opened, self._stop)

    def _secure(self, connection: _Connection, host: str) -> _Connection:
        with self._tls_lock:
            self._tls = self._tls or ssl.create_default_context()
        # The handshake reads from the socket that is watched; its successor takes its place.
        secured = self._tls.wrap_socket(connection.socket, server_hostname=host, do_handshake_on_connect=False)
        self._stop.unwatch(connection.socket)
        successor = _Connection(secured, self._stop)
        try:
            self._stop.watch(secured)
            secured.do_handshake()
        except BaseException:
            successor.close()
            raise
        return successor


def _is_connected(opened: socket.socket) -> bool:
    """Waits a moment for a connection in the making; raises `OSError` when it failed."""
    _, ready, broken = select.select([], [opened], [opened], _POLL_S)
    if not ready and not broken:
        return False
    code = opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))
    return True


def _proxy_headers(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()
    return {"Proxy-Authorization": f"Basic {base64.b64encode(pair).decode('ascii')}"}


def _open_tunnel(connection: socket.socket, proxy: SplitResult, host: str, port: int) -> None:
    """Asks an HTTP proxy for a way through to `host`; raises `OSError` when it refuses."""
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}"]
    lines += [f"{name}: {value}" for name, value in _proxy_headers(proxy).items()]
    connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
    head = bytearray()
    while not head.endswith(b"\r\n\r\n"):  # byte by byte: what follows the head belongs to the server behind
        byte = connection.recv(1)
        if not byte or len(head) > 65536:
            raise OSError("the proxy hung up")
        head += byte
    words = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
    if len(words) < 2 or words[1] != "200":
        raise OSError(f"the proxy answered {' '.join(words[1:]) or 'nonsense'}")


def _words(url: str, error: Exception) -> str:
    """A failure in one sentence that names the host."""
    host = urlsplit(url).hostname or url
    if isinstance(error, TimeoutError):
        return f"{host} does not answer"
    if isinstance(error, socket.gaierror):
        return f"the address of {host} was not found"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate of {host} is not trusted ({error.verify_message})"
    if isinstance(error, ConnectionRefusedError):
        return f"{host} refuses the connection"
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"the connection to {host} broke ({reason or type(error).__name__})"
