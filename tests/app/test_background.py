"""Work beside the window: in order, with its results in the window's thread; progress that is not told too often."""

from __future__ import annotations

import threading
import time

from pytestqt.qtbot import QtBot

from app.background import Background
from app.latest import Latest
from engine.errors import EngineError


def refuse() -> None:
    raise EngineError("It is not there.", "Look elsewhere.")


def stumble() -> None:
    raise ZeroDivisionError("a fault of ours")


def test_results_come_in_order_and_in_the_windows_thread(qtbot: QtBot) -> None:
    background = Background("test")
    threads: set[int] = set()
    told: list[object] = []
    for number in range(5):
        background.do(lambda number=number: (threads.add(threading.get_ident()), number)[1], told.append)  # type: ignore[misc]
    background.do(lambda: None, lambda _: told.append(threading.get_ident()))
    qtbot.waitUntil(lambda: len(told) == 6)
    assert told == [0, 1, 2, 3, 4, threading.get_ident()]
    assert len(threads) == 1
    assert threading.get_ident() not in threads
    assert background.shut_down()


def test_errors_are_told_and_bugs_reported_and_the_thread_goes_on(qtbot: QtBot) -> None:
    background = Background("test")
    told: list[object] = []
    crashes: list[str] = []
    background.crashed.connect(crashes.append)
    background.do(refuse, told.append, lambda error: told.append(error.message))
    background.do(refuse, told.append)
    background.do(stumble, told.append, told.append)
    background.do(lambda: "still here", told.append)
    qtbot.waitUntil(lambda: len(told) == 2 and len(crashes) == 1)
    assert told == ["It is not there.", "still here"]
    assert "a fault of ours" in crashes[0]
    assert background.shut_down()


def test_after_the_end_nothing_is_done_or_told(qtbot: QtBot) -> None:
    background = Background("test")
    told: list[str] = []
    background.do(lambda: time.sleep(0.05), lambda _: told.append("late"))
    assert background.shut_down()
    background.do(lambda: told.append("after"))
    qtbot.wait(50)
    assert told == []


def test_one_that_hangs_is_not_waited_for(qtbot: QtBot) -> None:
    background = Background("test")
    free = threading.Event()
    background.do(free.wait)
    assert not background.shut_down(limit_s=0.05)
    free.set()


def test_only_the_latest_is_told_and_not_too_often(qtbot: QtBot) -> None:
    latest = Latest()
    told: list[tuple[str, int]] = []
    latest.arrived.connect(told.append)
    stop = threading.Event()

    def tell() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            for name in ("a", "b"):
                latest.put(name, (name, number))
            time.sleep(0.001)
        latest.put("a", ("a", -1))

    thread = threading.Thread(target=tell)
    thread.start()
    qtbot.wait(1050)
    stop.set()
    thread.join()
    qtbot.waitUntil(lambda: told[-1] == ("a", -1) or told[-2] == ("a", -1))
    assert 4 <= len([each for each in told if each[0] == "b"]) <= 12
    latest.stop()
    latest.put("a", ("a", 0))
    qtbot.wait(150)
    assert ("a", 0) not in told
