"""Kills a program that writes chats, at random moments, and looks at what is left on the disk.

    python -m tests.benchmarks.kills [--times 1000] [--seed 1]

Two writers take turns on the same files. "store" changes the store as fast as it can: turns, replies, edits, deletes,
undo, copies of the log. "runner" is the window's own object for replies, with its timer, fed a piece of text every few
milliseconds. After each kill the store must open unharmed, hold everything that was acknowledged, and lack less than a
second of what had arrived. Prints a table; the exit status is 1 when anything was lost.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from app.storage.conversations import ConversationStore

ROOT = Path(__file__).parents[2]
PIECE = "Sap rises 樹 in spring. "
ALLOWED_S = 1.0
_STORE_S, _RUNNER_S = 0.25, 1.6  # the longest life of a writer
_KILLS_A_FILE = 25  # then another: looking at a large file takes longer than writing it


def say(*words: object) -> None:
    """Tells the parent, without a buffer that a kill could empty."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def write_store(path: Path) -> None:
    """Changes the store without a pause; says what is on disk by now."""
    store = ConversationStore(path)
    rnd = random.Random(os.getpid())
    say("ready")
    while True:
        chat = store.create_conversation("Killed")
        turn = store.add_message(chat.id, None, "user", PIECE * 3)
        say("saved", turn.id, len(turn.content))
        reply = store.add_message(chat.id, turn.id, "assistant", "", "streaming")
        text = ""
        for _ in range(rnd.randint(1, 40)):
            text += PIECE * rnd.randint(1, 30)
            say("arrived", reply.id, len(text), time.monotonic())
            store.save_reply(reply.id, text)
            say("saved", reply.id, len(text))
        if rnd.random() < 0.8:
            store.finish_reply(reply.id, text, "complete")
            threading.Thread(target=store.checkpoint, daemon=True).start()
        edited = store.edit_message(turn.id, PIECE)
        say("saved", edited.id, len(PIECE))
        store.show_version(turn.id)
        say("deleted", reply.id, len(text))  # a kill before the undo makes it final
        deletion = store.delete_message(reply.id)
        store.restore_messages(deletion.id)
        say("saved", reply.id, len(text))
        say("saved", store.branch_here(reply.id, "Copy").leaf_id, len(text))


def write_runner(path: Path) -> None:
    """Streams one reply through the window's own object."""
    from PySide6.QtCore import QCoreApplication, QObject, QTimer, Signal

    from app.controllers.replies import ReplyRunner
    from engine.requests import GenerateRequest, Message

    class Bridge(QObject):
        text = Signal(int, str)
        encoding = Signal(object)
        started = Signal(object)
        prefill_progress = Signal(object)
        finished = Signal(object)
        failed = Signal(object)

        def submit(self, request: object) -> None:
            say("ready")

    application = QCoreApplication([])
    store = ConversationStore(path)
    bridge = Bridge()
    runner = ReplyRunner(store, bridge)  # type: ignore[arg-type]
    chat = store.create_conversation("Killed")
    turn = store.add_message(chat.id, None, "user", PIECE)
    say("saved", turn.id, len(PIECE))
    reply = store.add_message(chat.id, turn.id, "assistant", "", "streaming")
    arrived = 0

    def feed() -> None:
        nonlocal arrived
        arrived += len(PIECE)
        say("arrived", reply.id, arrived, time.monotonic())
        bridge.text.emit(1, PIECE)

    timer = QTimer(interval=15)
    timer.timeout.connect(feed)
    runner.start(reply, GenerateRequest(0, (Message("user", PIECE),)))
    timer.start()
    application.exec()


@dataclass
class Report:
    """What the kills did."""

    kills: int = 0
    messages: int = 0  # in the largest file
    lost_s: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def kill_again_and_again(
    folder: Path, times: int, seed: int = 1, runner_share: float = 0.2, tell: Callable[[str], object] | None = None
) -> Report:
    """Runs `times` writers on files in `folder` and kills each; `tell` hears how far it is."""
    rnd = random.Random(seed)
    report = Report()
    for number in range(times):
        path = folder / f"Чаты 🌳 {number // _KILLS_A_FILE}.sqlite3"
        kind, life_s = ("runner", _RUNNER_S) if rnd.random() < runner_share else ("store", _STORE_S)
        told, killed_s = _kill_one(kind, path, rnd.uniform(0, life_s))
        report.kills += 1
        _check(path, told, killed_s, report, f"kill {number} ({kind})")
        if tell is not None and report.kills % 50 == 0:
            tell(f"{report.kills} kills, {len(report.faults)} faults, at most {max(report.lost_s):.3f} s lost")
    return report


def _kill_one(kind: str, path: Path, after_s: float) -> tuple[list[list[str]], float]:
    command = [sys.executable, "-m", "tests.benchmarks.kills", "--writer", kind, "--store", str(path)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    lines: list[bytes] = []
    reading = threading.Thread(target=lambda: lines.extend(process.stdout or ()))
    reading.start()
    while not any(line.startswith(b"ready") for line in lines) and process.poll() is None:
        time.sleep(0.005)
    time.sleep(after_s)
    killed_s = time.monotonic()  # the same clock in all processes of a machine
    process.kill()
    process.wait()
    reading.join()
    process.stdout.close()
    return [line.decode().split() for line in lines if line.endswith(b"\n")], killed_s


def _check(path: Path, told: list[list[str]], killed_s: float, report: Report, name: str) -> None:
    store = ConversationStore(path)
    if store.damaged is not None:
        report.faults.append(f"{name}: the store was damaged")
    if ["ready"] not in told:
        report.faults.append(f"{name}: the writer did not start")
    lengths: dict[int, int] = {}
    for line in told:
        if line[0] == "saved":
            lengths[int(line[1])] = int(line[2])
        elif line[0] == "deleted":
            del lengths[int(line[1])]
    for number, length in lengths.items():
        message = store.message(number)
        if message is None or len(message.content) < length or not (PIECE * 5000).startswith(message.content):
            report.faults.append(f"{name}: message {number} lost words that were saved")
    missing = [
        killed_s - float(when_s)
        for _, number, length, when_s in (line for line in told if line[0] == "arrived")
        if ["deleted", number, length] not in told
        and len(getattr(store.message(int(number)), "content", "")) < int(length)
    ]
    report.lost_s.append(max(missing, default=0.0))
    if report.lost_s[-1] > ALLOWED_S:
        report.faults.append(f"{name}: {report.lost_s[-1]:.2f} s of text lost")
    report.messages = max(report.messages, store._db.execute("SELECT count(*) FROM messages").fetchone()[0])
    store.close()
    with contextlib.closing(sqlite3.connect(path)) as db:
        if db.execute("PRAGMA quick_check").fetchone() != ("ok",) or db.execute("PRAGMA foreign_key_check").fetchone():
            report.faults.append(f"{name}: the file contradicts itself")
        words = "SELECT count(*) FROM message_search WHERE message_search MATCH 'spring'"
        visible = "SELECT count(*) FROM messages WHERE deletion_id IS NULL AND content LIKE '%spring%'"
        if db.execute(words).fetchone() != db.execute(visible).fetchone():
            report.faults.append(f"{name}: the search index lacks a message")


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--writer", choices=["store", "runner"], help=argparse.SUPPRESS)
    parser.add_argument("--store", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.writer:
        (write_store if arguments.writer == "store" else write_runner)(arguments.store)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        start_s = time.monotonic()
        report = kill_again_and_again(
            Path(folder), arguments.times, arguments.seed, tell=lambda line: print(line, flush=True)
        )
    lost = sorted(report.lost_s)
    print(f"{report.kills} kills in {time.monotonic() - start_s:.0f} s, up to {report.messages} messages in a file")
    print(f"text lost: median {lost[len(lost) // 2]:.3f} s, worst {lost[-1]:.3f} s (allowed {ALLOWED_S:.0f} s)")
    print("\n".join(report.faults) or "nothing damaged, nothing acknowledged lost")
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
