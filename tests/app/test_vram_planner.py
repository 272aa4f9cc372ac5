"""The bar of a card's memory and the planner that moves it: what they say, in words, by mouse and by keyboard."""

from __future__ import annotations

import itertools
import time

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.theme.theme import Theme
from app.theme.tokens import DARK, LIGHT, contrast
from app.views.vram.bar import _LOOKS, VramBar
from app.views.vram.planner import VramPlanner, context_stops
from engine.fit.estimate import CardMemory, FitModel, Part, Verdict
from tests.pace import slowness

GIB = 1024**3
CONFIG = {
    "architectures": ["LlamaForCausalLM"], "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256, "max_position_embeddings": 131072,
    "rms_norm_eps": 1e-5, "rope_theta": 500000.0,
}  # fmt: skip
PARTS = (
    Part("other programs", GIB, "Others."),
    Part("weights", 4 * GIB, "Tensors."),
    Part("cache", 2 * GIB, "Keys."),
    Part("vision", GIB, "A tower."),
    Part("working memory", GIB, "Buffers."),
    Part("driver", GIB // 2, "The driver's."),
    Part("free", 5 * GIB // 2, "What is left."),
)


@pytest.fixture
def theme(qapp: QApplication) -> Theme:
    return Theme(qapp, "dark")


@pytest.fixture
def bar(qtbot: QtBot, theme: Theme) -> VramBar:
    bar = VramBar(theme)
    qtbot.addWidget(bar)
    bar.resize(602, 200)
    bar.show_parts(PARTS, 12 * GIB)
    bar.show()
    return bar


@pytest.fixture
def planner(qtbot: QtBot, theme: Theme) -> VramPlanner:
    planner = VramPlanner(theme)
    qtbot.addWidget(planner)
    planner.resize(500, 400)
    planner.show_model(FitModel.of(CONFIG, {}, 5_000_000_000), CardMemory(12 * GIB, GIB))
    planner.show()
    return planner


def test_parts_are_as_wide_as_they_are_large(bar: VramBar) -> None:
    widths = [span.width() for span in bar.strip.spans()]
    whole = sum(widths)
    assert [round(12 * width / whole, 2) for width in widths] == [1, 4, 2, 1, 1, 0.5, 2.5]
    assert bar.strip.end_x is None


def test_every_part_has_a_look_of_its_own_beside_its_colour() -> None:
    looks = [(look.pattern, look.role) for look in _LOOKS.values()]
    patterns = [pattern for pattern, _ in looks]
    assert len(set(patterns)) == len(patterns)


@pytest.mark.parametrize("palette", [DARK, LIGHT], ids=["dark", "light"])
def test_parts_stand_out_from_the_ground(palette: object) -> None:
    for look in _LOOKS.values():
        assert contrast(getattr(palette, look.role), palette.background) >= 3.0, look


def test_the_legend_and_the_screen_reader_say_every_part(bar: VramBar) -> None:
    assert bar.legend.texts()[1] == "weights  4.0 GB"
    assert len(bar.legend.texts()) == len(PARTS)
    assert bar.strip.accessibleDescription().startswith("Estimated of 12.0 GB: other programs 1.0 GB, weights 4.0 GB")
    bar.show_parts(PARTS, 12 * GIB, measured=True)
    assert bar.is_measured
    assert bar.strip.accessibleDescription().startswith("Measured of 12.0 GB")
    assert "measured" in bar.strip.accessibleName()


def test_keys_and_mouse_explain_a_part(bar: VramBar, qtbot: QtBot) -> None:
    chosen: list[str] = []
    bar.part_chosen.connect(chosen.append)
    bar.strip.setFocus()
    for _ in range(2):
        qtbot.keyClick(bar.strip, Qt.Key.Key_Right)
    assert chosen == ["other programs", "weights"]
    assert "Tensors." in bar._help.text()
    qtbot.mouseMove(bar.strip, QPoint(int(bar.strip.spans()[3].center().x()), 10))
    assert chosen[-1] == "vision"


def test_too_much_is_drawn_to_the_end_with_a_mark_where_the_card_ends(bar: VramBar) -> None:
    bar.show_parts((Part("weights", 18 * GIB, ""), Part("free", 0, "")), 12 * GIB)
    assert bar.strip.end_x == pytest.approx(bar.strip.width() * 12 / 18)
    assert "dashed line" in bar._help.text()
    assert len(bar.parts) == 1  # what is empty is not named


def test_the_bar_paints_what_it_says(bar: VramBar) -> None:
    image = bar.strip.grab().toImage()
    x = int(bar.strip.spans()[1].center().x())
    assert QColor(image.pixel(x, 13)).name().upper() == DARK.accent
    free = int(bar.strip.spans()[-1].center().x())
    assert QColor(image.pixel(free, 13)).name().upper() == DARK.background


def test_the_slider_stops_at_doublings_and_halves() -> None:
    assert context_stops(8192) == (1024, 1536, 2048, 3072, 4096, 6144, 8192)
    assert context_stops(5000) == (1024, 1536, 2048, 3072, 4096, 5000)
    assert context_stops(700) == (700,)


def test_the_estimate_follows_the_slider_and_the_bits(planner: VramPlanner, qtbot: QtBot) -> None:
    told: list[tuple[int, int]] = []
    planner.changed.connect(lambda tokens, bits: told.append((tokens, bits)))
    assert planner.context_tokens == 8192
    before = {part.name: part.num_bytes for part in planner.bar.parts}
    planner.context.setFocus()
    for _ in range(2):
        qtbot.keyClick(planner.context, Qt.Key.Key_Right)
    after = {part.name: part.num_bytes for part in planner.bar.parts}
    assert told[-1] == (16384, 16)
    assert after["cache"] == pytest.approx(2 * before["cache"], rel=0.05)
    assert after["weights"] == before["weights"]
    assert planner.context_value.text() == "16k tokens"
    qtbot.mouseClick(planner.bits_buttons[4], Qt.MouseButton.LeftButton)
    assert told[-1] == (16384, 4)
    narrow = {part.name: part.num_bytes for part in planner.bar.parts}
    assert narrow["cache"] < 0.3 * after["cache"]


def test_the_verdict_is_in_words(planner: VramPlanner) -> None:
    assert planner.verdict.text() == "Fits easily"
    planner.choose(131072, 16)
    assert planner.verdict.text() == "Too big"
    assert "missing" in planner.needs.text()


def test_an_unknown_architecture_says_so_and_has_no_slider(planner: VramPlanner) -> None:
    planner.show_model(FitModel.of({"architectures": ["NewForCausalLM"]}, {}, 5 * GIB), CardMemory(12 * GIB))
    assert planner.estimate is not None
    assert planner.estimate.verdict is Verdict.WEIGHTS_ONLY
    assert planner.verdict.text() == "Weights only"
    assert "NewForCausalLM" in planner.needs.text()
    assert not planner.context.isEnabled()


def test_another_card_keeps_the_choice(planner: VramPlanner) -> None:
    planner.choose(32768, 8)
    planner.show_model(FitModel.of(CONFIG, {}, 6_000_000_000), CardMemory(24 * GIB))
    assert (planner.context_tokens, planner.cache_bits) == (32768, 8)


def test_a_move_of_the_slider_takes_less_than_a_frame(planner: VramPlanner) -> None:
    started = time.thread_time()
    for value in range(planner.context.maximum() + 1):
        planner.context.setValue(value)
    took_s = (time.thread_time() - started) / slowness()
    assert took_s / (planner.context.maximum() + 1) < 0.008


def test_what_is_too_big_names_what_would_fit(planner: VramPlanner) -> None:
    model, memory = FitModel.of(CONFIG, {}, 7_000_000_000), CardMemory(10 * GIB, GIB)
    planner.show_model(model, memory, model.largest_contexts(memory))
    planner.choose(131072, 16)
    assert "A context that fits: " in planner.needs.text()
    assert "k with 4 bits" in planner.needs.text()
    planner.show_model(model, CardMemory(6 * GIB), model.largest_contexts(CardMemory(6 * GIB)))
    assert "lower bitrate" in planner.needs.text()


@pytest.mark.parametrize("width", [700, 430, 250, 1200])
def test_the_legend_is_as_high_as_its_lines_at_once(bar: VramBar, width: int) -> None:
    """Not a turn later: what stands below would lie over it."""
    bar.resize(width, bar.heightForWidth(width))
    entries = [each for each in bar.legend.children() if isinstance(each, QWidget) and each.isVisible()]
    assert len(entries) == len(PARTS)
    assert all(bar.legend.rect().contains(each.geometry()) for each in entries)
    assert all(each.height() >= each.sizeHint().height() for each in entries)
    assert len({each.pos().toTuple() for each in entries}) == len(PARTS)
    assert all(not a.geometry().intersects(b.geometry()) for a, b in itertools.combinations(entries, 2))
