"""Code on its own ground: language left, Copy right, long lines scroll sideways, colours come from the workshop.

While the code grows its colours are brought up to date now and then, as often as a twentieth of a core allows; the
finished code is coloured as a whole. Knows nothing of Markdown.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from PySide6.QtCore import QMimeData, QObject, QSize, Qt, QTimer, Slot
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QGuiApplication,
    QResizeEvent,
    QTextCharFormat,
    QTextCursor,
    QTextLayout,
    QWheelEvent,
)
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QTextEdit, QVBoxLayout, QWidget

from app.markdown.highlight import Span, SpanKind, highlight, span_colours
from app.markdown.text_style import CURSOR_TEXT
from app.markdown.workshop import Workshop
from app.theme.theme import Theme
from app.theme.tokens import RADIUS_CARD, SPACE_4, SPACE_8, SPACE_12
from app.views.widgets import IconButton

COPIED_MS = 1500
PAUSE_FACTOR = 20
MIN_PAUSE_MS = 150
SLICE_S = 0.001
RUN_LINES = 16  # coloured together
ROW_CHARS = 1000  # a longer line goes on in further rows: each new word would have all of it laid out again
_GOES_ON = 1  # state of a row that belongs to the line before
_NO_LANGUAGE = ("", "text", "txt", "plain", "plaintext", "none")


@dataclass(frozen=True)
class _Coloured:
    """The spans of each line, the lines whose spans are other ones than before, and the time that it took."""

    lines: list[tuple[Span, ...]]
    changed: list[int]
    took_s: float


class _Colours(QObject):
    """Puts spans that were found elsewhere on the lines of a document, some at a time.

    They are formats of the lines' layouts and no part of the document, which stays what is copied and searched.
    """

    def __init__(self, theme: Theme, text: CodeText) -> None:
        super().__init__(text)
        self._text = text
        self._document = text.document()
        self.lines: list[tuple[Span, ...]] = []
        self._todo: list[int] = []
        self._formats: dict[SpanKind, QTextCharFormat] = {}
        for kind, colour in span_colours(theme).items():
            form = QTextCharFormat()
            form.setForeground(QColor(colour))
            form.setFontItalic(kind == "comment")
            if kind == "name":
                form.setFontWeight(QFont.Weight.DemiBold)
            self._formats[kind] = form
        self._timer = QTimer(self, interval=0)
        self._timer.timeout.connect(self.go_on)

    def show_lines(self, coloured: _Coloured) -> None:
        """Takes new spans and colours the lines whose spans are different."""
        self.lines = coloured.lines
        self._todo = sorted({*self._todo, *coloured.changed}, reverse=True)
        self._timer.start()
        self.go_on()

    @Slot()
    def go_on(self) -> None:
        """Colours lines for a moment; the rest waits for the next turn."""
        end_s = time.thread_time() + SLICE_S
        while self._todo and time.thread_time() < end_s:
            self._colour_run()
        if not self._todo:
            self._timer.stop()

    def _colour_run(self) -> None:
        """Colours some lines that follow each other: the document lays out what is after them once for all."""
        first = self._document.findBlockByNumber(self._text.row_of(self._todo[-1]))
        end, block = first.position(), first
        for _ in range(RUN_LINES):
            number = self._todo.pop()
            if block.isValid():
                block.layout().setFormats(self._ranges(number, block.length()))
                end = block.position() + block.length()
            block = block.next()
            if not self._todo or self._todo[-1] != number + 1 or block.userState() == _GOES_ON:
                break
        self._document.markContentsDirty(first.position(), end - first.position())

    def _ranges(self, number: int, length: int) -> list[QTextLayout.FormatRange]:
        """The formats of a line's first row; further ones stay plain, or a long line would be coloured all day."""
        made = []
        for start, count, kind in self.lines[number] if number < len(self.lines) else ():
            if start >= length:
                break
            each = QTextLayout.FormatRange()
            each.start, each.length, each.format = start, min(count, length - start), self._formats[kind]
            made.append(each)
        return made


class CodeText(QTextEdit):
    """Code as tall as its lines.

    No `QPlainTextEdit`: that one goes through all of its lines for each paint and each change of its height.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._height = 0
        self._code = ""
        self._is_marked = False
        self._column = 0  # characters in the last row
        self._lines = 0  # line ends before it
        self._split: list[int] = []  # the line of each row that goes on with one
        self.setProperty("kind", "bare")
        self.setReadOnly(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        for each in (self, self.viewport()):  # what was there stays there when it grows
            each.setAttribute(Qt.WidgetAttribute.WA_StaticContents)
        self.setUndoRedoEnabled(False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setLineWrapMode(QTextEdit.LineWrapMode.NoWrap)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setAcceptDrops(False)
        self.document().setDocumentMargin(0)
        self.viewport().setAutoFillBackground(False)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.setAccessibleName(self.tr("Code"))
        self.horizontalScrollBar().rangeChanged.connect(self.fit)

    def show_code(self, code: str, marked: bool) -> None:
        """Shows code; when it only grew, only the new part is written. `marked` puts the mark at its end."""
        cursor = QTextCursor(self.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.beginEditBlock()
        if self._is_marked:
            cursor.deletePreviousChar()
        if not code.startswith(self._code):
            cursor.select(QTextCursor.SelectionType.Document)
            cursor.removeSelectedText()
            self._code, self._column, self._lines, self._split = "", 0, 0, []
        self._append(cursor, code[len(self._code) :])
        if marked:
            cursor.insertText(CURSOR_TEXT)
        cursor.endEditBlock()
        self._code, self._is_marked = code, marked

    def _append(self, cursor: QTextCursor, text: str) -> None:
        """Writes text at the end; a line that is too long goes on in rows that are marked as such."""
        written = at = 0
        for number, line in enumerate(text.split("\n")):
            if number:
                at, self._lines, self._column = at + 1, self._lines + 1, 0
            end = at + len(line)
            while end - at > ROW_CHARS - self._column:
                at += ROW_CHARS - self._column
                cursor.insertText(text[written:at])
                cursor.insertBlock()
                cursor.block().setUserState(_GOES_ON)
                self._split.append(self._lines)
                written, self._column = at, 0
            at, self._column = end, self._column + end - at
        cursor.insertText(text[written:])

    def row_of(self, line: int) -> int:
        """The number of the row in which a line begins."""
        return line + bisect_left(self._split, line)

    @Slot()
    def fit(self) -> None:
        """Asks for the height of the lines."""
        line = QFontMetricsF(self.font()).lineSpacing()
        bar = self.horizontalScrollBar()
        extra = bar.sizeHint().height() if bar.maximum() > 0 else 0
        height = int(line * self.document().blockCount() + 0.999) + extra + 2
        if height != self._height:
            self._height = height
            self.updateGeometry()

    def sizeHint(self) -> QSize:
        return QSize(super().sizeHint().width(), self._height)

    def minimumSizeHint(self) -> QSize:
        return QSize(super().minimumSizeHint().width(), self._height)

    def createMimeDataFromSelection(self) -> QMimeData:
        """Code is copied as it is, without fonts and colours."""
        data = QMimeData()
        cursor = self.textCursor()
        start, end = cursor.selectionStart(), cursor.selectionEnd()
        text, block = cursor.selection().toPlainText(), self.document().findBlock(start).next()
        joins = []
        while self._split and block.isValid() and block.position() <= end:
            if block.userState() == _GOES_ON:
                joins.append(block.position() - 1 - start)
            block = block.next()
        edges = [-1, *joins, len(text)]
        data.setText("".join(text[a + 1 : b] for a, b in pairwise(edges)))
        return data

    def wheelEvent(self, event: QWheelEvent) -> None:
        sideways = abs(event.angleDelta().x()) > abs(event.angleDelta().y())
        if sideways or event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            super().wheelEvent(event)
        else:
            event.ignore()


class CodeBlock(QFrame):
    """A block of code, whole or still growing."""

    def __init__(self, theme: Theme, workshop: Workshop, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "code")
        self.setAttribute(Qt.WidgetAttribute.WA_StaticContents)
        self._workshop = workshop
        self._shown = ("", False)
        self._code = ""
        self._coloured: tuple[str, str] | None = None
        self._asked = False  # colours are on their way
        self._growing = False
        self._language_name = ""
        self._language = QLabel(self)
        self._language.setTextFormat(Qt.TextFormat.PlainText)
        self._language.setProperty("kind", "muted")
        self._language.setFont(theme.font("small"))
        self.copy_button = IconButton(theme, "copy", self.tr("Copy code"), small=True, parent=self)
        self.copy_button.clicked.connect(self._copy_code)
        self.text = CodeText(self)
        self.text.setFont(theme.font("message_code"))
        self._colours = _Colours(theme, self.text)
        self._later = QTimer(self, singleShot=True, interval=MIN_PAUSE_MS)
        self._later.timeout.connect(self._colour)
        head = QHBoxLayout()
        head.addWidget(self._language)
        head.addStretch(1)
        head.addWidget(self.copy_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_12, SPACE_4, SPACE_4, SPACE_8)
        layout.setSpacing(SPACE_4)
        layout.addLayout(head)
        layout.addWidget(self.text)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Has the edge painted that is none any more; the rest stays as it is."""
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.update()
        else:
            edge = RADIUS_CARD + 1
            self.update(0, min(event.size().height(), event.oldSize().height()) - edge, self.width(), edge)

    @property
    def code(self) -> str:
        return self._code

    @property
    def language(self) -> str:
        return self._language_name

    def set_code(self, code: str, language: str, growing: bool = False) -> None:
        """Shows code; when it only grew, only the new part is written."""
        if language != self._language_name or not self._language.text():
            self._language_name = language
            self._language.setText(language or self.tr("text"))
            self.text.setAccessibleName(self.tr("Code, {0}").format(language) if language else self.tr("Code"))
        self._code, self._growing = code, growing
        if (code, growing) != self._shown:
            self._shown = code, growing
            self.text.show_code(code, growing)
            self.text.fit()
        if not growing:
            self._later.start(0)
        elif not self._later.isActive() and not self._asked:
            self._later.start(MIN_PAUSE_MS)

    @Slot()
    def _colour(self) -> None:
        wanted = (self._code, self._language_name)
        if self._asked or self._coloured == wanted or self._language_name.lower() in _NO_LANGUAGE:
            return
        self._coloured, self._asked = wanted, True
        self._workshop.run(partial(_colour, *wanted, self._colours.lines), self._on_colours)

    def _on_colours(self, coloured: _Coloured) -> None:
        self._asked = False
        self._colours.show_lines(coloured)
        if self._coloured != (self._code, self._language_name) and not self._later.isActive():
            pause_ms = max(MIN_PAUSE_MS, round(1000 * PAUSE_FACTOR * coloured.took_s)) if self._growing else 0
            self._later.start(pause_ms)

    @Slot()
    def _copy_code(self) -> None:
        QGuiApplication.clipboard().setText(self._code)
        self.copy_button.flash("check", COPIED_MS)


def _colour(code: str, language: str, before: Sequence[tuple[Span, ...]]) -> _Coloured:
    """Finds the spans of a code and where they are other ones than before; in the workshop's thread."""
    start_s = time.thread_time()
    lines = highlight(code, language)
    changed = [i for i, spans in enumerate(lines) if i >= len(before) or spans != before[i]]
    changed += range(len(lines), len(before))
    return _Coloured(lines, changed, time.thread_time() - start_s)
