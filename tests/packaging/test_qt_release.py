"""The installed Qt survives what a stream of tokens does to it; 6.12.0 aborts Python 3.11 after some 550 emits."""

from __future__ import annotations

import subprocess
import sys

EMITS = 20_000

PROGRAM = f"""
from PySide6.QtCore import QObject, Signal

class Source(QObject):
    text = Signal(str)

source, received = Source(), []
source.text.connect(received.append)
for number in range({EMITS}):
    source.text.emit(str(number))
print(len(received))
"""


def test_many_emits_do_not_end_the_process() -> None:
    # in a process of its own: the fault is an abort, which would end the tests without a word
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, str(EMITS)), done.stderr
