"""Reading ahead: every byte in order whatever is asked for, bounded memory, errors in the caller, no thread left."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path

import pytest

from engine.errors import Cancelled, ModelFormatError
from engine.weights import read_ahead
from engine.weights.read_ahead import Piece, ReadAhead
from engine.weights.safetensors_header import FileStamp, TensorEntry
from engine.weights.tensor_file import read_piece

BUFFER_BYTES = 64
SIZES = {"a": 10, "empty": 0, "b": 64, "huge": 1000, "c": 65, "d": 1}


class FakeBuffer:
    """A buffer whose consumer may still be reading: `wait` then returns only when it is done."""

    def __init__(self) -> None:
        self.bytes = bytearray(BUFFER_BYTES)
        self.in_use = threading.Event()

    @property
    def memory(self) -> memoryview:
        return memoryview(self.bytes)

    def wait(self) -> None:
        while self.in_use.is_set():
            time.sleep(0.001)


class Files:
    """Tensors in two files, their truth, and a count of what was read by whom."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.entries: dict[str, TensorEntry] = {}
        self.truth: dict[str, bytes] = {}
        self.readers: list[tuple[str, str]] = []  # tensor, thread
        for number, names in enumerate((("a", "empty", "b"), ("huge", "c", "d"))):
            path, data = folder / f"{number}.bin", b"head"
            for name in names:
                value = bytes((7 * i + len(self.truth)) % 251 for i in range(SIZES[name]))
                self.entries[name] = TensorEntry(name, "U8", (SIZES[name],), path, len(data), SIZES[name])
                self.truth[name] = value
                data += value
            path.write_bytes(data)
        self.stamps = {entry.path: FileStamp.of(entry.path) for entry in self.entries.values()}

    def reader(self, plan: str = "a empty b huge c d", ring: int = 2) -> ReadAhead[FakeBuffer]:
        entries = [self.entries[name] for name in plan.split()]
        return ReadAhead(entries, self.stamps, [FakeBuffer() for _ in range(ring)], FakeBuffer)

    def read(self, reader: ReadAhead[FakeBuffer], name: str) -> bytes:
        found = bytearray()
        for piece in reader.pieces(self.entries[name], lambda: None):
            assert piece.start == len(found)
            found += piece.buffer.memory[: piece.num_bytes]
        return bytes(found)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Files]:
    made = Files(tmp_path)
    before = set(threading.enumerate())

    def note(entry: TensorEntry, file: FileIO, target: memoryview, done: int) -> int:
        made.readers.append((entry.name, threading.current_thread().name))
        return read_piece(entry, file, target, done)

    monkeypatch.setattr(read_ahead, "read_piece", note)
    yield made
    assert set(threading.enumerate()) == before, "a thread was left behind"


@pytest.mark.parametrize("ring", [1, 2, 8])
@pytest.mark.parametrize("read_bytes", [7, 1 << 20])
def test_in_the_planned_order_all_is_read_by_the_thread(
    files: Files, monkeypatch: pytest.MonkeyPatch, ring: int, read_bytes: int
) -> None:
    monkeypatch.setattr(read_ahead, "READ_BYTES", read_bytes)
    reader = files.reader(ring=ring)
    for name, value in files.truth.items():
        assert files.read(reader, name) == value
    reader.close()
    assert {thread for _, thread in files.readers} == {"weights reader"}


@pytest.mark.parametrize(
    "order",
    ["d c huge b empty a", "b a c huge d", "huge huge a d d", "c", "a a a", "d", "empty d empty", "b huge a c d b"],
)
@pytest.mark.parametrize("plan", ["a empty b huge c d", "d huge", "", "c a"])
@pytest.mark.parametrize("ring", [1, 3])
def test_any_other_order_gives_the_same_bytes(files: Files, order: str, plan: str, ring: int) -> None:
    reader = files.reader(plan, ring)
    for name in order.split():
        assert files.read(reader, name) == files.truth[name]
    reader.close()


def test_no_more_is_read_ahead_than_the_ring_holds(files: Files) -> None:
    reader = files.reader(ring=3)
    deadline = time.monotonic() + 5
    while len(files.readers) < 3 and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(0.05)
    assert [name for name, _ in files.readers] == ["a", "b", "huge"]
    reader.close()


def test_a_buffer_is_filled_again_only_when_its_copy_is_done(files: Files) -> None:
    """Copies here take their bytes only some time after the piece was handed back, as a card does."""
    copies: list[threading.Thread] = []
    found: dict[int, bytes] = {}

    def copy_later(piece: Piece[FakeBuffer]) -> None:
        time.sleep(0.01)
        found[piece.start] = bytes(piece.buffer.memory[: piece.num_bytes])
        piece.buffer.in_use.clear()

    reader = files.reader("huge", ring=2)
    for piece in reader.pieces(files.entries["huge"], lambda: None):
        piece.buffer.in_use.set()
        copies.append(threading.Thread(target=copy_later, args=(piece,)))
        copies[-1].start()
    for copy in copies:
        copy.join()
    reader.close()
    assert b"".join(found[start] for start in sorted(found)) == files.truth["huge"]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:500])


def replace(path: Path) -> None:
    path.write_bytes(b"x" * path.stat().st_size * 2)


@pytest.mark.parametrize("change", [Path.unlink, replace, cut])
def test_a_file_that_changed_is_an_error_of_the_caller(files: Files, change: Callable[[Path], None]) -> None:
    change(files.entries["huge"].path)
    reader = files.reader()
    assert files.read(reader, "a") == files.truth["a"]
    for name in ("huge", "c", "d", "huge"):
        with pytest.raises(ModelFormatError, match=r"1\.bin"):
            files.read(reader, name)
    assert files.read(reader, "b") == files.truth["b"]
    reader.close()


def test_a_file_that_ends_too_early_costs_no_buffer(files: Files) -> None:
    """Every failure takes a buffer of a ring of one: were it lost, the last tensor would never come."""
    short = [TensorEntry(f"s{i}", "U8", (99,), files.entries["a"].path, 70, 99) for i in range(4)]
    reader = ReadAhead([*short, files.entries["c"]], files.stamps, [FakeBuffer()], FakeBuffer)
    for entry in short:
        with pytest.raises(ModelFormatError, match="of the 99 bytes"):
            list(reader.pieces(entry, lambda: None))
    assert files.read(reader, "c") == files.truth["c"]
    reader.close()
    assert files.readers[-1] == ("c", "weights reader")


def test_giving_up_inside_a_tensor_loses_nothing(files: Files) -> None:
    reader = files.reader(ring=2)
    for _ in reader.pieces(files.entries["huge"], lambda: None):
        break
    assert files.read(reader, "huge") == files.truth["huge"]
    assert files.read(reader, "c") == files.truth["c"]
    reader.close()


def test_a_slow_disk_is_waited_for_and_can_be_cancelled(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    def slow(entry: TensorEntry, file: FileIO, target: memoryview, done: int) -> int:
        release.wait(10)
        return read_piece(entry, file, target, done)

    monkeypatch.setattr(read_ahead, "read_piece", slow)
    reader = files.reader()
    began, waits = time.monotonic(), 0

    def cancel_at_third() -> None:
        nonlocal waits
        waits += 1
        if waits == 3:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        list(reader.pieces(files.entries["a"], cancel_at_third))
    reader.close()  # the disk still does not answer
    assert time.monotonic() - began < 3 * read_ahead.WAKE_S + read_ahead.CLOSE_S + 0.3
    release.set()
    deadline = time.monotonic() + 5
    while any(thread.name == "weights reader" for thread in threading.enumerate()) and time.monotonic() < deadline:
        time.sleep(0.005)


@pytest.mark.parametrize("consumed", [0, 1, 3])
def test_closing_ends_the_thread_wherever_it_is(files: Files, consumed: int) -> None:
    reader = files.reader(ring=1)
    for name in ("a", "b", "huge")[:consumed]:
        files.read(reader, name)
    began = time.monotonic()
    reader.close()
    assert time.monotonic() - began < 0.2
    assert files.read(reader, "d") == files.truth["d"]  # what is asked for later is read by the caller
    assert files.readers[-1] == ("d", "MainThread")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_bug_in_the_thread_stops_nobody(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(entry: TensorEntry, file: FileIO, target: memoryview, done: int) -> int:
        if threading.current_thread() is not threading.main_thread() and (entry.name, done) == ("huge", 2 * 64):
            raise ZeroDivisionError
        return read_piece(entry, file, target, done)

    monkeypatch.setattr(read_ahead, "read_piece", broken)
    reader = files.reader(ring=2)
    for name, value in files.truth.items():
        assert files.read(reader, name) == value
    reader.close()
