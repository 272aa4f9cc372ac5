"""The Convert page before and beside a conversion: choices with sizes and fits, ways to it, its picture and words."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible

from app.controllers.conversion import Phase, Progress
from app.storage.conversions import load_conversion, save_conversion
from app.views.convert.error_plot import Canvas
from app.views.convert.words import error_text, result_name, state_text, tensor_text
from app.views.pages import Page
from engine.quantizer.progress import Advance
from tests.app.convert_driver import Driver, visible_buttons
from tests.app.driver import Window
from tests.app.dropping import drag_over, drop, mime
from tests.app.model_folders import make_folder, make_original
from tests.app.tab_order import tab_stops, unreached
from tests.app.test_language import cut_texts
from tests.fakes.fake_convert import Behaviour, command

Open = Callable[..., Window]


# Before the start.


def test_a_model_is_shown_with_size_fit_and_needs_that_follow_the_bitrate(
    open_page: Callable[..., Driver], tmp_path: Path
) -> None:
    driver = open_page()
    page, rate, start = driver.page, driver.page.rate, driver.page.start
    assert page.source.facts.text() == "Llama · 5 million parameters · 10.5 MB · 8 blocks"
    assert rate.bits == 6.0  # the highest that is useful, and it fits
    assert rate.size_words.text().endswith("% of the original")
    assert rate.fit_words.text() == "Fits easily · with its whole context of 8k"
    assert start.target == tmp_path / "data" / "models" / "Llama-8B-exl3-6.0bpw"
    assert start.needs.text() == "Measuring what it takes…"
    driver.until(lambda: "are free" in start.needs.text())
    assert start.needs.text().startswith("Takes about 37 min\n0.8 GB of memory, ")
    assert not start.warning.isVisible()
    large = rate.size_words.text()
    rate.slider.setValue(11)
    assert (rate.bits, rate.box.value()) == (2.75, 2.75)
    assert start.name.text() == "Llama-8B-exl3-2.75bpw"
    assert rate.size_words.text() != large
    assert "2.75" in rate.slider.accessibleDescription()
    rate.box.setValue(3.1)
    assert (rate.bits, start.name.text()) == (3.1, "Llama-8B-exl3-3.1bpw")
    rate.best_button.click()
    assert rate.bits == 6.0
    assert not rate.best_button.isEnabled()
    driver.window.qtbot.keyClick(rate.slider, Qt.Key.Key_Left)
    assert rate.bits == 5.75


def test_rarer_choices_and_names(open_page: Callable[..., Driver], tmp_path: Path) -> None:
    (tmp_path / "data" / "models" / "Llama-8B-exl3-6.0bpw").mkdir(parents=True)
    (tmp_path / "data" / "models" / "Llama-8B-exl3-6.0bpw-2.work").mkdir()
    driver = open_page()
    rate, start = driver.page.rate, driver.page.start
    assert start.name.text() == "Llama-8B-exl3-6.0bpw-3"
    assert not rate.advanced.isVisible()
    rate.advanced_button.click()
    rate.head_bits.setCurrentIndex(rate.head_bits.findData(16))
    rate.codebook.setCurrentIndex(rate.codebook.findData("mcg"))
    text = tmp_path / "words.txt"
    rate.set_calibration(text)
    assert rate.own_text_button.isVisible()
    conversion = driver.window.app.late.converting._presenter.conversion
    assert conversion is not None
    usual = ("-b", "6", "-hb", "16", "-cb", "mcg", "--calibration", str(text))
    assert conversion.arguments[4:] == usual
    rate.optimize.click()
    conversion = driver.window.app.late.converting._presenter.conversion
    assert conversion is not None
    assert conversion.arguments[4:] == (*usual, "--optimize")
    save_conversion(tmp_path / "record.json", conversion)
    assert load_conversion(tmp_path / "record.json") == conversion
    rate.own_text_button.click()
    assert rate.calibration is None
    rate.memory_button.click()
    before = rate.planner.estimate
    rate.slider.setValue(8)
    after = rate.planner.estimate
    assert before is not None
    assert after is not None
    assert after.plan.weights_bytes < before.plan.weights_bytes
    start.name.clear()
    driver.window.qtbot.keyClicks(start.name, "mine")
    rate.slider.setValue(12)
    assert start.name.text() == "mine"  # what the user typed stays
    driver.window.qtbot.keyClicks(start.name, "/a:b")
    assert start.target is None
    assert not start.start_button.isEnabled()
    assert start.needs.text() == "Type a name that a folder can have."


def test_what_cannot_be_converted_is_said_before_anything_else(
    open_page: Callable[..., Driver], demo_model: Path, tmp_path: Path
) -> None:
    missing = "model.layers.3.mlp.up_proj.weight"
    unknown = {"architectures": ["NeverHeardOfForCausalLM"], "model_type": "never"}
    driver = open_page(choose=False)
    trouble = driver.page.source.trouble
    for folder, words, finds_another in (
        (make_original(tmp_path / "unknown", **unknown), "NeverHeardOf", True),
        (make_original(tmp_path / "missing", left_out=missing), f"has no tensor '{missing}'", False),
        (make_original(tmp_path / "other", hidden_size=512), "expected", False),
        (tmp_path / "nothing", "nothing", False),
        (demo_model, "is quantized already (EXL3)", True),
    ):
        driver.choose(folder)
        assert words in trouble.message.text()
        assert trouble.way_out.text()
        assert driver.page.source.find_button.isVisible() is finds_another
        assert not driver.page.rate.isVisible()
        assert not driver.page.start.isVisible()
    driver.page.source.find_button.click()
    assert driver.window.app.window.page is Page.MODELS


def test_no_room_is_said_in_words_of_the_window_with_ways_out(open_page: Callable[..., Driver], tmp_path: Path) -> None:
    message = "The conversion writes 9.00 GB to the disk of /x, which has 1.00 GB free."
    failure = ("NotEnoughMemoryError", message, "Free some space, or name folders on another disk with -o and -w.")
    driver = open_page(Behaviour(estimate_failure=failure))
    start = driver.page.start
    driver.until(lambda: start.trouble.isVisible())
    assert start.trouble.message.text() == message
    assert start.trouble.way_out.text() == "Free some space, or choose a folder on another disk."
    assert not start.start_button.isEnabled()
    assert visible_buttons(start.trouble) == ["Another folder…", "Try again"]
    start.show_folder(tmp_path / "elsewhere")
    assert not start.trouble.isVisible()
    assert start.start_button.isEnabled()
    assert start.target == tmp_path / "elsewhere" / "Llama-8B-exl3-6.0bpw"


def test_short_memory_and_a_loaded_model_are_told_of(open_window: Open, source: Path) -> None:
    driver = Driver(open_window(convert_command=command(Behaviour(memory_bytes=10**15))))
    driver.choose(source)
    start = driver.page.start
    assert start.loaded.text().startswith("Llama-3.2-1B-exl3 is loaded on ")
    driver.until(lambda: start.warning.isVisible())
    assert start.warning.text().startswith("Memory is short")
    assert start.start_button.isEnabled()
    start.unload_button.click()
    driver.until(lambda: not start.loaded_row.isVisible())
    driver.until(lambda: driver.window.app.models.info is None)


# Ways to the page.


def test_models_that_are_not_quantized_offer_to_be_converted_and_folders_are_dropped(
    open_page: Callable[..., Driver], tmp_path: Path, source: Path
) -> None:
    models = tmp_path / "data" / "models"
    plain, quantized = make_original(models / "plain"), make_folder(models / "quantized")
    driver = open_page(choose=False)
    driver.window.app.window_actions.show_my_models()
    cards = driver.window.app.model_pages.my_models.cards
    driver.until(lambda: len(cards) == 2)
    assert not cards[quantized].convert_button.isVisible()
    cards[plain].convert_button.click()
    assert driver.window.app.window.page is Page.CONVERT
    driver.until(lambda: driver.page.rate.isVisible())
    assert driver.page.start.name.text() == "plain-exl3-6.0bpw"
    data = mime(source / "config.json")
    assert drag_over(driver.window.app.window, data)
    drop(driver.window.app.window, data)
    driver.until(lambda: driver.page.source.place.text() == str(source))


def test_keys_and_commands_lead_there(open_page: Callable[..., Driver]) -> None:
    driver = open_page(Behaviour(step_s=0.2))
    app = driver.window.app
    app.window.show_page(Page.CHAT)
    driver.window.qtbot.keyClick(app.window, Qt.Key.Key_4, Qt.KeyboardModifier.ControlModifier)
    assert app.window.page is Page.CONVERT
    names = {command.text for command in app.actions.commands()}
    assert names >= {"Convert a model to EXL3", "Pause the conversion", "Resume the conversion"}
    driver.start()
    driver.until(lambda: len(driver.controller.progress.modules) == 1)
    app.actions["pause_convert"].trigger()
    driver.run_to(Phase.PAUSED)
    app.actions["resume_convert"].trigger()
    assert driver.phase is Phase.RUNNING


@pytest.mark.parametrize("language", ["en", "de"])
def test_nothing_is_cut_and_tab_reaches_all_in_a_narrow_window(
    open_page: Callable[..., Driver], tmp_path: Path, language: str
) -> None:
    (tmp_path / "data").mkdir()
    settings = {"schema_version": 2, "settings": {"language": language}}
    (tmp_path / "data" / "settings.json").write_text(json.dumps(settings))
    driver = open_page(width=700)
    driver.page.rate.advanced_button.click()
    driver.page.rate.memory_button.click()
    driver.until(lambda: "\n" in driver.page.start.needs.text())
    driver.window.qtbot.wait(50)
    assert list(cut_texts(driver.window.app.window)) == []
    check_tab_reaches_all(driver)
    driver.start()
    driver.run_to(Phase.DONE)
    driver.window.app.window.notice.hide()
    driver.window.qtbot.wait(50)
    assert list(cut_texts(driver.window.app.window)) == []
    check_tab_reaches_all(driver)


def check_tab_reaches_all(driver: Driver) -> None:
    stops = tab_stops(driver.page)
    assert all(each.accessibleName() or getattr(each, "text", str)() for each in stops)
    assert unreached(driver.window, stops, more_steps=40) == set()


# The picture.


def test_picture_and_table_tell_tensor_bits_and_error(open_page: Callable[..., Driver]) -> None:
    driver = open_page()
    driver.start()
    driver.run_to(Phase.DONE)
    plot = driver.page.progress.plot
    canvas: Canvas = plot.canvas
    assert canvas.accessibleDescription().startswith("57 tensors. Error from ")
    interface = QAccessible.queryAccessibleInterface(canvas)
    assert interface.text(QAccessible.Text.Name) == "Error of each tensor"
    mark = canvas.marks[9]
    driver.window.qtbot.mouseMove(canvas, canvas.point_of(mark).toPoint())
    driver.until(lambda: canvas.current == 9)
    assert plot.words.text() == f"Block 2 · self_attn.v_proj · 6 bits · error {error_text(mark.tensor.error)}"
    canvas.setFocus()
    driver.window.qtbot.keyClick(canvas, Qt.Key.Key_End)
    assert plot.words.text().startswith("Output head · lm_head · 6 bits")
    driver.window.qtbot.keyClick(canvas, Qt.Key.Key_Left)
    assert plot.words.text().startswith("Block 8 · mlp.down_proj")
    driver.window.qtbot.keyClick(canvas, Qt.Key.Key_Home)
    driver.window.qtbot.keyClick(canvas, Qt.Key.Key_Left)
    assert canvas.current == 0
    points = [canvas.point_of(each) for each in canvas.marks]
    assert all(canvas.rect().contains(point.toPoint()) for point in points)
    assert all(a.x() < b.x() for a, b in pairwise(points))
    by_error = sorted(canvas.marks, key=lambda each: each.tensor.error)
    low, high = by_error[0], by_error[-1]
    assert canvas.point_of(high).y() < canvas.point_of(low).y()
    view = driver.page.progress.view
    view.sortByColumn(3, Qt.SortOrder.DescendingOrder)
    assert view.model().index(0, 1).data() == "mlp.down_proj"
    assert view.model().index(0, 3).data() == error_text(high.tensor.error)


@pytest.mark.parametrize(
    ("error", "words"), [(0.0, "0 %"), (0.0000341, "0.0034 %"), (0.00123, "0.12 %"), (0.034, "3.4 %"), (1.5, "150.0 %")]
)
def test_an_error_is_a_share_in_figures_that_can_be_read(error: float, words: str) -> None:
    assert error_text(error) == words


def test_the_state_tells_what_comes_before_the_blocks() -> None:
    progress = Progress(Phase.RUNNING, num_blocks=8, advance=Advance("calibration text", 5, 10, 120.0))
    assert state_text(progress) == "The model writes text to calibrate with · 50 % · 2 min left"
    progress = replace(progress, advance=Advance("choosing bits", 10, 10, 0.0))
    assert state_text(progress) == "Choosing bits by measurements · 100 %"
    progress = replace(progress, advance=Advance("head", 10, 10, 0.0))
    assert state_text(progress) == "Writing the files…"


def test_names(tmp_path: Path) -> None:
    assert result_name(tmp_path / "Llama-8B", 4) == "Llama-8B-exl3-4.0bpw"
    assert result_name(tmp_path / "Llama-8B", 3.75) == "Llama-8B-exl3-3.75bpw"
    assert tensor_text("model.layers.12.self_attn.q_proj") == "self_attn.q_proj"
    assert tensor_text("lm_head") == "lm_head"
