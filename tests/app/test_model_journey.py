"""From a download in the window to a chat with it; and the window that goes on painting while files come."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt

from app.views.pages import Page
from engine.hub.endpoint import Endpoint
from engine.hub.transfer.placing import plan_download
from engine.hub.transfer.settings import TransferSettings
from engine.hub.types import RepoId
from tests.app.browser_driver import Browser
from tests.app.driver import Window
from tests.app.model_folders import config_bytes, weights_bytes
from tests.app.watchdog import Watchdog
from tests.fakes.fake_nvml import FakeCard, FakeDriver
from tests.fakes.file_hub import Fault, FileHub, serving
from tests.fakes.hub import FakeHub
from tests.fakes.hub_content import example_repos

FRAME_S = 0.016
FILE_BYTES = 48 << 20


KILLED = """
import json, sys
from pathlib import Path
from PySide6.QtWidgets import QApplication
from app.application import Application
from app.launch import Launch
from app.storage.paths import data_paths
from engine.hub.endpoint import Endpoint
from engine.hub.transfer.plan import plan_from_json
from engine.hub.transfer.settings import TransferSettings
folder, url, record, target = sys.argv[1:]
folder = Path(folder)
qt = QApplication(["test"])
app = Application(qt, Launch(
    data_paths(folder / "data"), demo_folder=folder / "none", hub_cache=None, cache_folder=folder / "cache",
    endpoint_of=lambda *_: Endpoint(url, is_own=True), transfer=TransferSettings(margin_bytes=0),
    models_folder=folder / "models",
))
app.start()
app.model_pages.downloads.add(plan_from_json(json.loads(record), Path(target)))
qt.exec()
"""


def open_on(hub: FileHub, open_window: Callable[..., Window], tmp_path: Path, parallel_files: int = 3) -> Window:
    def endpoint(_address: str, _proxy: str, offline: bool) -> Endpoint:
        return replace(hub.endpoint, offline=offline)

    settings = TransferSettings(margin_bytes=0, parallel_files=parallel_files)
    return open_window(load=False, endpoint_of=endpoint, transfer=settings, models_folder=tmp_path / "models")


def test_from_a_download_to_a_chat(open_window: Callable[..., Window], tmp_path: Path) -> None:
    files = {"config.json": config_bytes(), "model.safetensors": weights_bytes()}
    with serving(FileHub(files, frozenset({"model.safetensors"}))) as hub:
        window = open_on(hub, open_window, tmp_path)
        pages, main = window.app.model_pages, window.app.window
        plan = plan_download(hub.variant, pages.library.default_folder())
        pages.downloads.add(plan)
        main.show_page(Page.MODELS)
        pages.models_page.show_tab(pages.my_models)
        window.until(lambda: plan.folder in pages.my_models.cards, 10_000)
        button = pages.my_models.cards[plan.folder].load_button
        window.until(button.isVisible)
        window.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        window.ready()
        assert main.page is Page.CHAT
        assert window.app.chat.model_bar.name.text() == plan.folder.name
        window.say("hello")
        assert window.script.reply.strip() in window.app.chat.transcript.message_widgets[-1].text()


def test_from_a_search_to_a_chat(
    open_window: Callable[..., Window], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, driver: FakeDriver
) -> None:
    driver.init_error = ""
    driver.cards.append(FakeCard())
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with FakeHub(*example_repos(megabytes=1, num_more=0)) as hub:
        window = open_window(
            load=False, endpoint_of=lambda _address, _proxy, offline: replace(hub.endpoint, offline=offline),
            transfer=TransferSettings(margin_bytes=0), models_folder=tmp_path / "models",
        )  # fmt: skip
        pages, app = window.app.model_pages, window.app
        app.window.show_page(Page.MODELS)
        browser = Browser(pages.browser, hub, pages.hub, app.load_settings, app.cards, window.qtbot)
        browser.search("Bitrates")
        browser.open("Bitrates-exl3")
        window.qtbot.mouseClick(browser.button(browser.page.details, "Download"), Qt.MouseButton.LeftButton)
        note = app.window.notice
        window.until(lambda: note.isVisible() and note.button.text() == "Show downloads", 10_000)
        assert "quantizer/Bitrates-exl3@8.0bpw is being downloaded: " in note._text.text()
        window.qtbot.mouseClick(note.button, Qt.MouseButton.LeftButton)
        assert app.window.page is Page.DOWNLOADS
        window.until(lambda: note.isVisible() and note.button.text() == "Chat with it", 20_000)
        window.qtbot.mouseClick(note.button, Qt.MouseButton.LeftButton)
        window.ready()
        assert app.window.page is Page.CHAT
        folder = tmp_path / "models" / "quantizer" / "Bitrates-exl3-8.0bpw"
        assert window.script.loads[-1].path == folder
        window.until(lambda: folder in pages.my_models.cards)
        assert pages.my_models.cards[folder].facts.text().startswith("8.0 bits · Qwen2.5-VL · ")
        window.say("hello")
        assert len(app.chat.transcript.message_widgets) == 2


def test_after_a_kill_the_rows_are_there_and_go_on(open_window: Callable[..., Window], tmp_path: Path) -> None:
    data = os.urandom(8 << 20)
    files = {"config.json": config_bytes(), "model.safetensors": data}
    with serving(FileHub(files, frozenset({"model.safetensors"}))) as hub:
        hub.fail("model.safetensors", Fault(after=4 << 20, stall_s=20.0))
        plan = plan_download(hub.variant, tmp_path / "models")
        queue = [sys.executable, "-c", KILLED, str(tmp_path), hub.url, json.dumps(plan.as_json()), str(plan.folder)]
        environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
        with subprocess.Popen(queue, cwd=Path(__file__).parents[2], env=environment) as killed:
            part = plan.part_of(plan.files[1])
            deadline = time.monotonic() + 60
            while not (part.is_file() and part.stat().st_size >= 4 << 20):
                assert time.monotonic() < deadline
                assert killed.poll() is None
                time.sleep(0.05)
            killed.kill()
        window = open_on(hub, open_window, tmp_path)
        window.app.window.show_page(Page.DOWNLOADS)
        page = window.app.model_pages.downloads_page
        window.until(lambda: len(page.cards) == 1)
        (card,) = page.cards.values()
        assert card.name.text() == "org/model@4.0bpw"
        window.until(lambda: "Downloaded and verified" in card.state.text(), 20_000)
        assert plan.path_of(plan.files[1]).read_bytes() == data
        assert hub.sent_for("model.safetensors") < 1.6 * len(data)


def test_the_window_keeps_painting_while_four_files_come(open_window: Callable[..., Window], tmp_path: Path) -> None:
    data = os.urandom(FILE_BYTES)
    names = [f"model-{number}.safetensors" for number in range(4)]
    with serving(FileHub({"config.json": b"{}", **dict.fromkeys(names, data)}, frozenset(names))) as hub:
        window = open_on(hub, open_window, tmp_path, parallel_files=4)
        pages = window.app.model_pages
        window.app.window.show_page(Page.DOWNLOADS)
        plan = plan_download(replace(hub.variant, repo=RepoId("org", "large")), tmp_path / "models")
        window.qtbot.wait(300)
        watchdog = Watchdog()
        watchdog.start()
        pages.downloads.add(plan)
        window.until(lambda: bool(pages.downloads_page.cards))
        (card,) = pages.downloads_page.cards.values()
        window.until(card.files_button.isVisible)
        window.qtbot.mouseClick(card.files_button, Qt.MouseButton.LeftButton)
        window.until(lambda: "Downloaded and verified" in card.state.text(), 60_000)
        turns = watchdog.stop()
    assert len(turns) > 50
    assert turns[2] < FRAME_S, turns[:5]  # two turns may be hit by the machine's own pauses
    assert turns[0] < 3 * FRAME_S, turns[:5]
    assert (plan.folder / names[3]).stat().st_size == FILE_BYTES
