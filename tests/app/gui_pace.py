"""How slow this machine is just now for the work of a window: half of it is the interpreter's, half is Qt's.

Laying out and painting text goes through far more memory than a loop of the interpreter. When neighbours use the
caches it slows down by more, 1.6 times as much in the middle of a busy hour, so `tests.pace` alone would blame the
window for it.
"""

from __future__ import annotations

import time

from PySide6.QtGui import QFont, QImage, QPainter, QTextCharFormat, QTextCursor, QTextDocument

from tests import pace

INTERPRETER_ROUNDS = 10_000
QUIET_S = 0.00114
"""What the fixed work takes on the quiet machine, where that of `pace.probe` takes 1.00 ms.

Both were timed in turns between the flushes of three replies, whose work had filled the caches: at the best moments
1.10, 1.15 and 1.17 ms for 0.97, 1.01 and 1.03 of the other. With nothing in between the best are 0.82 and 0.88 ms."""


def probe() -> float:
    """Seconds of this thread's processor time that the fixed work takes now."""
    return pace.probe(INTERPRETER_ROUNDS) + _text_work()


def slowness(probes: list[float] | None = None) -> float:
    """How many times as long as on the quiet machine the work of a window takes; 1 on a quicker one.

    Args:
        probes: taken along with the work; None takes some now.
    """
    return pace.slowness(probes or [probe() for _ in range(15)], QUIET_S)


def _text_work() -> float:
    """Writes a few lines with two formats, breaks them and paints them."""
    start_s = time.thread_time()
    image = QImage(600, 120, QImage.Format.Format_ARGB32_Premultiplied)
    bold, plain = QTextCharFormat(), QTextCharFormat()
    bold.setFontWeight(QFont.Weight.DemiBold)
    document = QTextDocument()
    document.setUndoRedoEnabled(False)
    cursor = QTextCursor(document)
    cursor.beginEditBlock()
    for number in range(12):
        cursor.insertText(f"Some words of line {number}, and ", plain)
        cursor.insertText("a few in bold type", bold)
        cursor.insertText(" that go on and on until the line is broken.", plain)
        cursor.insertBlock()
    cursor.endEditBlock()
    document.setTextWidth(300)
    painter = QPainter(image)
    document.drawContents(painter)
    painter.end()
    return time.thread_time() - start_s
