"""The models on this computer, as a list. Knows nothing of where they come from."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from app.theme.theme import Theme
from app.views.page_column import ColumnPage
from app.views.widgets import label


class MyModelsPage(ColumnPage):
    """All models that can be loaded."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.column.addWidget(label(theme, self.tr("On this computer"), font="title"))
        self.column.addStretch(1)
