"""The list of models with what stands in its place: searching, nothing found, an error. Knows nothing of searches."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import (
    QCoreApplication,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QSignalBlocker,
    QSize,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QColor, QFontMetrics, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStackedWidget,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from app.controllers.browser_state import Phase, Results
from app.item_models.hub_models import ROW_ROLE, HubModelList, HubRow
from app.theme.theme import FontKind, Theme
from app.theme.tokens import RADIUS_FIELD, SPACE_4, SPACE_8, SPACE_12, mix
from app.views.chat.error_card import ErrorCard
from app.views.widgets import clear_layout, label, push_button
from engine.errors import EngineError
from engine.hub.types import RepoId

Index = QModelIndex | QPersistentModelIndex
ROW_PX, LINE_PX = 68, 19


class _RowDelegate(QStyledItemDelegate):
    """Paints a model in three lines: its name, what the list says, how it fits."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        return QSize(100, ROW_PX)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row: HubRow = index.data(ROW_ROLE)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRect(option.rect).adjusted(0, 1, 0, -1)
        self._paint_ground(painter, option, area)
        room = area.adjusted(SPACE_8, SPACE_4, -SPACE_8, 0)
        room.setHeight(LINE_PX)
        lines: tuple[tuple[str, FontKind, str], ...] = (
            (row.title, "body", "text"), (row.line, "small", "muted"), (row.note, "small", row.note_role)
        )  # fmt: skip
        for text, font_kind, role in lines:
            font = self._theme.font(font_kind)
            painter.setFont(font)
            painter.setPen(self._theme.colour(role))
            shown = QFontMetrics(font).elidedText(text, Qt.TextElideMode.ElideRight, room.width())
            painter.drawText(room, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), shown)
            room.translate(0, LINE_PX)
        painter.restore()

    def _paint_ground(self, painter: QPainter, option: QStyleOptionViewItem, area: QRect) -> None:
        state, colours = option.state, self._theme.colours
        selected = bool(state & QStyle.StateFlag.State_Selected)
        if selected or state & QStyle.StateFlag.State_MouseOver:
            tint, share = (colours.accent, 0.16) if selected else (colours.text, 0.06)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(mix(colours.surface, tint, share)))
            painter.drawRoundedRect(area, RADIUS_FIELD, RADIUS_FIELD)
        if state & QStyle.StateFlag.State_HasFocus and state & QStyle.StateFlag.State_KeyboardFocusChange:
            painter.setPen(self._theme.colour("accent"))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(area.adjusted(0, 0, -1, -1), RADIUS_FIELD, RADIUS_FIELD)


class ResultList(QWidget):
    """Signals:
    opened: the `RepoId` of a row that was clicked or entered.
    walked_to: the `RepoId` of a row that the keyboard went to.
    popular_requested: list what the hub has, by downloads.
    starters_requested: go back to the list that comes with the program.
    retry_requested: search again.
    filters_cleared: show what the filters hide.
    """

    opened = Signal(object)
    walked_to = Signal(object)
    popular_requested = Signal()
    starters_requested = Signal()
    retry_requested = Signal()
    filters_cleared = Signal()

    def __init__(self, theme: Theme, model: HubModelList, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._model = model
        self._results = Results()
        self.caption = label(theme, font="small", kind="muted", wrap=True)
        self.popular = push_button(self.tr("Show the most downloaded"), self.popular_requested.emit)
        self.popular.setToolTip(self.tr("Asks the hub for the EXL3 models that are downloaded most."))
        self.view = QListView()
        self.view.setModel(model)
        self.view.setItemDelegate(_RowDelegate(theme, self.view))
        self.view.setMouseTracking(True)
        self.view.setUniformItemSizes(True)
        self.view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.setAccessibleName(self.tr("Models"))
        self.view.selectionModel().currentChanged.connect(self._on_current)
        self.view.clicked.connect(self._on_chosen)
        self.view.activated.connect(self._on_chosen)
        self._instead = QWidget()
        self._instead_column = QVBoxLayout(self._instead)
        self._instead_column.setContentsMargins(SPACE_4, SPACE_12, SPACE_4, 0)
        self._instead_column.setSpacing(SPACE_12)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.view)
        self._stack.addWidget(self._instead)
        top = QVBoxLayout()
        top.setSpacing(SPACE_8)
        top.addWidget(self.caption)
        top.addWidget(self.popular, 0, Qt.AlignmentFlag.AlignLeft)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_8)
        layout.addLayout(top)
        layout.addWidget(self._stack, 1)
        model.modelReset.connect(self._on_reset)
        theme.changed.connect(self.view.viewport().update)

    def show_results(self, results: Results, is_offline: bool) -> None:
        """Shows the state of the search around the rows, which the model has."""
        self._results = results
        is_start = results.phase is Phase.STARTERS
        self.popular.setVisible(is_start and not is_offline)
        words = self._caption(results)
        offline = self.tr("Offline: the hub is not asked. This list and the models on this computer work all the same.")
        self.caption.setText(offline if is_offline and is_start else words)
        self._on_reset()

    def mark(self, repo: RepoId | None) -> None:
        """Marks the row of the open repository, without opening it."""
        index = self._model.index_of(repo)
        if index != self.view.currentIndex():
            with QSignalBlocker(self.view.selectionModel()):
                self.view.setCurrentIndex(index)
            self.view.viewport().update()

    def words_instead(self) -> str:
        """What is said in place of the list, '' while there is one."""
        if self._stack.currentWidget() is self.view:
            return ""
        first = self._instead_column.itemAt(0)
        widget = first.widget() if first is not None else None
        return widget.accessibleName() if widget is not None else ""

    def _caption(self, results: Results) -> str:
        if results.phase is Phase.STARTERS:
            return self.tr("Models to start with. Nothing is asked of the hub until you search.")
        if results.phase is Phase.FOUND and results.models:
            hidden = self._model.num_found - self._model.rowCount()
            words = _models(self._model.num_found)
            return self.tr("{0}, {1} hidden by the filters").format(words, hidden) if hidden else words
        return ""

    @Slot()
    def _on_reset(self) -> None:
        results = self._results
        if results.phase is not Phase.STARTERS:
            self.caption.setText(self._caption(results))
        self.caption.setVisible(bool(self.caption.text()))
        if results.phase is Phase.FAILED and results.error is not None:
            self._show_error(results.error)
        elif results.phase is Phase.SEARCHING:
            self._say(self._searching(), "", None)
        elif self._model.rowCount():
            self._stack.setCurrentWidget(self.view)
        elif self._model.num_found:
            words = self.tr("{0} models were found, and the filters hide all of them.").format(self._model.num_found)
            self._say(words, self.tr("Clear the filters"), self.filters_cleared.emit)
        elif results.phase is Phase.FOUND:
            self._say(self._nothing_found(), self.tr("Show models to start with"), self.starters_requested.emit)
        else:
            self._say(self.tr("Reading the list…"), "", None)

    def _searching(self) -> str:
        text = self._results.wish.text
        return self.tr("Searching for “{0}”…").format(text) if text else self.tr("Asking the hub…")

    def _nothing_found(self) -> str:
        wish = self._results.wish
        if wish.author:
            return self.tr("{0} has no EXL3 model with “{1}” in its name.").format(wish.author, wish.text)
        return self.tr(
            "No EXL3 model with “{0}” in its name was found. Fewer words find more: “qwen3”, for instance."
        ).format(wish.text)

    def _show_error(self, error: EngineError) -> None:
        card = ErrorCard(self._theme, error.message, error.way_out)
        card.retry_requested.connect(self.retry_requested)
        self._put(card, self.tr("Show models to start with"), self.starters_requested.emit)

    def _say(self, words: str, button: str, action: Callable[[], object] | None) -> None:
        said = label(self._theme, words, kind="muted", wrap=True)
        said.setAccessibleName(words)
        self._put(said, button, action)

    def _put(self, widget: QWidget, button: str, action: Callable[[], object] | None) -> None:
        clear_layout(self._instead_column)
        self._instead_column.addWidget(widget)
        if action is not None:
            self._instead_column.addWidget(push_button(button, action), 0, Qt.AlignmentFlag.AlignLeft)
        self._instead_column.addStretch(1)
        self._stack.setCurrentWidget(self._instead)

    @Slot(QModelIndex, QModelIndex)
    def _on_current(self, current: QModelIndex, _before: QModelIndex) -> None:
        row = self._model.row_at(current)
        if row is not None:
            self.walked_to.emit(row.repo)

    @Slot(QModelIndex)
    def _on_chosen(self, index: QModelIndex) -> None:
        row = self._model.row_at(index)
        if row is not None:
            self.opened.emit(row.repo)


def _models(count: int) -> str:
    return _tr("1 model") if count == 1 else _tr("{0} models").format(count)


def _tr(text: str) -> str:
    return QCoreApplication.translate("ResultList", text)
