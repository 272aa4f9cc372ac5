"""Long replies, long chats, long sessions: what they cost the GUI thread, and that nothing is kept.

Costs are the thread's own time as on a quiet machine (`gui_pace`), so other programs must not decide; the best of three
runs counts.
"""

from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Callable, Iterator
from functools import partial

import psutil
import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QApplication, QMainWindow
from pytestqt.qtbot import QtBot
from shiboken6 import isValid

from app.engine_worker import RARELY
from app.storage.records import StoredMessage
from app.theme.theme import Theme
from app.views.chat.message_column import MessageColumn
from app.views.chat.message_widget import MessageWidget
from app.views.chat.transcript import Transcript
from tests.app.gui_pace import probe, slowness

FLUSHES_PER_S = 30
FLUSH_CHARS = 45  # 10 tokens of four and a half characters: 300 tokens a second
SENTENCE = "A paragraph with *some* words and `code` in it, long enough to be broken into two lines of the column. "
MIXED = "".join(
    f"## Part {n}\n\n{SENTENCE * 3}\n\n- point one **bold**\n- point two\n  1. nested\n\n{SENTENCE * 2}\n\n```python\n"
    + f"def f{n}(x):\n    return x + {n}  # comment\n" * 12
    + "```\n\n| a | b | c |\n|---|---|---|\n"
    + "| some cell | other words here | 12 |\n" * 12
    + f"\nFormula $x_{{{n}}}^2$ in text.\n\n"
    for n in range(41)
)[:64_000]
ROWS = "".join(f"| a cell {n} | **other** words | 12 |\n" for n in range(2100))
TABLE = f"| a | b | c |\n|---|---|---|\n{ROWS}"[:64_000]
CODE = ("```python\n" + "".join(f"def f{n}(x):\n    return x + {n}  # comment\n\n" for n in range(1600)))[:64_000]
LINE = ("```python\nvalues = [" + "1234567, 'abc', " * 4300)[:64_000]
ATTEMPTS = 3


@pytest.fixture
def theme(qapp: QApplication) -> Iterator[Theme]:
    theme = Theme(qapp, "dark")
    yield theme
    theme.deleteLater()


@pytest.fixture
def transcript(qtbot: QtBot, theme: Theme) -> Iterator[Transcript]:
    made = Transcript(theme)
    qtbot.addWidget(made)
    made.resize(1000, 700)
    made.show()
    gc.collect()
    gc.freeze()  # as when a model is loaded: see `open_engine_session`
    thresholds = gc.get_threshold()
    gc.set_threshold(*thresholds[:2], RARELY)
    yield made
    gc.set_threshold(*thresholds)
    gc.unfreeze()


def message(number: int, role: str, text: str, state: str = "complete") -> StoredMessage:
    return StoredMessage(number, 1, number - 1 or None, role, text, 1_000_000.0 + number, state)  # type: ignore[arg-type]


def turn() -> None:
    for _ in range(3):
        QCoreApplication.processEvents()


def timed(work: Callable[[], object]) -> float:
    start_s = time.thread_time()
    work()
    turn()
    return time.thread_time() - start_s


def evened(costs: list[float], probes: list[float]) -> list[float]:
    """The costs as they are on a quiet machine."""
    return [cost / slowness(probes) for cost in costs]


def best(measure: Callable[[], list[float]], is_good: Callable[[list[float]], bool]) -> list[float]:
    """The costs of the first run that keeps the limits, or of the last."""
    costs: list[float] = []
    for _ in range(ATTEMPTS):
        costs = sorted(measure())
        if is_good(costs):
            break
    return costs


def stream(transcript: Transcript, text: str) -> list[float]:
    """What each flush of a streamed reply costs in s, with its layout, scrolling and painting."""
    transcript.show_messages([message(1, "user", "hi"), message(2, "assistant", "", "streaming")])
    turn()
    flushes = range(0, len(text), FLUSH_CHARS)
    costs, probes = [], []
    for number, at in enumerate(flushes):
        piece = text[at : at + FLUSH_CHARS]
        costs.append(timed(partial(transcript.append_text, 2, piece)))
        if number % 8 == 0:
            probes.append(probe())
    return evened(costs, probes)


def p99(costs: list[float]) -> float:
    return costs[int(len(costs) * 0.99)]


def share(costs: list[float]) -> float:
    """The part of a core at thirty flushes a second."""
    return sum(costs) / (len(costs) / FLUSHES_PER_S)


@pytest.mark.parametrize(
    "text", [MIXED, TABLE, CODE, LINE], ids=["mixed", "one table", "one block of code", "one line of code"]
)
def test_a_64k_reply_at_300_tokens_a_second(transcript: Transcript, text: str) -> None:
    assert len(text) == 64_000

    def is_good(costs: list[float]) -> bool:
        return p99(costs) < 0.008 and costs[-1] < 0.016 and share(costs) < 0.10

    costs = best(lambda: stream(transcript, text), is_good)
    assert p99(costs) < 0.008
    assert costs[-1] < 0.016
    assert share(costs) < 0.10


@pytest.mark.parametrize(
    "text",
    [SENTENCE * 160, "a line in a paragraph that never has a blank one after it\n" * 280],
    ids=["one line", "many lines"],
)
def test_a_16k_paragraph_without_a_blank_line(transcript: Transcript, text: str) -> None:
    costs = best(lambda: stream(transcript, text), lambda costs: p99(costs) < 0.008)
    assert p99(costs) < 0.008


@pytest.mark.parametrize("text", [MIXED, TABLE, CODE], ids=["mixed", "one table", "one block of code"])
def test_the_end_of_a_long_reply_costs_what_its_beginning_does(transcript: Transcript, text: str) -> None:
    costs = stream(transcript, text)
    quarter = len(costs) // 4
    assert sum(costs[-quarter:]) < 2 * sum(costs[:quarter])


def two_thousand() -> list[StoredMessage]:
    reply = f"{SENTENCE * 4}\n\n- one\n- two\n\n```python\nvalue = 1\n```\n\n{SENTENCE * 3}"
    return [
        message(n, "assistant" if n % 2 == 0 else "user", reply if n % 2 == 0 else f"Question {n}? {SENTENCE}")
        for n in range(1, 2001)
    ]


def test_2000_messages_open_at_once(transcript: Transcript) -> None:
    messages = two_thousand()
    costs = best(
        lambda: evened([timed(lambda: transcript.show_messages(messages))], [probe()]), lambda costs: costs[-1] < 0.15
    )
    assert costs[-1] < 0.15
    last = transcript.message_widgets[-1]
    assert last.message.id == 2000
    assert not last.visibleRegion().isEmpty()
    assert len(transcript.message_widgets) < 40


def wheel(transcript: Transcript, step: int) -> None:
    place = QPointF(transcript.viewport().rect().center())
    event = QWheelEvent(
        place,
        transcript.viewport().mapToGlobal(place),
        QPoint(),
        QPoint(0, step),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(transcript.viewport(), event)


def test_scrolling_2000_messages(transcript: Transcript) -> None:
    transcript.show_messages(two_thousand())
    turn()

    def up() -> list[float]:
        costs, probes = [], []
        for _ in range(150):
            costs.append(timed(lambda: wheel(transcript, 120)))
            probes.append(probe())
            for _ in range(2):  # the time until the next frame: what is ahead is built in it, in slices
                time.sleep(0.009)
                QCoreApplication.processEvents()
        return evened(costs, probes)

    costs = best(up, lambda costs: p99(costs) < 0.008 and costs[-1] < 0.016)
    assert p99(costs) < 0.008
    assert costs[-1] < 0.016
    assert len(transcript.message_widgets) < 60
    seen = [each for each in transcript.message_widgets if not each.visibleRegion().isEmpty()]
    assert seen


@pytest.fixture
def painted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The pixels of the column that are painted, paint by paint."""
    painted: list[int] = []
    paint = MessageColumn.paintEvent

    def watch(column: MessageColumn, event: QPaintEvent) -> None:
        painted.append(sum(each.width() * each.height() for each in event.region()))
        paint(column, event)

    monkeypatch.setattr(MessageColumn, "paintEvent", watch)
    return painted


@pytest.fixture
def hosted(qtbot: QtBot, theme: Theme) -> Iterator[Transcript]:
    """A transcript as the program has it: given to a window when it is made, which styles it once more."""
    window = QMainWindow()
    qtbot.addWidget(window)
    made = Transcript(theme)
    window.setCentralWidget(made)
    window.resize(1000, 700)
    window.show()
    yield made
    window.hide()


@pytest.mark.parametrize("finding", [False, True], ids=["reading", "with the find bar"])
def test_a_step_of_scrolling_paints_what_has_come_on_view(
    qtbot: QtBot, hosted: Transcript, painted: list[int], finding: bool
) -> None:
    transcript = hosted
    transcript.show_messages(two_thousand())
    wheel(transcript, 1200)
    qtbot.waitUntil(lambda: not transcript._idle.isActive())
    turn()
    assert transcript.jump_button.isVisible()
    if finding:
        transcript.open_find()
        qtbot.waitUntil(lambda: not transcript._idle.isActive())
        turn()
    button = transcript.jump_button.mapTo(transcript, QPoint(0, 0))
    painted.clear()
    wheel(transcript, 120)
    turn()
    assert 0 < sum(painted) < 1000 * 700 // 4
    assert transcript.jump_button.mapTo(transcript, QPoint(0, 0)) == button  # it goes with nothing


@pytest.mark.parametrize("text", [TABLE, CODE], ids=["one table", "one block of code"])
def test_a_flush_at_the_end_paints_what_is_new(
    hosted: Transcript, painted: list[int], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.markdown.code_block.MIN_PAUSE_MS", 100_000)  # new colours are painted of themselves
    transcript = hosted
    transcript.show_messages([message(1, "user", "hi"), message(2, "assistant", "", "streaming")])
    transcript.append_text(2, text[:9000])
    turn()
    painted.clear()
    for at in range(9000, 9000 + 20 * FLUSH_CHARS, FLUSH_CHARS):
        transcript.append_text(2, text[at : at + FLUSH_CHARS])
        turn()
    assert 0 < sum(painted) < 20 * 1000 * 700 // 3


@pytest.mark.parametrize("text", [MIXED, TABLE, CODE], ids=["mixed", "one table", "one block of code"])
def test_the_screen_shows_what_a_whole_paint_would(hosted: Transcript, text: str) -> None:
    transcript, window = hosted, hosted.window()

    def on_screen() -> bool:
        whole = window.grab().toImage()
        for _ in range(10):  # a scroll's last step may come at the end of a turn, and is painted in the next
            turn()
            before, whole = whole, window.grab().toImage()
            if whole == before:
                break
        seen = window.screen().grabWindow(window.winId()).toImage()
        return bool(seen.convertToFormat(whole.format()) == whole)

    listed = "1. Run:\n\n   ```bash\n   ls -l\n   ```\n2. Done\n\n> ```py\n> x = 1\n> ```\n\n"
    transcript.show_messages([message(1, "user", "hi"), message(2, "assistant", "", "streaming")])
    for number, at in enumerate(range(0, 4000, FLUSH_CHARS)):
        transcript.append_text(2, (listed + text)[at : at + FLUSH_CHARS])
        turn()
        assert number % 5 or on_screen()
    window.resize(800, 650)
    assert on_screen()
    wheel(transcript, 240)
    assert on_screen()
    transcript.open_find()
    assert on_screen()
    wheel(transcript, -120)
    assert on_screen()
    transcript.find_bar.finish()
    assert on_screen()


def test_the_find_bar_leaves_what_is_being_read_where_it_is(transcript: Transcript) -> None:
    transcript.show_messages(two_thousand())
    turn()
    wheel(transcript, 1200)
    for _ in range(40):
        time.sleep(0.005)
        turn()
    reading = transcript.message_widgets[len(transcript.message_widgets) // 2]
    before = reading.mapTo(transcript, QPoint(0, 0)).y()
    reading.setFocus()
    transcript.open_find()
    turn()
    bar = transcript.find_bar.geometry()
    assert bar.bottom() < transcript.viewport().geometry().top()
    assert reading.mapTo(transcript, QPoint(0, 0)).y() == before
    transcript.find_bar.finish()
    turn()
    assert reading.mapTo(transcript, QPoint(0, 0)).y() == before
    assert transcript.viewport().geometry().top() == 0
    assert reading.hasFocus()


def test_a_jump_to_the_beginning_is_built_in_slices(transcript: Transcript) -> None:
    transcript.show_messages(two_thousand())
    turn()
    costs, probes = [timed(lambda: transcript.verticalScrollBar().setValue(0))], [probe()]
    end_s = time.monotonic() + 20
    while transcript._idle.isActive():
        assert time.monotonic() < end_s
        time.sleep(0.005)
        costs.append(timed(lambda: None))
        probes.append(probe())
    assert transcript.message_widgets[0].message.id == 1
    assert not transcript.message_widgets[0].visibleRegion().isEmpty()
    assert sorted(evened(costs, probes))[-2] < 0.016


def test_reading_keeps_its_place_while_text_arrives_below_and_above_is_built(transcript: Transcript) -> None:
    transcript.show_messages(two_thousand())
    transcript.add_message(message(2001, "assistant", "", "streaming"))
    turn()
    wheel(transcript, 1200)
    for _ in range(40):
        time.sleep(0.005)
        turn()
    reading = next(each for each in transcript.message_widgets if not each.visibleRegion().isEmpty())
    before = reading.mapTo(transcript, QPoint(0, 0)).y()
    for _ in range(30):
        transcript.append_text(2001, "more words\n\n")
        turn()
    assert reading.mapTo(transcript, QPoint(0, 0)).y() == before
    assert not transcript.following


def test_10000_tokens_and_the_memory_stays_flat(transcript: Transcript) -> None:
    text = MIXED[:45_000]
    process = psutil.Process()

    def session() -> None:
        stream(transcript, text)
        transcript.show_messages([])
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        gc.collect()

    session()
    session()
    before = process.memory_info().rss
    for _ in range(3):
        session()
    assert process.memory_info().rss - before < 12_000_000
    assert transcript.findChildren(MessageWidget) == []


def test_500_times_open_and_close_frees_every_widget(transcript: Transcript) -> None:
    chat = two_thousand()[:6]
    process = psutil.Process()
    made: list[weakref.ref[MessageWidget]] = []
    before = 0
    for number in range(500):
        transcript.show_messages(chat)
        made += [weakref.ref(each) for each in transcript.message_widgets]
        if number % 10 == 0:
            turn()
        transcript.show_messages([])
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        if number == 150:
            gc.collect()
            before = process.memory_info().rss
    gc.collect()
    assert len(made) >= 500
    alive = [each() for each in made]
    assert [each for each in alive if each is not None and isValid(each)] == []
    assert process.memory_info().rss - before < 12_000_000
