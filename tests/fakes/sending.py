"""How a fake hub sends a file: ranges, entity tags, a log of what went out, and every way in which it can go wrong.

Knows nothing of repositories or of which address leads to which file.
"""

from __future__ import annotations

import re
import socket
import struct
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SEND_BUFFER = 1 << 16  # of the system: what waits in it counts as sent and dies with a broken connection
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


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
    path: str  # of the file in the repository, or of a question to the API
    headers: dict[str, str]
    status: int = 0
    sent: int = 0  # bytes of the body
    fault: Fault = Fault()


class LoopbackServer(ThreadingHTTPServer):
    """A server with a thread for each connection, on this machine only."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news."""


class SendingHandler(BaseHTTPRequestHandler):
    """Sends files and refusals; what is asked is said by those who inherit."""

    protocol_version = "HTTP/1.1"

    def send_refusal(self, request: Request, status: int, headers: dict[str, str]) -> None:
        request.status = status
        self.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def send_whole(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_file(self, request: Request, data: bytes, etag: str, fault: Fault) -> None:
        """A file or the part of it that is asked for, with what is to go wrong."""
        start, end = self._range(request, etag, fault, len(data))
        if start >= len(data) and start:
            self.send_refusal(request, 416, {"Content-Range": f"bytes */{len(data)}"})
            return
        is_part = start > 0 or end < len(data)
        request.status = 206 if is_part else 200
        self.send_response(request.status)
        self.send_header("ETag", etag)
        if is_part:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(data)}")
        body = memoryview(data)[start:end]
        self.send_header("Content-Length", str(len(body) if fault.claim is None else fault.claim))
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault.flip and body:
            body = memoryview(bytes([body[0] ^ 1]) + bytes(body[1:]))
        self._send_body(request, body if fault.after is None else body[: fault.after], fault)
        if fault.stall_s:
            time.sleep(fault.stall_s)
        if fault.after is not None and fault.after % 2:  # every other break is a reset, the rest end quietly
            time.sleep(0.05)  # a reset throws away what has not left yet, and that would count as sent
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def _range(self, request: Request, etag: str, fault: Fault, size: int) -> tuple[int, int]:
        """The first byte and the one behind the last."""
        match = _RANGE.fullmatch(request.headers.get("range", ""))
        if match is None or fault.ignore_range or request.headers.get("if-range", etag) != etag:
            return 0, size
        return int(match[1]), min(size, int(match[2]) + 1) if match[2] else size

    def _send_body(self, request: Request, body: memoryview, fault: Fault) -> None:
        step = 1 if fault.drip_s else 1 << 18
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        for at in range(0, len(body), step):
            piece = body[at : at + step]
            while piece:
                num_bytes = self.connection.send(piece)
                request.sent += num_bytes
                piece = piece[num_bytes:]
            if fault.drip_s:
                time.sleep(fault.drip_s)

    def log_message(self, *_: object) -> None:
        pass
