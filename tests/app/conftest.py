"""A whole window on a fake engine, in a folder of its own. Qt's warnings fail the test."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QtMsgType
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.application import Application
from app.launch import Launch
from app.storage.paths import data_paths
from engine.hub.endpoint import Endpoint
from tests.app.browser_driver import RTX_4070, Browser, FakeCards, OpenBrowser, open_browser
from tests.app.driver import Window
from tests.fakes.fake_nvml import FakeDriver
from tests.fakes.fake_session import Script
from tests.fakes.hub import FakeHub

WIDTH, HEIGHT = 1200, 800


@pytest.fixture(autouse=True)
def no_qt_warnings(qtlog: Any) -> Iterator[None]:
    yield
    serious = (QtMsgType.QtWarningMsg, QtMsgType.QtCriticalMsg, QtMsgType.QtFatalMsg)
    said = [record.message for record in qtlog.records if record.type in serious]
    assert [message for message in said if "propagateSizeHints" not in message] == []  # the offscreen platform's own


def no_hub(address: str, proxy: str, offline: bool) -> Endpoint:
    """No test of the window asks a server but its own."""
    return Endpoint("http://127.0.0.1:9", offline=offline)


@pytest.fixture(scope="module")
def tools(project_root: Path) -> ModuleType:
    """The command that collects the texts of the window for translators."""
    spec = importlib.util.spec_from_file_location("translations", project_root / "packaging" / "translations.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "Модели 🌳" / "Llama-3.2-1B-exl3"  # names that programs used to stumble over
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    return folder


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> FakeDriver:
    """The machine's NVIDIA driver: none, until a test says otherwise before it opens a window."""
    driver = FakeDriver(init_error="NVML Shared Library Not Found")
    monkeypatch.setitem(sys.modules, "pynvml", driver.as_module())
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")  # as the program's entry does
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return driver


@pytest.fixture
def open_window(
    qapp: QApplication, qtbot: QtBot, tmp_path: Path, script: Script, model_folder: Path, driver: FakeDriver
) -> Iterator[Callable[..., Window]]:
    """Opens a window; `model=None` starts without one, `demo=True` puts a demo model there; more goes to `Launch`."""
    opened: list[Application] = []

    def open_one(load: bool = True, demo: bool = False, width: int = WIDTH, **more: Any) -> Window:
        demo_folder = tmp_path / "demo_model"
        if demo:
            demo_folder.mkdir(exist_ok=True)
            (demo_folder / "config.json").write_text("{}")
        paths = data_paths(tmp_path / "data")
        usual = {"endpoint_of": no_hub, "hub_cache": None, "cache_folder": tmp_path / "cache"}
        launch = Launch(paths, model_folder if load else None, demo_folder, script.open_session, **usual | more)
        app = Application(qapp, launch)
        opened.append(app)
        app.start()
        app.window.resize(width, HEIGHT)
        window = Window(app, script, model_folder, qtbot)
        if load:
            window.ready()
        return window

    yield open_one
    for app in opened:
        app.close()
        app.window.close()
        app.window.deleteLater()
        app.deleteLater()
    qapp.processEvents()


@pytest.fixture
def window(open_window: Callable[..., Window]) -> Window:
    """A window with a model loaded."""
    return open_window()


@pytest.fixture
def open_browser_page(qapp: QApplication, qtbot: QtBot, hub: FakeHub, tmp_path: Path) -> Iterator[OpenBrowser]:
    """Opens the page on the hub of example repositories, by default for a card of 12 GB."""
    opened: list[Browser] = []

    def open_it(cards: FakeCards | None = None, width: int = 1128) -> Browser:
        opened.append(open_browser(qapp, qtbot, hub, tmp_path, cards or FakeCards((RTX_4070,)), width))
        return opened[-1]

    yield open_it
    for browser in opened:
        assert browser.parts.shut_down()
        assert browser.watch.shut_down()
        browser.page.close()
        browser.page.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def browser(open_browser_page: OpenBrowser) -> Browser:
    return open_browser_page()
