"""The GUI thread stays free while the engine streams; many signals do no harm."""

from __future__ import annotations

import time

from PySide6.QtCore import QCoreApplication, QObject, QThread, Signal, Slot
from pytestqt.qtbot import QtBot

from tests.app.driver import Window
from tests.app.watchdog import Watchdog

REPLY = "\n\n".join(
    f"Paragraph {n} with *some* words and `code` in it, long enough to be broken into two lines of the column." * 2
    + (f"\n\n```python\nvalue_{n} = {n}\nprint(value_{n})\n```" if n % 5 == 0 else "")
    for n in range(60)
)
MANY = 20_000
LIMIT_S = 0.010


def test_the_gui_never_stalls_while_300_tokens_a_second_arrive(window: Window) -> None:
    window.script.reply, window.script.tokens_per_s, window.script.token_length = REPLY, 300, 5
    window.say("warm up", wait=False)
    window.qtbot.wait(300)
    watchdog = Watchdog()
    watchdog.start()
    window.qtbot.wait(4000)
    turns = watchdog.stop()
    window.app.chats.stop()
    window.until(lambda: not window.app.chats.busy)
    assert len(turns) > 500
    assert turns[2] < LIMIT_S, turns[:5]  # two turns may be hit by the machine's own pauses
    assert turns[0] < 3 * LIMIT_S, turns[:5]


class _Sender(QObject):
    sent = Signal(bool, str)

    @Slot()
    def run(self) -> None:
        for number in range(MANY):
            self.sent.emit(True, str(number))
        QThread.currentThread().quit()


class _Receiver(QObject):
    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    @Slot(bool, str)
    def take(self, yes: bool, _text: str) -> None:
        self.count += yes


def test_20000_signals_with_a_bool_cross_the_threads(qtbot: QtBot) -> None:
    """PySide6 6.12.0 aborts Python 3.11 after some 550 of them."""
    thread, sender, receiver = QThread(), _Sender(), _Receiver()
    sender.moveToThread(thread)
    sender.sent.connect(receiver.take)
    thread.started.connect(sender.run)
    thread.start()
    qtbot.waitUntil(lambda: receiver.count == MANY, timeout=20_000)
    assert thread.wait(5000)
    QCoreApplication.processEvents()


def test_text_reaches_the_view_at_most_30_times_a_second(window: Window) -> None:
    window.script.reply, window.script.tokens_per_s = REPLY, 2000
    flushes: list[float] = []
    window.app.chats.reply_text.connect(lambda _id, _text: flushes.append(time.monotonic()))
    window.say("go", wait=False)
    window.qtbot.wait(1000)
    window.app.chats.stop()
    window.until(lambda: not window.app.chats.busy)
    assert 10 < len(flushes) <= 36
