"""The table of a conversion's tensors; a click on a head sorts. Knows nothing of what a row says."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSortFilterProxyModel, Qt
from PySide6.QtWidgets import QHeaderView, QTableView, QWidget

from app.item_models.tensors import MODULE, SORT_ROLE, TENSOR, TensorTable
from app.theme.theme import Theme
from app.views.widgets import list_whole_rows
from engine.quantizer.progress import ModuleReport

ROW_PX, MOST_ROWS = 28, 12


class TensorView(QTableView):
    """As tall as its rows, up to a dozen; then it scrolls."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = TensorTable(self)
        self._sorted = QSortFilterProxyModel(self)
        self._sorted.setSortRole(SORT_ROLE)
        self._sorted.setSourceModel(self.table)
        self.setModel(self._sorted)
        self.setAccessibleName(self.tr("Tensors"))
        self.setAccessibleDescription(self.tr("Bits and error of every tensor"))
        list_whole_rows(self, theme, ROW_PX)
        head = self.horizontalHeader()
        head.setResizeContentsPrecision(MOST_ROWS)  # rows that are measured
        head.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        head.setSectionResizeMode(TENSOR, QHeaderView.ResizeMode.Stretch)
        head.setSortIndicator(MODULE, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)

    def show_modules(self, modules: Sequence[ModuleReport]) -> None:
        """Lists the tensors."""
        self.table.show(modules)
        rows = min(self.table.rowCount(), MOST_ROWS)
        self.setFixedHeight(self.horizontalHeader().sizeHint().height() + rows * ROW_PX + 4)
