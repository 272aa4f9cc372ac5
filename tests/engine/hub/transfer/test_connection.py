"""Ways to a server: over TLS, through a proxy, to nobody, and cut at any moment."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.hub.transfer.connection import Connector
from engine.hub.transfer.errors import RetryLater, Stopped, TransferError
from engine.hub.transfer.settings import TransferSettings
from engine.hub.transfer.stop import StopSwitch

QUICK = TransferSettings(connect_s=0.5, read_s=0.5)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """Gives each connection to `serve` in a thread; yields the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve_and_close(opened: socket.socket) -> None:
            with opened, contextlib.suppress(OSError):
                serve(opened)

        def accept() -> None:
            while True:
                try:
                    opened, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=serve_and_close, args=(opened,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def head_of(opened: socket.socket) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += opened.recv(1)
    return head


def timed_cut(stop: StopSwitch, work: Callable[[], object]) -> float:
    """Throws the switch while `work` waits; returns how long it took to end."""
    cut_at: list[float] = []

    def cut() -> None:
        cut_at.append(time.monotonic())
        stop.throw()

    timer = threading.Timer(0.2, cut)
    timer.start()
    with pytest.raises((Stopped, RetryLater)):
        work()
    timer.join()
    return time.monotonic() - cut_at[0]


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(RetryLater, match=r"127\.0\.0\.1 refuses the connection"):
        Connector(QUICK, StopSwitch(), "").get(f"http://127.0.0.1:{port}/x", {})


def test_a_silent_server_and_a_cut(tmp_path: Path) -> None:
    with listening(lambda opened: time.sleep(5)) as port:
        url = f"http://127.0.0.1:{port}/x"
        with pytest.raises(RetryLater, match="does not answer"):
            Connector(QUICK, StopSwitch(), "").get(url, {})
        stop = StopSwitch()
        assert timed_cut(stop, lambda: Connector(TransferSettings(), stop, "").get(url, {})) < 0.3


def test_a_name_that_takes_its_time_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(2) or [])
    stop = StopSwitch()
    assert timed_cut(stop, lambda: Connector(TransferSettings(), stop, "").get("http://slow.example/", {})) < 0.3
    with pytest.raises(RetryLater, match=r"slow\.example does not answer"):
        Connector(QUICK, StopSwitch(), "").get("http://slow.example/", {})


def test_nonsense_answers() -> None:
    def serve(opened: socket.socket) -> None:
        head_of(opened)
        opened.sendall(b"SSH-2.0 hello\r\n\r\n")
        opened.close()

    with listening(serve) as port, pytest.raises(RetryLater, match="broke"):
        Connector(QUICK, StopSwitch(), "").get(f"http://127.0.0.1:{port}/x", {})


def test_through_a_proxy() -> None:
    seen: list[bytes] = []

    def serve(opened: socket.socket) -> None:
        seen.append(head_of(opened))
        if seen[-1].startswith(b"CONNECT"):
            opened.sendall(b"HTTP/1.1 407 Who are you\r\n\r\n")
        else:
            opened.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        opened.close()

    with listening(serve) as port:
        connector = Connector(QUICK, StopSwitch(), f"http://me:p%40ss@127.0.0.1:{port}")
        with connector.get("http://hub.example/a/b?c=d", {"X": "1"}) as answer:
            assert answer.read(100) == b"hi"
        assert seen[0].startswith(b"GET http://hub.example/a/b?c=d HTTP/1.1\r\n")
        assert b"Proxy-Authorization: Basic bWU6cEBzcw==" in seen[0]
        with pytest.raises(RetryLater, match="407 Who are you"):
            connector.get("https://hub.example/a", {"Authorization": "Bearer secret"})
        assert seen[1].startswith(b"CONNECT hub.example:443 HTTP/1.1\r\n")
        assert b"secret" not in seen[1]
    with pytest.raises(TransferError, match="socks5"):
        Connector(QUICK, StopSwitch(), "socks5://127.0.0.1:1").get("http://hub.example/", {})


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for localhost in one file, made for this run."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl, which makes a certificate, is not installed")
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    subprocess.run(
        [program, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", path, "-out", f"{path}.crt"],
        check=True, capture_output=True,
    )  # fmt: skip
    path.write_bytes(path.read_bytes() + Path(f"{path}.crt").read_bytes())
    return path


def test_over_tls_and_cut_without_a_wrong_byte(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    body = os.urandom(1_000_000)

    def serve(opened: socket.socket) -> None:
        try:
            with context.wrap_socket(opened, server_side=True) as secured:
                head_of(secured)
                secured.sendall(HEAD + body[:700_000])
                time.sleep(3)
        except OSError:
            return

    with listening(serve) as port:
        url = f"https://localhost:{port}/x"
        with pytest.raises(RetryLater, match="the certificate of localhost is not trusted"):
            Connector(QUICK, StopSwitch(), "").get(url, {})
        monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
        stop = StopSwitch()
        with Connector(TransferSettings(), stop, "").get(url, {}) as answer:
            received = bytearray(answer.read(1000))

            def read_on() -> None:
                while data := answer.read(100_000):
                    received.extend(data)
                raise Stopped

            assert timed_cut(stop, read_on) < 0.3
        assert len(received) == 700_000
        assert body.startswith(received)
        with Connector(TransferSettings(), StopSwitch(), "").get(url, {}) as answer:
            time.sleep(0.1)  # encrypted bytes lie ready
            assert answer.has_more(1)
            received = bytearray(answer.read(1000))
            answer._connection.stop.reconnect()
            with contextlib.suppress(RetryLater):
                while data := answer.read(100_000):
                    received.extend(data)
            assert body.startswith(received)
