"""Code on its own ground: language left, Copy right, long lines scroll sideways, colours come from the workshop.

While the code grows its colours are brought up to date now and then, as often as a twentieth of a core allows; the
finished code is coloured as a whole. Knows nothing of Markdown.
"""

from __future__ import annotations

import time
from functools import partial

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QGuiApplication,
    QSyntaxHighlighter,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QWheelEvent,
)
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPlainTextEdit, QVBoxLayout, QWidget

from app.markdown.highlight import Span, SpanKind, highlight, span_colours
from app.markdown.text_style import CURSOR_TEXT
from app.markdown.workshop import Workshop
from app.theme.theme import Theme
from app.theme.tokens import SPACE_4, SPACE_8, SPACE_12
from app.views.widgets import IconButton

COPIED_MS = 1500
PAUSE_FACTOR = 20
MIN_PAUSE_MS = 150
SLICE_S = 0.002
_NO_LANGUAGE = ("", "text", "txt", "plain", "plaintext", "none")


class _Colours(QSyntaxHighlighter):
    """Puts spans that were found elsewhere on the lines of a document, some at a time."""

    def __init__(self, theme: Theme, document: QTextDocument) -> None:
        super().__init__(document)
        self._lines: list[tuple[Span, ...]] = []
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

    def show_lines(self, lines: list[tuple[Span, ...]]) -> None:
        """Takes new spans and colours the lines whose spans are different."""
        old, self._lines = self._lines, lines
        self._todo = [i for i, spans in enumerate(lines) if i >= len(old) or spans != old[i]][::-1]
        self._timer.start()
        self.go_on()

    @Slot()
    def go_on(self) -> None:
        """Colours lines for a moment; the rest waits for the next turn."""
        end_s = time.thread_time() + SLICE_S
        while self._todo and time.thread_time() < end_s:
            block = self.document().findBlockByNumber(self._todo.pop())
            if block.isValid():
                self.rehighlightBlock(block)
        if not self._todo:
            self._timer.stop()

    def highlightBlock(self, _text: str) -> None:
        number = self.currentBlock().blockNumber()
        for start, length, kind in self._lines[number] if number < len(self._lines) else ():
            self.setFormat(start, length, self._formats[kind])


class CodeText(QPlainTextEdit):
    """Code as tall as its lines."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "bare")
        self.setReadOnly(True)
        self.setUndoRedoEnabled(False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
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

    @Slot()
    def fit(self) -> None:
        """Takes the height of the lines."""
        line = QFontMetricsF(self.font()).lineSpacing()
        bar = self.horizontalScrollBar()
        extra = bar.sizeHint().height() if bar.maximum() > 0 else 0
        height = int(line * self.blockCount() + 0.999) + extra + 2
        if height != self.height():
            self.setFixedHeight(height)

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
        self._workshop = workshop
        self._shown = ""
        self._code = ""
        self._coloured: tuple[str, str] | None = None
        self._growing = False
        self._language_name = ""
        self._language = QLabel()
        self._language.setTextFormat(Qt.TextFormat.PlainText)
        self._language.setProperty("kind", "muted")
        self._language.setFont(theme.font("small"))
        self.copy_button = IconButton(theme, "copy", self.tr("Copy code"), small=True)
        self.copy_button.clicked.connect(self._copy_code)
        self.text = CodeText()
        self.text.setFont(theme.font("message_code"))
        self._colours = _Colours(theme, self.text.document())
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
        shown = code + (CURSOR_TEXT if growing else "")
        if shown != self._shown:
            self._write(shown)
            self.text.fit()
        if not self._later.isActive():
            self._later.start(MIN_PAUSE_MS if growing else 0)
        elif not growing:
            self._later.start(0)

    def _write(self, shown: str) -> None:
        kept = len(self._shown) - 1 if self._shown.endswith(CURSOR_TEXT) else len(self._shown)
        if self._shown and shown.startswith(self._shown[:kept]):
            cursor = self.text.textCursor()
            cursor.movePosition(QTextCursor.MoveOperation.End)
            cursor.beginEditBlock()
            if kept < len(self._shown):
                cursor.deletePreviousChar()
            cursor.insertText(shown[kept:])
            cursor.endEditBlock()
        else:
            self.text.setPlainText(shown)
        self._shown = shown

    @Slot()
    def _colour(self) -> None:
        wanted = (self._code, self._language_name)
        if self._coloured == wanted or self._language_name.lower() in _NO_LANGUAGE:
            return
        self._coloured = wanted
        self._workshop.run(partial(_timed_highlight, *wanted), self._on_colours)

    def _on_colours(self, result: tuple[list[tuple[Span, ...]], float]) -> None:
        lines, took_s = result
        self._colours.show_lines(lines)
        if self._coloured != (self._code, self._language_name) and not self._later.isActive():
            pause_ms = max(MIN_PAUSE_MS, round(1000 * PAUSE_FACTOR * took_s)) if self._growing else 0
            self._later.start(pause_ms)

    @Slot()
    def _copy_code(self) -> None:
        QGuiApplication.clipboard().setText(self._code)
        self.copy_button.flash("check", COPIED_MS)


def _timed_highlight(code: str, language: str) -> tuple[list[tuple[Span, ...]], float]:
    start_s = time.thread_time()
    return highlight(code, language), time.thread_time() - start_s
