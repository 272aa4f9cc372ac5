"""How fast one file comes in at its best: from a server on this machine, hashed, written and verified.

    python -m tests.benchmarks.loopback [--megabytes 2000] [--tries 3] [--floor 400]

The server is a process of its own that sends from memory with the system's own call, so that what is measured is this
program. Ends with 1 below the floor. Knows nothing of other networks.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from engine.hub.endpoint import Endpoint
from engine.hub.transfer.download import Download
from engine.hub.transfer.plan import DownloadPlan
from engine.hub.transfer.settings import TransferSettings
from engine.hub.transfer.source import Access
from engine.hub.types import RepoFile, RepoId

FLOOR_MB_PER_S = 400.0
NAME = "model.safetensors"
ROOT = Path(__file__).parents[2]
_PIECE = 1 << 20


@dataclass(frozen=True)
class Measured:
    """One download.

    Attributes:
        cpu_s: of this process, all threads together.
    """

    mb_per_s: float
    seconds: float
    cpu_s: float


def measure(source: Path, folder: Path) -> Measured:
    """Downloads a file from this machine into a folder, as a model of one file. Raises `EngineError` if it fails."""
    digest = hashlib.sha256()
    with source.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    size = source.stat().st_size
    listening = socket.create_server(("127.0.0.1", 0))
    handle = listening.fileno()
    command = [sys.executable, "-m", "tests.benchmarks.loopback", "--serve", str(handle), "--source", str(source)]
    server = subprocess.Popen(command, cwd=ROOT, pass_fds=[handle], stdout=subprocess.PIPE)
    assert server.stdout is not None
    server.stdout.readline()  # it is up: its start does not count
    try:
        plan = DownloadPlan(
            RepoId("o", "m"), "main", "0" * 40, (RepoFile(NAME, size, digest.hexdigest(), is_lfs=True),), folder
        )
        access = Access(Endpoint(f"http://127.0.0.1:{listening.getsockname()[1]}", is_own=True))
        download = Download(plan, access, lambda _: None, TransferSettings(margin_bytes=0))
        began, cpu = time.perf_counter(), time.process_time()
        outcome = download.run()
        seconds = time.perf_counter() - began
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()
        listening.close()
    if download.error is not None:
        raise download.error
    assert outcome == "done"
    return Measured(size / seconds / 1e6, seconds, time.process_time() - cpu)


def _serve(listening: socket.socket, source: Path) -> NoReturn:
    """Answers every request with the whole file."""
    size = source.stat().st_size
    print("ready", flush=True)
    head = f'HTTP/1.1 200 OK\r\nContent-Length: {size}\r\nETag: "one"\r\nConnection: close\r\n\r\n'.encode()
    while True:
        connection, _ = listening.accept()
        with connection, source.open("rb") as file:
            while b"\r\n\r\n" not in connection.recv(1 << 16):
                pass
            connection.sendall(head)
            sent = 0
            while sent < size:
                sent += os.sendfile(connection.fileno(), file.fileno(), sent, size - sent)


def main(arguments: list[str] | None = None) -> int:
    """Measures, prints, and says by its return value whether the floor held."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=2000)
    parser.add_argument("--tries", type=int, default=3)
    parser.add_argument("--floor", type=float, default=FLOOR_MB_PER_S, metavar="MB/S", help="0 for none")
    parser.add_argument("--folder", type=Path, help="where to write (default: the system's folder for passing things)")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)  # what the server's process is called with
    parser.add_argument("--source", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.serve is not None:
        _serve(socket.socket(fileno=options.serve), options.source)
    best = 0.0
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        source = Path(name) / "source"
        piece = os.urandom(_PIECE)
        with source.open("wb") as file:
            for _ in range(-(-options.megabytes * 1_000_000 // _PIECE)):
                file.write(piece)
        for number in range(options.tries):
            folder = Path(name) / str(number)
            found = measure(source, folder)
            best = max(best, found.mb_per_s)
            print(f"{found.mb_per_s:7.0f} MB/s   {found.seconds:5.2f} s   {found.cpu_s:5.2f} s of processor time")
            (folder / NAME).unlink()
    print(f"{best:7.0f} MB/s at best; the floor is {options.floor:.0f}")
    return 0 if best >= options.floor else 1


if __name__ == "__main__":
    sys.exit(main())
