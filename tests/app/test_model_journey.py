"""From a download in the window to a chat with it; and the window that goes on painting while files come."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QTimer, Slot

from app.views.pages import Page
from engine.hub.endpoint import Endpoint
from engine.hub.transfer.placing import plan_download
from engine.hub.transfer.settings import TransferSettings
from engine.hub.types import RepoId
from tests.app.driver import Window
from tests.app.model_folders import config_bytes, weights_bytes
from tests.fakes.file_hub import FileHub, serving

FRAME_S = 0.016
FILE_BYTES = 48 << 20


class _Watchdog(QObject):
    """Measures this thread's own work between two turns of the event loop: another's is not our stall."""

    def __init__(self) -> None:
        super().__init__()
        self.busy_s: list[float] = []
        self._timer = QTimer(self, interval=0)
        self._timer.timeout.connect(self._tick)
        self._last_s = 0.0

    def start(self) -> None:
        self._last_s = time.thread_time()
        self._timer.start()

    def stop(self) -> None:
        self._timer.stop()

    @Slot()
    def _tick(self) -> None:
        now_s = time.thread_time()
        self.busy_s.append(now_s - self._last_s)
        self._last_s = now_s


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


def test_the_window_keeps_painting_while_four_files_come(open_window: Callable[..., Window], tmp_path: Path) -> None:
    data = os.urandom(FILE_BYTES)
    names = [f"model-{number}.safetensors" for number in range(4)]
    with serving(FileHub({"config.json": b"{}", **dict.fromkeys(names, data)}, frozenset(names))) as hub:
        window = open_on(hub, open_window, tmp_path, parallel_files=4)
        pages = window.app.model_pages
        window.app.window.show_page(Page.DOWNLOADS)
        plan = plan_download(replace(hub.variant, repo=RepoId("org", "large")), tmp_path / "models")
        window.qtbot.wait(300)
        watchdog = _Watchdog()
        watchdog.start()
        pages.downloads.add(plan)
        window.until(lambda: bool(pages.downloads_page.cards))
        (card,) = pages.downloads_page.cards.values()
        window.until(card.files_button.isVisible)
        window.qtbot.mouseClick(card.files_button, Qt.MouseButton.LeftButton)
        window.until(lambda: "Downloaded and verified" in card.state.text(), 60_000)
        watchdog.stop()
    worst = sorted(watchdog.busy_s)[-3:]
    assert len(watchdog.busy_s) > 50
    assert worst[0] < FRAME_S, worst  # two turns may be hit by the machine's own pauses
    assert worst[-1] < 3 * FRAME_S, worst
    assert (plan.folder / names[3]).stat().st_size == FILE_BYTES
