"""The model browser on a hub on loopback, with what its tests do again and again."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.card_watch import CardWatch
from app.controllers.browser_state import Details, Phase
from app.controllers.load_settings import LoadSettings
from app.controllers.preferences import Preferences
from app.hub_access import HubAccess
from app.model_browser import ModelBrowser
from app.theme.theme import Theme
from app.views.model_browser.page import ModelBrowserPage
from engine.fit.cards import Card, CardReading, CardReport
from engine.hub.endpoint import Endpoint
from engine.hub.tokens import TokenStore
from engine.hub.transfer.plan import DownloadPlan
from tests.fakes.hub import FakeHub

GIB = 1024**3
RTX_4070 = Card(0, "NVIDIA GeForce RTX 4070", "GPU-1", (8, 9), "581.15", 12 * GIB, "cuda:0")


@dataclass
class FakeCards:
    """The cards of the computer and what other programs hold on each."""

    cards: tuple[Card, ...] = ()
    problem: str = "No NVIDIA driver answered."
    used_bytes: int = 0

    def report(self) -> CardReport:
        return CardReport(self.cards, "" if self.cards else self.problem)

    def monitor(self, _uuid: str) -> _Monitor:
        return _Monitor(self)


@dataclass
class _Monitor:
    cards: FakeCards

    def read(self) -> CardReading:
        return CardReading(self.cards.used_bytes, 12 * GIB, 0, None)

    def close(self) -> None:
        pass


class OwnKeyring:
    """Keeps passwords here, and not where the user of this computer does."""

    def __init__(self) -> None:
        self._passwords: dict[tuple[str, str], str] = {}

    def get_password(self, service_name: str, username: str) -> str | None:
        return self._passwords.get((service_name, username))

    def set_password(self, service_name: str, username: str, password: str) -> None:
        self._passwords[service_name, username] = password

    def delete_password(self, service_name: str, username: str) -> None:
        del self._passwords[service_name, username]


@dataclass
class Browser:
    """The page under test and the hub that it asks."""

    parts: ModelBrowser
    hub: FakeHub
    access: HubAccess
    settings: LoadSettings
    watch: CardWatch
    qtbot: QtBot
    plans: list[DownloadPlan] = field(default_factory=list)

    @property
    def page(self) -> ModelBrowserPage:
        return self.parts.page

    @property
    def details(self) -> Details:
        found = self.parts.controller.details
        assert found is not None
        return found

    def until(self, condition: Callable[[], bool], timeout_ms: int = 8000) -> None:
        self.qtbot.waitUntil(condition, timeout=timeout_ms)

    def search(self, text: str, phase: Phase = Phase.FOUND) -> None:
        """Types a text, presses Enter and waits for what comes."""
        self.page.filters.search.clear()
        self.qtbot.keyClicks(self.page.filters.search, text)
        self.qtbot.keyClick(self.page.filters.search, Qt.Key.Key_Return)
        self.until(lambda: self.parts.controller.results.phase is phase)

    def names(self) -> list[str]:
        """The titles in the list."""
        model = self.parts.list_model
        return [str(model.index(row, 0).data()) for row in range(model.rowCount())]

    def click(self, title: str) -> None:
        """Clicks a row of the list."""
        index = self.parts.list_model.index(self.names().index(title), 0)
        view = self.page.list.view
        view.scrollTo(index)
        self.qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=view.visualRect(index).center())

    def open(self, title: str) -> Details:
        """Clicks a row of the list and waits for all of its details."""
        self.click(title)
        self.until(lambda: self.details.repo.name == title or self.details.starter is not None)
        self.until(lambda: not self.details.is_loading)
        return self.details

    def rows(self) -> list[list[str]]:
        """The table of variants."""
        table = self.page.details.table
        return [
            [str(table.index(row, column).data()) for column in range(table.columnCount())]
            for row in range(table.rowCount())
        ]

    def click_variant(self, row: int) -> None:
        """Clicks a row of the table of variants."""
        view = self.page.details.variants
        place = view.visualRect(self.page.details.table.index(row, 0)).center()
        self.qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)

    def button(self, parent: QWidget, word: str) -> QPushButton:
        """The visible button with this word on it, as soon as there is one."""

        def found() -> list[QPushButton]:
            return [each for each in parent.findChildren(QPushButton) if each.text() == word and each.isVisible()]

        self.until(lambda: bool(found()))
        return found()[0]

    def says(self, words: str, widget: QWidget) -> None:
        """Waits until a part of the page shows these words."""

        def texts() -> str:
            return "\n".join(each.text() for each in widget.findChildren(QLabel) if each.isVisible())

        self.until(lambda: words in texts())


OpenBrowser = Callable[..., Browser]


def open_browser(qapp: QApplication, qtbot: QtBot, hub: FakeHub, folder: Path, cards: FakeCards, width: int) -> Browser:
    """Builds and shows the page, as wide as the window leaves it."""
    preferences = Preferences(folder / "settings.json")

    def endpoint(_address: str, _proxy: str, offline: bool) -> Endpoint:
        return dataclasses.replace(hub.endpoint, offline=offline)

    access = HubAccess(preferences, endpoint, folder, folder / "cache")
    access.tokens = TokenStore(folder, OwnKeyring())
    watch = CardWatch(cards.report, cards.monitor)
    settings = LoadSettings(preferences, watch)
    parts = ModelBrowser(
        ModelBrowserPage(Theme(qapp, "dark")), access, settings, watch, lambda: folder / "models", folder / "cache"
    )  # fmt: skip
    browser = Browser(parts, hub, access, settings, watch, qtbot)
    parts.controller.plan_made.connect(browser.plans.append)
    parts.page.resize(width, 760)
    parts.page.show()
    watch.start()
    browser.until(lambda: settings.report is not None)
    if cards.cards:
        watch.watch(cards.cards[0].uuid)
    parts.start()
    browser.until(lambda: len(parts.controller.judged) >= 6)
    return browser
