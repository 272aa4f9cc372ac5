"""Search in the open chat: the bar asks, the transcript goes there, the places found are marked in the messages."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtCore import QObject, QPoint, Slot
from PySide6.QtGui import QColor, QTextCursor
from PySide6.QtWidgets import QWidget

from app.markdown.text_block import mark_found
from app.markdown.text_style import text_style
from app.storage.records import StoredMessage
from app.storage.turns import words_of
from app.theme.theme import Theme
from app.views.chat.chat_search import ChatSearch, places_in
from app.views.chat.find_bar import FindBar
from app.views.chat.message_widget import MessageWidget


class Searched(Protocol):
    """What is searched: a transcript."""

    find_bar: FindBar

    @property
    def messages(self) -> list[StoredMessage]: ...

    @property
    def last_on_view(self) -> int: ...

    def widget(self) -> QWidget | None: ...

    def widget_of(self, message_id: int) -> MessageWidget | None: ...

    def text_of(self, number: int) -> str: ...

    def reveal(self, number: int, focus: bool = False, show_top: bool = True) -> MessageWidget: ...

    def bring_into_view(self, y: int) -> None: ...


class TranscriptSearch(QObject):
    """Connects a find bar with the messages."""

    def __init__(self, transcript: Searched, theme: Theme) -> None:
        super().__init__(transcript.find_bar)
        self._transcript = transcript
        self._theme = theme
        self._search = ChatSearch()
        bar = transcript.find_bar
        bar.query_changed.connect(self._find)
        bar.step_requested.connect(self._step)
        bar.closed.connect(self._end)

    def mark_new(self) -> None:
        """Marks the places in messages that have come on view since."""
        if self._search.query:
            self._mark(go_there=False)

    @Slot(str)
    def _find(self, query: str) -> None:
        transcript = self._transcript
        texts = [(words_of(transcript.text_of(i)), each.role != "user") for i, each in enumerate(transcript.messages)]
        self._search.search(query, texts, transcript.last_on_view)
        self._show()

    @Slot(int)
    def _step(self, step: int) -> None:
        self._search.step(step)
        self._show()

    @Slot()
    def _end(self) -> None:
        self._search.search("", (), 0)
        self._mark(go_there=False)

    def _show(self) -> None:
        place = self._search.place
        self._transcript.find_bar.show_count(self._search.current + 1, len(self._search.places))
        if place is not None:
            self._transcript.reveal(place.message, show_top=False)
        self._mark(go_there=True)

    def _mark(self, go_there: bool) -> None:
        current = self._search.place
        ground = text_style(self._theme).found
        for number, message in enumerate(self._transcript.messages):
            widget = self._transcript.widget_of(message.id)
            if widget is not None:
                nth = current.nth if current is not None and current.message == number else -1
                y = self._mark_in(widget, nth, ground)
                if go_there and y is not None:
                    self._transcript.bring_into_view(y)

    def _mark_in(self, widget: MessageWidget, nth: int, ground: QColor) -> int | None:
        """Marks the places in a message; returns the height of the current one in the column."""
        found: int | None = None
        shown = [(each, places_in(each.document().toPlainText(), self._search.query)) for each in widget.text_widgets()]
        nth = min(nth, sum(len(places) for _, places in shown) - 1)
        for each, places in shown:
            here = nth if 0 <= nth < len(places) else -1
            mark_found(each, places, here, ground)
            column = self._transcript.widget()
            if here >= 0 and column is not None:
                cursor = QTextCursor(each.document())
                cursor.setPosition(places[here][0])
                spot: QPoint = each.cursorRect(cursor).center()
                found = each.viewport().mapTo(column, spot).y()
            nth -= len(places)
        return found
