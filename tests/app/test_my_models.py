"""The models on this computer in a whole window: listed, verified, moved, deleted, and loaded as each was set up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton, QWidget

from app.storage.settings import Settings, save_settings
from app.views.confirm import ConfirmDialog
from app.views.my_models.card import ModelCard
from app.views.my_models.page import MyModelsPage
from app.views.my_models.words import architecture_text
from app.views.pages import Page
from engine.errors import Cancelled
from engine.events import ModelInfo
from engine.fit.estimate import Verdict
from engine.hub.model_facts import ModelFacts
from engine.hub.model_move import move_model
from engine.hub.model_store import VerifyReport
from engine.hub.transfer.placing import plan_download
from engine.hub.transfer.plan import DownloadPlan
from tests.app.driver import Window
from tests.app.model_folders import config_bytes, make_cached, make_downloaded, make_folder, weights_bytes
from tests.fakes.fake_nvml import FakeCard, FakeDriver
from tests.fakes.file_hub import FileHub, serving

SHARD = "model.safetensors"


@pytest.fixture
def hub() -> Iterator[FileHub]:
    with serving(FileHub({"config.json": config_bytes(), SHARD: weights_bytes()}, frozenset({SHARD}))) as running:
        yield running


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def plan(hub: FileHub, models: Path) -> DownloadPlan:
    return plan_download(hub.variant, models)


@pytest.fixture
def open_models(open_window: Callable[..., Window], hub: FileHub, models: Path, tmp_path: Path) -> Callable[[], Window]:
    def open_one() -> Window:
        window = open_window(
            load=False, models_folder=models, hub_cache=tmp_path / "hub",
            endpoint_of=lambda _address, _proxy, _offline: hub.endpoint,
        )  # fmt: skip
        window.app.window.show_page(Page.MODELS)
        window.app.model_pages.models_page.show_tab(page(window))
        return window

    return open_one


def page(window: Window) -> MyModelsPage:
    return window.app.model_pages.my_models


def card(window: Window, path: Path) -> ModelCard:
    window.until(lambda: path in page(window).cards)
    return page(window).cards[path]


def press(window: Window, button: QWidget) -> None:
    window.until(button.isVisible)
    assert button.isEnabled()
    window.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def notice(window: Window, words: str) -> None:
    shown = window.app.window.notice
    window.until(lambda: shown.isVisible() and words in shown._text.text())


def confirm(window: Window) -> ConfirmDialog:
    return page(window).findChildren(ConfirmDialog)[-1]


def test_every_kind_of_model_is_listed_with_what_can_be_done(
    open_models: Callable[[], Window], hub: FileHub, plan: DownloadPlan, models: Path, tmp_path: Path
) -> None:
    downloaded = make_downloaded(plan, hub.files)
    own = make_folder(models / "own")
    cached = make_cached(tmp_path / "hub", "org", "other")
    (models / "half").mkdir()
    window = open_models()
    first = card(window, downloaded)
    assert first.name.text() == "org/model@4.0bpw"
    assert first.facts.text() == "4.0 bits · Llama · 8.8 kB · downloaded".replace("8.8", "9")
    window.until(first.verify_button.isVisible)
    second = card(window, own)
    assert second.facts.text().endswith("own folder")
    assert not second.verify_button.isVisible()
    assert second.delete_button.isVisible()
    third = card(window, cached)
    assert third.facts.text().endswith("in the Hugging Face cache, read only")
    assert [third.verify_button.isVisible(), third.move_button.isVisible(), third.delete_button.isVisible()] == [
        False
    ] * 3
    assert len(page(window).cards) == 3
    assert page(window).summary.text().startswith("3 models, ")
    press(window, third.load_button)
    window.ready()
    assert window.script.loads[-1].path == cached
    assert window.app.chat.isVisible()
    assert third.load_button.text() == "Chat with it"
    window.app.window.show_page(Page.MODELS)
    press(window, third.load_button)
    assert window.app.window.page is Page.CHAT
    assert len(window.script.loads) == 1  # it stood as it was wanted
    window.app.load_settings.choose_cache_tokens(4096)
    assert third.load_button.text() == "Load again"
    window.app.window.show_page(Page.MODELS)
    press(window, third.load_button)
    window.until(lambda: len(window.script.loads) == 2)


def test_an_opened_folder_stays_on_the_list_until_it_is_removed(
    open_models: Callable[[], Window], tmp_path: Path
) -> None:
    elsewhere = make_folder(tmp_path / "elsewhere" / "mine")
    first = open_models()
    assert page(first).empty.isVisible()
    first.app.load(elsewhere)
    first.ready()
    assert not card(first, elsewhere).forget_button.isHidden()
    first.app.close()
    second = open_models()
    found = card(second, elsewhere)
    assert found.facts.text().endswith("opened from elsewhere")
    press(second, found.forget_button)
    second.until(lambda: not page(second).cards)
    assert (elsewhere / "config.json").is_file()


def test_verify_says_that_all_is_well(open_models: Callable[[], Window], hub: FileHub, plan: DownloadPlan) -> None:
    folder = make_downloaded(plan, hub.files)
    window = open_models()
    press(window, card(window, folder).verify_button)
    notice(window, "All 2 files of org/model@4.0bpw are as they were downloaded.")
    assert not card(window, folder).task_row.isVisible()


def test_a_damaged_model_is_found_and_only_what_is_wrong_comes_again(
    open_models: Callable[[], Window], hub: FileHub, plan: DownloadPlan
) -> None:
    folder = make_downloaded(plan, hub.files)
    (folder / SHARD).write_bytes(b"x" * len(hub.files[SHARD]))
    window = open_models()
    press(window, card(window, folder).verify_button)
    notice(window, "1 of 2 files of org/model@4.0bpw are damaged or missing: model.safetensors.")
    window.until(lambda: folder not in page(window).cards)  # half a model is none
    press(window, window.app.window.notice.button)
    assert window.app.window.page is Page.DOWNLOADS
    window.until(lambda: folder in page(window).cards, 10_000)
    assert (folder / SHARD).read_bytes() == hub.files[SHARD]
    assert {request.path for request in hub.log} == {SHARD}


def test_delete_says_what_it_frees_and_asks(
    open_models: Callable[[], Window], hub: FileHub, plan: DownloadPlan
) -> None:
    folder = make_downloaded(plan, hub.files)
    window = open_models()
    window.app.load(folder)
    window.ready()
    window.app.window.show_page(Page.MODELS)
    found = card(window, folder)
    press(window, found.delete_button)
    notice(window, "is loaded. Unload it first.")
    press(window, window.app.window.notice.button)
    window.until(lambda: window.app.models.info is None)
    press(window, found.delete_button)
    assert confirm(window).text == f"This frees 9 kB. Its files are deleted from {folder}."
    press(window, confirm(window).keep_button)
    assert folder.is_dir()
    press(window, found.delete_button)
    press(window, confirm(window).act_button)
    notice(window, "org/model@4.0bpw is deleted, 9 kB are free again.")
    window.until(lambda: not page(window).cards)
    assert not folder.exists()


def test_a_model_moves_with_its_settings(
    open_models: Callable[[], Window], hub: FileHub, plan: DownloadPlan, tmp_path: Path
) -> None:
    folder = make_downloaded(plan, hub.files)
    other = tmp_path / "second drive"
    window = open_models()
    library, settings = window.app.model_pages.library, window.app.load_settings
    library.add_folder(other)
    settings.set_own(settings.of(folder))
    window.until(lambda: len(library.library.folders) == 2)
    names = [action.text() for action in card(window, folder).places.actions()]
    assert names == [str(other), "Another folder…"]
    card(window, folder).places.actions()[0].trigger()
    moved = other / "org" / "model-4.0bpw"
    notice(window, f"Moved to {moved}.")
    card(window, moved)
    assert folder not in page(window).cards
    assert (moved / SHARD).read_bytes() == hub.files[SHARD]
    assert settings.own(folder) is None
    assert settings.own(moved) is not None


class _Held:
    """Stands for something long: tells some progress, then waits until it is let go or ended."""

    def __init__(self) -> None:
        self.free = threading.Event()

    def __call__(self, _path: Path, *rest: object) -> VerifyReport:
        tell = rest[-1]
        assert callable(tell)
        while not self.free.wait(0.01):
            tell(3_100_000_000, 7_400_000_000)
        return VerifyReport(2)


def test_verifying_shows_how_far_it_is_and_can_be_ended(
    open_models: Callable[[], Window], hub: FileHub, plan: DownloadPlan, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = _Held()
    monkeypatch.setattr("app.controllers.model_library.verify_model", held)
    folder = make_downloaded(plan, hub.files)
    window = open_models()
    found = card(window, folder)
    press(window, found.verify_button)
    window.until(lambda: found.task.text() == "Verifying · 3.1 of 7.4 GB")
    assert found.bar.value() == pytest.approx(419, abs=1)
    assert not found.load_button.isEnabled()
    assert not found.delete_button.isEnabled()
    press(window, found.cancel_button)
    window.until(lambda: not found.task_row.isVisible())
    assert found.load_button.isEnabled()
    press(window, found.verify_button)
    window.until(found.task_row.isVisible)
    held.free.set()
    notice(window, "All 2 files of org/model@4.0bpw")


def test_closing_the_window_ends_what_runs(
    open_models: Callable[[], Window], hub: FileHub, plan: DownloadPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.controllers.model_library.verify_model", _Held())
    folder = make_downloaded(plan, hub.files)
    window = open_models()
    found = card(window, folder)
    press(window, found.verify_button)
    window.until(lambda: found.task.text().startswith("Verifying · 3.1"))
    window.app.close()
    assert window.app.threads_stopped


def test_a_move_that_was_interrupted_goes_on_at_the_start(
    open_models: Callable[[], Window], hub: FileHub, plan: DownloadPlan, models: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    folder = make_downloaded(plan, hub.files)
    second = tmp_path / "second"
    moved = second / "org" / "model-4.0bpw"
    monkeypatch.setattr("engine.hub.model_move._rename", lambda _source, _destination: False)  # another drive

    def stop(done: int, _total: int) -> None:
        if done:
            raise Cancelled("The program ended.")

    with pytest.raises(Cancelled):
        move_model(folder, moved, stop, margin_bytes=0)
    settings = Settings(models_folders=(str(models), str(second)))
    (tmp_path / "data").mkdir()
    save_settings(tmp_path / "data" / "settings.json", settings)
    window = open_models()
    card(window, moved)
    window.until(lambda: folder not in page(window).cards)
    assert (moved / SHARD).read_bytes() == hub.files[SHARD]
    assert not folder.exists()
    assert window.app.model_pages.download_model.rows == ()  # half a copy is no download


def test_folders_are_added_made_the_default_and_removed(
    open_models: Callable[[], Window], models: Path, tmp_path: Path
) -> None:
    own = make_folder(models / "own")
    other = tmp_path / "other"
    there = make_folder(other / "there")
    window = open_models()
    card(window, own)
    window.app.model_pages.library.add_folder(other)
    card(window, there)

    def row_button(words: str) -> QPushButton:
        found = [each for each in page(window).folders.findChildren(QPushButton) if each.accessibleName() == words]
        return found[-1]

    press(window, row_button(f"Download to {other}"))
    window.until(lambda: window.app.model_pages.library.default_folder() == other)
    window.until(lambda: window.app.model_pages.library.library.folders[0].path == other)
    press(window, row_button(f"Remove {models}"))
    window.until(lambda: own not in page(window).cards)
    assert there in page(window).cards
    assert (own / "config.json").is_file()


def test_load_settings_of_a_model_with_the_bar(
    open_models: Callable[[], Window], models: Path, driver: FakeDriver
) -> None:
    driver.init_error = ""
    driver.cards.append(FakeCard())
    folder = make_folder(models / "own")
    window = open_models()
    found = card(window, folder)
    press(window, found.settings_button)
    editor = found.editor
    window.until(editor.planner.isVisible)
    assert editor.planner.context_tokens == 8192
    assert editor.usual_button.isHidden()
    before = next(part.num_bytes for part in editor.planner.bar.parts if part.name == "cache")
    editor.planner.context.setValue(editor.planner.context.value() + 2)
    after = next(part.num_bytes for part in editor.planner.bar.parts if part.name == "cache")
    assert after > 1.8 * before
    press(window, editor.planner.bits_buttons[8])
    row = editor.device.findData("GPU-4070")
    editor.device.setCurrentIndex(row)
    editor.device.activated.emit(row)
    own = window.app.load_settings.own(folder)
    assert own is not None
    assert (own.device, own.cache_tokens, own.cache_bits) == ("GPU-4070", 16384, 8)
    assert editor.usual_button.isVisible()
    press(window, found.load_button)
    window.ready()
    assert (window.script.loads[-1].cache_tokens, window.script.loads[-1].cache_bits) == (16384, (8, 8))
    window.app.window.show_page(Page.MODELS)
    window.until(editor.measured.isVisible)
    assert editor.measured.is_measured
    measured = {part.name: part.num_bytes for part in editor.measured.parts}
    info: ModelInfo | None = window.app.models.info
    assert info is not None
    assert info.memory is not None
    assert measured["weights"] == info.memory.weights_bytes
    assert measured["working memory"] == info.memory.total_bytes - measured["weights"] - measured["cache"]
    assert editor.measured_words.text().startswith("On the NVIDIA GeForce RTX 4070 now: estimated 0.7 GB, took 0.6 GB")
    press(window, editor.usual_button)
    assert window.app.load_settings.own(folder) is None
    assert editor.planner.context_tokens == 8192


def test_without_a_card_one_can_be_chosen_to_plan_for(open_models: Callable[[], Window], models: Path) -> None:
    folder = make_folder(models / "own")
    window = open_models()
    found = card(window, folder)
    press(window, found.settings_button)
    editor = found.editor
    window.until(editor.planner.isVisible)
    assert editor.plan_card.currentText().startswith("RTX 4070")
    row = next(row for row in range(editor.plan_card.count()) if editor.plan_card.itemText(row).startswith("RTX 3090"))
    editor.plan_card.setCurrentIndex(row)
    editor.plan_card.activated.emit(row)
    assert editor.planner.estimate is not None
    assert editor.planner.estimate.memory.total_bytes == 24 * 1024**3
    assert editor.planner.estimate.verdict is Verdict.EASILY
    assert not editor.measured.isVisible()


def test_a_model_that_cannot_be_read_says_so(open_models: Callable[[], Window], models: Path) -> None:
    folder = make_folder(models / "own")
    (folder / SHARD).write_bytes(b"\xff" * 100)
    window = open_models()
    found = card(window, folder)
    press(window, found.settings_button)
    window.until(found.editor.unreadable.isVisible)
    assert not found.editor.planner.isVisible()


@pytest.mark.parametrize(
    ("architecture", "words"),
    [
        ("LlamaForCausalLM", "Llama"),
        ("Qwen2_5_VLForConditionalGeneration", "Qwen2.5-VL"),
        ("Qwen3VLForConditionalGeneration", "Qwen3-VL"),
        ("Gemma3ForConditionalGeneration", "Gemma3"),
        ("", ""),
    ],
)
def test_architectures_are_written_as_their_makers_do(architecture: str, words: str) -> None:
    assert architecture_text(ModelFacts(architecture)) == words
