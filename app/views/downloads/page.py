"""The downloads page: every download as a card, or what to do when there is none. Knows nothing of the queue."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QModelIndex, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.figures import file_amount
from app.item_models.downloads import DownloadListModel, DownloadRow
from app.theme.theme import Theme
from app.theme.tokens import SPACE_8, SPACE_12
from app.views.confirm import ConfirmDialog
from app.views.downloads.row import RUNNING, DownloadCard
from app.views.flow import FlowLayout
from app.views.page_column import ColumnPage
from app.views.slices import Slices
from app.views.widgets import empty_state, label, push_button


class DownloadsPage(ColumnPage):
    """Signals:
    pause_requested, resume_requested, cancel_requested, remove_requested: with the id of a download.
    move_requested: an id, and -1 up or 1 down.
    load_requested: the folder of a model that is there now.
    token_requested: go to where a token is entered.
    page_requested: the repository whose page on the hub is wanted.
    pause_all_requested, resume_all_requested, clear_requested: the buttons above the list.
    find_requested: go to where models are found.
    online_requested: take the offline switch back.
    """

    pause_requested = Signal(str)
    resume_requested = Signal(str)
    cancel_requested = Signal(str)
    remove_requested = Signal(str)
    move_requested = Signal(str, int)
    load_requested = Signal(object)
    page_requested = Signal(object)
    token_requested = Signal()
    pause_all_requested = Signal()
    resume_all_requested = Signal()
    clear_requested = Signal()
    find_requested = Signal()
    online_requested = Signal()

    def __init__(self, theme: Theme, model: DownloadListModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._model = model
        self.cards: dict[str, DownloadCard] = {}
        self._slices = Slices(self)
        self.pause_all_button = push_button(self.tr("Pause all"), self.pause_all_requested.emit)
        self.resume_all_button = push_button(self.tr("Resume all"), self.resume_all_requested.emit)
        self.clear_button = push_button(self.tr("Clear finished"), self.clear_requested.emit)
        self.find_button = push_button(self.tr("Find a model"), self.find_requested.emit, "primary")
        self.offline_row = self._offline_row()
        nothing = self.tr(
            "Nothing is being downloaded. Models that you choose come here. They go on after a lost connection or a "
            "restart, and are checked before they can be used."
        )
        self.empty = empty_state(theme, nothing, self.find_button)
        self._cards = QVBoxLayout()
        self._cards.setSpacing(SPACE_12)
        self.column.addLayout(self._head())
        self.column.addWidget(self.offline_row)
        self.column.addWidget(self.empty)
        self.column.addLayout(self._cards)
        self.column.addStretch(1)
        model.modelReset.connect(self._rebuild)
        model.dataChanged.connect(self._refresh)
        self._rebuild()

    def show_offline(self, offline: bool) -> None:
        """Says that nothing can come while the offline switch is on."""
        self.offline_row.setVisible(offline)

    @Slot()
    def _rebuild(self) -> None:
        rows = self._model.rows
        gone = self.cards.keys() - {row.download_id for row in rows}
        for download_id in gone:
            card = self.cards.pop(download_id)
            self._cards.removeWidget(card)
            card.hide()
            card.deleteLater()
        self._slices.start(partial(self._place, number, row.download_id) for number, row in enumerate(rows))
        self._show_head()

    def _place(self, number: int, download_id: str) -> None:
        """Shows one download at its place in the list."""
        card = self.cards.get(download_id) or self._card(download_id)
        self.cards[download_id] = card
        if self._cards.indexOf(card) != number:
            self._cards.removeWidget(card)
            self._cards.insertWidget(number, card)
        card.show_row(self._row(download_id))
        card.show_place(number == 0, number == len(self._model.rows) - 1)

    @Slot(QModelIndex, QModelIndex)
    def _refresh(self, first: QModelIndex, last: QModelIndex) -> None:
        for row in self._model.rows[first.row() : last.row() + 1]:
            if row.download_id in self.cards:  # else its card is still to be made
                self.cards[row.download_id].show_row(row)
        self._show_head()

    def _show_head(self) -> None:
        phases = [row.progress.phase for row in self._model.rows]
        self.empty.setVisible(not phases)
        self.pause_all_button.setVisible(sum(phase in RUNNING for phase in phases) > 1)
        self.resume_all_button.setVisible(phases.count("paused") > 1)
        self.clear_button.setVisible("done" in phases)

    def _card(self, download_id: str) -> DownloadCard:
        card = DownloadCard(self._theme)
        card.paused.connect(lambda: self.pause_requested.emit(download_id))
        card.resumed.connect(lambda: self.resume_requested.emit(download_id))
        card.removed.connect(lambda: self.remove_requested.emit(download_id))
        card.moved.connect(lambda steps: self.move_requested.emit(download_id, steps))
        card.cancelled.connect(lambda: self._ask_cancel(self._row(download_id)))
        card.loaded.connect(lambda: self.load_requested.emit(self._row(download_id).plan.folder))
        card.token_wanted.connect(self.token_requested)
        card.page_opened.connect(lambda: self.page_requested.emit(self._row(download_id).plan.repo))
        return card

    def _row(self, download_id: str) -> DownloadRow:
        return next(row for row in self._model.rows if row.download_id == download_id)

    def _ask_cancel(self, row: DownloadRow) -> None:
        words = self.tr("{0} of {1} have come. They are deleted from {2}. To keep them for later, pause instead.")
        done, total = file_amount(row.progress.done_bytes), file_amount(row.plan.total_bytes)
        ConfirmDialog(
            self._theme, self.tr("Cancel the download of {0}?").format(row.plan.name),
            words.format(done, total, row.plan.folder), self.tr("Cancel and delete"),
            lambda: self.cancel_requested.emit(row.download_id), self,
        ).open()  # fmt: skip

    def _head(self) -> FlowLayout:
        head = FlowLayout(gap=SPACE_12)
        head.addWidget(label(self._theme, self.tr("Downloads"), font="title"))
        for button in (self.pause_all_button, self.resume_all_button, self.clear_button):
            head.addWidget(button)
            button.hide()
        return head

    def _offline_row(self) -> QWidget:
        made = QWidget()
        row = QHBoxLayout(made)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(SPACE_8)
        words = self.tr("Offline: nothing is downloaded. The models on this computer still work.")
        self.online_button = push_button(self.tr("Go online"), self.online_requested.emit)
        row.addWidget(label(self._theme, words, wrap=True), 1)
        row.addWidget(self.online_button)
        made.hide()
        return made
