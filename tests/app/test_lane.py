"""Of one lane, only the newest question's answers reach the window."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from app.lane import Lane, Question
from engine.errors import EngineError


@pytest.fixture
def lane(qtbot: QtBot) -> Iterator[Lane]:
    lane = Lane("test")
    yield lane
    assert lane.shut_down()


def test_answers_come_one_by_one_and_in_the_windows_thread(lane: Lane, qtbot: QtBot) -> None:
    got: list[object] = []
    here = threading.current_thread()
    there: list[threading.Thread] = []

    def work() -> Iterator[int]:
        there.append(threading.current_thread())
        yield from range(3)

    def take(value: int) -> None:
        assert threading.current_thread() is here
        got.append(value)

    lane.ask(Question(work, take, ended=lambda: got.append("end")))
    assert lane.is_busy
    qtbot.waitUntil(lambda: got == [0, 1, 2, "end"])
    assert there[0] is not here
    assert not lane.is_busy


def test_a_newer_question_does_not_wait_and_the_older_is_forgotten(lane: Lane, qtbot: QtBot) -> None:
    gate, ended = threading.Event(), threading.Event()
    got: list[str] = []

    def slow() -> Iterator[str]:
        try:
            gate.wait(5)
            yield "old"
            yield "older"
        finally:
            ended.set()

    lane.ask(Question(slow, got.append, lambda _: got.append("failed"), lambda: got.append("ended")))
    lane.ask(Question(lambda: iter(["new"]), got.append))
    qtbot.waitUntil(lambda: got == ["new"])
    gate.set()
    assert ended.wait(5)
    qtbot.wait(50)
    assert got == ["new"]


def test_an_error_ends_a_question(lane: Lane, qtbot: QtBot) -> None:
    got: list[object] = []

    def work() -> Iterator[str]:
        yield "first"
        raise EngineError("It broke.", "Mend it.")

    lane.ask(Question(work, got.append, got.append, lambda: got.append("ended")))
    qtbot.waitUntil(lambda: len(got) == 2)
    assert got[0] == "first"
    assert isinstance(got[1], EngineError)
    assert not lane.is_busy


def test_nothing_comes_after_it_was_dropped_or_shut_down(lane: Lane, qtbot: QtBot) -> None:
    got: list[str] = []
    lane.ask(Question(lambda: iter(["a"]), got.append))
    lane.drop()
    qtbot.wait(50)
    assert got == []
    lane.ask(Question(lambda: iter(["b"]), got.append))
    assert lane.shut_down()
    lane.ask(Question(lambda: iter(["c"]), got.append))
    qtbot.wait(50)
    assert got == []


def test_shutting_down_says_when_a_thread_hangs(qtbot: QtBot) -> None:
    gate = threading.Event()

    def hanging() -> Iterator[str]:
        gate.wait(5)
        yield "late"

    lane = Lane("hanging")
    lane.ask(Question(hanging, print))
    assert not lane.shut_down(limit_s=0.05)
    gate.set()
    assert lane.shut_down(limit_s=5)
