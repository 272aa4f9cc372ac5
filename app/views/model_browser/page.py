"""The browser's page: filters above, the list, and the details beside it or, in a narrow window, in its place.

Arranges views; knows nothing of what they show.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.item_models.hub_models import HubModelList
from app.theme.theme import Theme
from app.theme.tokens import SPACE_12, SPACE_16
from app.views.model_browser.detail_pane import DetailPane
from app.views.model_browser.filters import Filters
from app.views.model_browser.result_list import ResultList
from app.views.widgets import thin_line

NARROW_BELOW_PX = 780
LIST_PX = 320


@dataclass(frozen=True)
class BrowserParts:
    """What the page arranges; `model` is what the list shows."""

    model: HubModelList
    filters: Filters
    list: ResultList
    details: DetailPane


def build_parts(theme: Theme) -> Generator[None, None, BrowserParts]:
    """Builds the parts in steps, since all of them in one turn would be felt; returns them."""
    filters, model = Filters(theme), HubModelList()
    yield
    results = ResultList(theme, model)
    yield
    details = DetailPane(theme)
    yield
    return BrowserParts(model, filters, results, details)


def build_at_once(theme: Theme) -> BrowserParts:
    """The parts where no window waits to be painted."""
    steps = build_parts(theme)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            parts: BrowserParts = end.value
            return parts


class ModelBrowserPage(QFrame):
    """Filters, list and details.

    Attributes:
        model: what the list shows.
    """

    def __init__(self, theme: Theme, parent: QWidget | None = None, parts: BrowserParts | None = None) -> None:
        super().__init__(parent)
        parts = parts or build_at_once(theme)
        self.model, self.filters, self.list, self.details = parts.model, parts.filters, parts.list, parts.details
        self.model.setParent(self)
        self.setProperty("kind", "page")
        self.details.back_requested.connect(self.show_list)
        self.setMinimumWidth(1)  # list and details take turns where there is no room for both
        self._is_narrow = False
        self._shows_details = False
        side = QWidget()
        column = QVBoxLayout(side)
        column.setContentsMargins(SPACE_16, SPACE_12, SPACE_12, SPACE_12)
        column.addWidget(self.list)
        self._side = side
        self._line = thin_line(vertical=True)
        across = QHBoxLayout()
        across.setContentsMargins(0, 0, 0, 0)
        across.setSpacing(0)
        across.addWidget(side)
        across.addWidget(self._line)
        across.addWidget(self.details, 1)
        top = QWidget()
        above = QVBoxLayout(top)
        above.setContentsMargins(SPACE_16, SPACE_12, SPACE_16, SPACE_12)
        above.addWidget(self.filters)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(top)
        layout.addWidget(thin_line())
        layout.addLayout(across, 1)
        self._arrange()

    @property
    def is_narrow(self) -> bool:
        """Whether list and details take turns."""
        return self._is_narrow

    def show_details(self) -> None:
        """Brings the details to the front in a narrow window."""
        self._shows_details = True
        self._arrange()
        if self._is_narrow:
            self.details.back.setFocus()

    def show_list_first(self) -> None:
        """Brings the list to the front in a narrow window and leaves the keyboard where it is."""
        self._shows_details = False
        self._arrange()

    @Slot()
    def show_list(self) -> None:
        """Brings the list to the front in a narrow window."""
        self._shows_details = False
        self._arrange()
        self.list.view.setFocus()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        is_narrow = self.width() < NARROW_BELOW_PX
        if is_narrow != self._is_narrow:
            self._is_narrow = is_narrow
            self._arrange()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Back and self._is_narrow:
            self.show_list()
            return
        super().keyPressEvent(event)

    def _arrange(self) -> None:
        narrow, details = self._is_narrow, self._shows_details
        if narrow:
            self._side.setMinimumWidth(0)
            self._side.setMaximumWidth(16777215)
        else:
            self._side.setFixedWidth(LIST_PX)
        self._side.setVisible(not narrow or not details)
        self._line.setVisible(not narrow)
        self.details.setVisible(not narrow or details)
        self.details.set_narrow(narrow)
