"""The table of a repository's variants, as tall as its rows. Knows nothing of what a row says."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QSignalBlocker, QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QHeaderView, QSizePolicy, QTableView, QWidget

from app.item_models.variants import BITS, FIRST_CONTEXT, SIZE, VERDICT, VariantTable
from app.theme.theme import Theme
from app.views.widgets import list_whole_rows

ROW_PX, HEAD_PX = 30, 42  # two lines in the head
CONTEXT_PX = 60  # that a column of contexts needs for its head
FITTED = (BITS, SIZE, VERDICT)  # columns that are as wide as what is in them


class VariantView(QTableView):
    """Signals:
    chosen: the branch of the row that the user went to.
    """

    chosen = Signal(str)

    def __init__(self, theme: Theme, model: VariantTable, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._table = model
        self.setModel(model)
        self.setAccessibleName(self.tr("Variants"))
        list_whole_rows(self, theme, ROW_PX)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        head = self.horizontalHeader()
        head.setFixedHeight(HEAD_PX)
        head.setSectionsClickable(False)
        head.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        for column in FITTED:
            head.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
        head.setMinimumSectionSize(48)
        self.selectionModel().currentRowChanged.connect(self._on_row)
        model.modelReset.connect(self._fit)
        model.dataChanged.connect(self._on_data)
        theme.changed.connect(self.viewport().update)
        self._fit()

    def sizeHint(self) -> QSize:
        return QSize(480, HEAD_PX + ROW_PX * self._table.rowCount() + 2)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._choose_columns()

    def mark(self, branch: str) -> None:
        """Marks a row without reporting it."""
        index = self._table.index_of(branch)
        if index.row() != self.currentIndex().row():
            with QSignalBlocker(self):
                self.setCurrentIndex(index)
            self.viewport().update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right):  # rows are chosen, not cells
            event.ignore()
            return
        super().keyPressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()  # the page scrolls

    @Slot()
    def _fit(self) -> None:
        """Makes the table as tall as its rows and the fitted columns as wide as their longest text."""
        head = self.horizontalHeader()
        for column in FITTED:
            head.resizeSection(column, max(self.sizeHintForColumn(column), head.sectionSizeHint(column)))
        self.setFixedHeight(self.sizeHint().height())
        self._choose_columns()

    @Slot()
    def _on_data(self) -> None:
        head = self.horizontalHeader()
        wanted = self.sizeHintForColumn(VERDICT)
        if wanted > head.sectionSize(VERDICT):
            head.resizeSection(VERDICT, wanted)
            self._choose_columns()

    def _choose_columns(self) -> None:
        """Shows as many columns of contexts as there is room for: fp16, then 4 bits, then 8 bits."""
        head = self.horizontalHeader()
        if self.isColumnHidden(SIZE):
            self.setColumnHidden(SIZE, False)
        room = (self.width() - sum(head.sectionSize(each) for each in FITTED)) // CONTEXT_PX
        self.setColumnHidden(SIZE, room < 1)  # which the line beside the button says too
        self.setColumnHidden(FIRST_CONTEXT + 2, room < 2)
        self.setColumnHidden(FIRST_CONTEXT + 1, room < 3)

    @Slot(QModelIndex, QModelIndex)
    def _on_row(self, current: QModelIndex, _before: QModelIndex) -> None:
        judged = self._table.offer_at(current)
        if judged is not None and not self.signalsBlocked():
            self.chosen.emit(judged.offer.branch)
