"""A conversion in a process of its own, with its troubles, and how it is found again."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from app.controllers.conversion import Phase
from app.storage.conversions import load_conversion
from app.views.pages import Page
from engine.fit.estimate import FitModel
from engine.hub.model_facts import facts_of
from tests.app.convert_driver import QUICK, SLOW, Driver, visible_buttons
from tests.app.driver import Window
from tests.app.model_folders import make_original
from tests.app.watchdog import Watchdog
from tests.fakes.fake_convert import Behaviour

Open = Callable[..., Window]
TENSORS = 57
LIMIT_TURN_S = 0.05


def test_a_conversion_from_start_to_load(open_page: Callable[..., Driver]) -> None:
    driver = open_page()
    page, target = driver.page, driver.page.start.target
    assert target is not None
    driver.start()
    assert not page.source.isVisible()
    assert not page.start.isVisible()
    driver.run_to(Phase.DONE)
    assert page.progress.state.text() == "Done · 6.0 bits · 20.5 MB · took 1 h 5 min"
    assert visible_buttons(page.progress)[:2] == ["Load it", "Convert another"]
    assert len(page.progress.plot.canvas.marks) == TENSORS
    assert page.progress.view.isVisible()
    assert page.progress.view.table.rowCount() == TENSORS
    assert f"{target.name} is converted." in driver.note()
    library = driver.window.app.model_pages.library
    driver.until(lambda: library.model_at(target) is not None)
    page.progress.load_button.click()
    driver.window.ready()
    assert driver.window.app.models.info is not None
    assert driver.window.app.models.info.path == target
    driver.window.app.window.show_page(Page.CONVERT)
    page.progress.next_button.click()
    assert driver.phase is Phase.NONE
    assert page.start.name.text() == "Llama-8B-exl3-6.0bpw-2"


def test_a_pause_ends_after_the_block_and_goes_on(open_page: Callable[..., Driver]) -> None:
    driver = open_page(Behaviour(step_s=0.2))
    progress = driver.page.progress
    driver.start()
    driver.until(lambda: "Block 2 of 8" in progress.state.text())
    progress.pause_button.setFocus()
    progress.pause_button.click()
    assert progress.state.text().startswith("Pausing after this block")
    assert progress.stop_button.hasFocus()
    driver.run_to(Phase.PAUSED)
    assert progress.resume_button.hasFocus()
    assert progress.state.text() == "Paused · 2 of 8 blocks are done"
    progress.resume_button.click()
    driver.until(lambda: "Block 4 of 8" in progress.state.text())
    assert [each.is_resumed for each in driver.controller.progress.modules][:3] == [True, True, False]
    assert "left" in progress.state.text() or "measuring" in progress.state.text()


def test_a_stop_loses_the_block_in_hand_alone(open_page: Callable[..., Driver]) -> None:
    driver = open_page(SLOW)
    driver.start()
    driver.until(lambda: len(driver.controller.progress.modules) == 1)
    driver.page.progress.pause_button.click()
    driver.page.progress.stop_button.click()
    assert driver.phase is Phase.PAUSED
    assert driver.controller.progress.can_resume
    assert driver.page.progress.state.text() == "Paused · 1 of 8 blocks are done"
    assert driver.window.app.window.close()  # which asks nothing: nothing goes on


def test_there_is_one_at_a_time_and_a_cancel_asks_and_deletes(open_page: Callable[..., Driver], tmp_path: Path) -> None:
    driver = open_page(SLOW)
    driver.start()
    conversion = driver.controller.progress.conversion
    assert conversion is not None
    driver.until(lambda: len(driver.controller.progress.modules) == 1)
    (conversion.work / "mine.txt").write_text("kept")
    driver.window.app.late.converting.convert(make_original(tmp_path / "originals" / "other"))
    assert "There is a conversion already" in driver.note()
    driver.page.progress.cancel_button.click()
    driver.answer("Keep it")
    assert driver.phase is Phase.RUNNING
    driver.page.progress.cancel_button.click()
    driver.answer("Cancel and delete")
    driver.run_to(Phase.NONE)
    assert [path.name for path in conversion.work.iterdir()] == ["mine.txt"]
    assert not (tmp_path / "data" / "conversion.json").exists()
    assert driver.page.source.isVisible()
    assert driver.page.start.isVisible()


@pytest.mark.parametrize(
    ("behaviour", "message", "way_out"),
    [
        (
            Behaviour(step_s=0.02, fail_at=2, failure=("WriteError", "/x cannot be written: full.", "Use -r.")),
            "/x cannot be written: full.", "Free some space, then go on.",
        ),
        (
            Behaviour(step_s=0.02, fail_at=2), "RuntimeError: a fault of the program",
            "What is finished is kept. Go on with it, or report the fault.",
        ),
    ],
    ids=["disk full", "a fault"],
)  # fmt: skip
def test_a_failure_keeps_what_is_done(
    open_page: Callable[..., Driver], behaviour: Behaviour, message: str, way_out: str
) -> None:
    driver = open_page(behaviour)
    driver.start()
    driver.run_to(Phase.FAILED)
    progress = driver.page.progress
    assert message in progress.trouble.message.text()
    assert progress.trouble.way_out.text() == way_out
    assert progress.state.text() == "Ended by an error · 2 of 8 blocks are done"
    assert visible_buttons(progress)[:2] == ["Resume", "Cancel…"]


@pytest.mark.skipif(os.name == "nt", reason="signals are ended differently there")
def test_a_child_that_the_system_kills_is_told_of(open_page: Callable[..., Driver]) -> None:
    driver = open_page(SLOW)
    driver.start()
    driver.until(lambda: driver.controller.progress.advance is not None)
    process = driver.controller._work._process
    assert process is not None
    os.kill(process.processId(), signal.SIGKILL)
    driver.run_to(Phase.FAILED)
    assert "memory ran out" in driver.page.progress.trouble.message.text()


def test_a_program_that_cannot_be_started_is_told_of(open_window: Open, source: Path, tmp_path: Path) -> None:
    driver = Driver(open_window(load=False, convert_command=(str(tmp_path / "no python"), "convert")))
    driver.choose(source)
    driver.until(lambda: driver.page.start.trouble.isVisible())
    assert "cannot be started" in driver.page.start.trouble.message.text()


# Closing the window.


def test_closing_asks_and_the_next_window_goes_on(
    open_page: Callable[..., Driver], tmp_path: Path, source: Path
) -> None:
    driver = open_page(Behaviour(step_s=0.3))
    driver.start()
    driver.until(lambda: len(driver.controller.progress.modules) == 2)
    main = driver.window.app.window
    assert not main.close()
    assert main.isVisible()
    driver.answer("Keep it open")
    assert driver.phase is Phase.RUNNING
    assert not main.close()
    driver.answer("Close the window")
    assert not main.isVisible()
    assert driver.window.app.threads_stopped
    record = json.loads((tmp_path / "data" / "conversion.json").read_text())
    assert record["source"] == str(source)
    again = open_page(QUICK, choose=False)
    again.until(lambda: again.phase is Phase.PAUSED)
    progress = again.page.progress
    assert progress.isVisible()
    assert progress.state.text().endswith(" of 8 blocks are done")
    progress.resume_button.click()
    again.run_to(Phase.DONE)
    assert not (tmp_path / "data" / "conversion.json").exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"source": 3}'])
def test_a_damaged_record_is_no_conversion(tmp_path: Path, text: str) -> None:
    (tmp_path / "conversion.json").write_text(text)
    assert load_conversion(tmp_path / "conversion.json") is None


def test_the_window_goes_on_while_a_conversion_tells_much(open_page: Callable[..., Driver], source: Path) -> None:
    many = make_original(source.parent / "many", num_blocks=80)
    driver = open_page(Behaviour(blocks=80, step_s=0.02), choose=False)
    driver.choose(many)
    driver.start()
    watchdog = Watchdog()
    watchdog.start()
    driver.run_to(Phase.DONE)
    turns = watchdog.stop()
    assert len(driver.page.progress.plot.canvas.marks) == 80 * 7 + 1
    assert turns[0] < LIMIT_TURN_S, turns[:5]


def test_a_real_model_is_converted_by_the_real_command(open_window: Open, tmp_path: Path) -> None:
    from transformers import LlamaConfig

    from tests.oracles.tiny_models import make_plain, random_ids, write_tokenizer

    folder = tmp_path / "tiny"
    folder.mkdir()
    sizes = {"hidden_size": 128, "intermediate_size": 96, "num_hidden_layers": 1, "num_attention_heads": 4}
    make_plain(folder, LlamaConfig(vocab_size=320, **sizes, max_position_embeddings=64))
    write_tokenizer(folder, 320)
    words = tmp_path / "words.txt"
    words.write_text(" ".join(f"t{number}" for number in random_ids(3000, 320, seed=5)))
    driver = Driver(open_window(load=False))
    driver.choose(folder)
    rate = driver.page.rate
    rate.head_bits.setCurrentIndex(rate.head_bits.findData(16))
    rate.slider.setValue(8)
    rate.set_calibration(words)
    driver.until(lambda: "are free" in driver.page.start.needs.text(), 60_000)
    target = driver.page.start.target
    assert target is not None
    driver.start()
    driver.until(lambda: driver.phase is not Phase.RUNNING, 240_000)
    assert driver.controller.progress.failure is None
    assert driver.phase is Phase.DONE
    assert [each.name for each in driver.controller.progress.modules] == ["block 0", "head"]
    assert {mark.tensor.bits for mark in driver.page.progress.plot.canvas.marks} == {2}
    assert facts_of(target).bits == 2.0
    assert FitModel.of_folder(target).spec is not None
    assert not list(target.parent.glob("*.work"))
