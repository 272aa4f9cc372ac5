"""A message's text as a stack of widgets: closed blocks are written once, only the tail is written again.

Knows nothing of conversations or of scrolling. Text blocks that follow each other share one document, so that a
selection runs across paragraphs.
"""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, QUrl, Signal, Slot
from PySide6.QtGui import (
    QDesktopServices,
    QFontMetricsF,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QResizeEvent,
    QTextCursor,
    QTextOption,
    QWheelEvent,
)
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QPlainTextEdit,
    QSizePolicy,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from app.markdown.splitter import Block, BlockSplitter
from app.markdown.writer import CURSOR_TEXT, PARAGRAPH_SPACE, MarkdownWriter, text_style
from app.theme.theme import Theme
from app.theme.tokens import SPACE_4, SPACE_8, SPACE_12
from app.views.widgets import IconButton

OPENABLE_SCHEMES = ("http", "https", "mailto")
COPIED_MS = 1500


class TextBlock(QTextBrowser):
    """Rich text that is as tall as its content. It never loads anything and never scrolls."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setOpenLinks(False)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setAcceptDrops(False)
        self.viewport().setAutoFillBackground(False)
        self.setUndoRedoEnabled(False)
        self.document().setDocumentMargin(0)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setAccessibleName(self.tr("Message text"))
        self.anchorClicked.connect(self._open_link)

    def add_markdown(self, source: str, streaming: bool = False) -> None:
        """Writes Markdown at the end."""
        writer = self._writer()
        writer.write(source)
        if streaming:
            writer.write_cursor()
        self._fit()

    def replace_markdown(self, source: str, streaming: bool) -> None:
        """Writes Markdown in place of the text."""
        self.document().clear()
        self.add_markdown(source, streaming)

    def set_plain(self, text: str) -> None:
        """Shows a text as it is."""
        self.document().clear()
        self._writer().write_plain(text)
        self._fit()

    def natural_width(self, limit: int) -> int:
        """The width in pixels that the text needs, at most `limit`."""
        self.document().setTextWidth(limit)
        return min(limit, int(self.document().idealWidth()) + 2)

    def loadResource(self, kind: int, name: QUrl | str) -> None:
        """Nothing is ever loaded for a message, from the network or from disk."""

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._fit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()  # the transcript scrolls, not its parts

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy) or event.matches(QKeySequence.StandardKey.SelectAll):
            super().keyPressEvent(event)
        else:
            event.ignore()

    def _writer(self) -> MarkdownWriter:
        return MarkdownWriter(QTextCursor(self.document()), text_style(self._theme))

    def _fit(self) -> None:
        self.document().setTextWidth(self.viewport().width())
        height = int(self.document().size().height() + 0.999)
        if height != self.height():
            self.setFixedHeight(height)

    @Slot(QUrl)
    def _open_link(self, url: QUrl) -> None:
        if url.scheme() not in OPENABLE_SCHEMES:
            return
        question = QMessageBox(self.window())
        question.setWindowTitle(self.tr("Open a link"))
        question.setText(self.tr("Open this address in your browser?"))
        question.setInformativeText(url.toDisplayString())
        question.setTextFormat(Qt.TextFormat.PlainText)
        opening = question.addButton(self.tr("Open"), QMessageBox.ButtonRole.AcceptRole)
        question.addButton(QMessageBox.StandardButton.Cancel)
        question.exec()
        if question.clickedButton() is opening:
            QDesktopServices.openUrl(url)


class _CodeText(QPlainTextEdit):
    """Code as tall as its lines; long lines scroll sideways."""

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
        self.setFixedHeight(int(line * self.blockCount() + 0.999) + extra + 2)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if abs(event.angleDelta().x()) > abs(event.angleDelta().y()):
            super().wheelEvent(event)
        else:
            event.ignore()


class CodeBlock(QFrame):
    """Code on its own ground: language left, Copy right."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "code")
        self._shown = ""
        self._code = ""
        self._language = QLabel()
        self._language.setProperty("kind", "muted")
        self._language.setFont(theme.font("small"))
        self._copy = IconButton(theme, "copy", self.tr("Copy code"), small=True)
        self._copy.clicked.connect(self._copy_code)
        self._text = _CodeText()
        self._text.setFont(theme.font("message_code"))
        head = QHBoxLayout()
        head.addWidget(self._language)
        head.addStretch(1)
        head.addWidget(self._copy)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_12, SPACE_4, SPACE_4, SPACE_8)
        layout.setSpacing(SPACE_4)
        layout.addLayout(head)
        layout.addWidget(self._text)

    @property
    def code(self) -> str:
        return self._code

    def set_code(self, code: str, language: str, streaming: bool) -> None:
        """Shows code; when it only grew, only the new part is written."""
        self._code = code
        self._language.setText(language or self.tr("text"))
        shown = code + (CURSOR_TEXT if streaming else "")
        kept = len(self._shown) - 1 if self._shown.endswith(CURSOR_TEXT) else len(self._shown)
        if self._shown and code.startswith(self._shown[:kept]):
            cursor = self._text.textCursor()
            cursor.movePosition(QTextCursor.MoveOperation.End)
            if kept < len(self._shown):
                cursor.deletePreviousChar()
            cursor.insertText(shown[kept:])
        else:
            self._text.setPlainText(shown)
        self._shown = shown
        self._text.fit()

    @Slot()
    def _copy_code(self) -> None:
        QGuiApplication.clipboard().setText(self._code)
        self._copy.flash("check", COPIED_MS)


class MarkdownView(QWidget):
    """The text of a reply, whole or still arriving.

    Signals:
        grew: more text is shown.
    """

    grew = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._splitter = BlockSplitter()
        self._run: TextBlock | None = None
        self._tail_text: TextBlock | None = None
        self._tail_code: CodeBlock | None = None
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(PARAGRAPH_SPACE)

    def append(self, text: str) -> None:
        """Shows more of a reply that still arrives."""
        for block in self._splitter.feed(text):
            self._freeze(block)
        self._show_tail(self._splitter.tail())
        self.grew.emit()

    def finish(self) -> None:
        """The reply is complete: the tail becomes final."""
        closed = self._splitter.finish()
        if not any(each.kind == "text" for each in closed):
            self._drop_tail_text()
        for block in closed:
            self._freeze(block)
        self._drop_tail_text()

    def set_source(self, text: str) -> None:
        """Shows a whole text; for a fresh view."""
        for block in self._splitter.feed(text) + self._splitter.finish():
            self._freeze(block)

    def sizeHint(self) -> QSize:
        return QSize(400, super().sizeHint().height())

    def _freeze(self, block: Block) -> None:
        if block.kind == "text":
            if self._run is None:
                self._run = TextBlock(self._theme, self)
                self._insert(self._run)
            self._run.add_markdown(block.source)
            return
        code, self._tail_code = self._tail_code, None
        if code is None:
            code = CodeBlock(self._theme, self)
            self._insert(code)
        code.set_code(block.source, block.language, streaming=False)
        self._run = None

    def _show_tail(self, tail: list[Block]) -> None:
        block = tail[0] if tail else Block("text", "")
        if block.kind == "code":
            self._drop_tail_text()
            if self._tail_code is None:
                self._tail_code = CodeBlock(self._theme, self)
                self._layout.addWidget(self._tail_code)
            self._tail_code.set_code(block.source, block.language, streaming=True)
            return
        if self._tail_text is None:
            self._tail_text = TextBlock(self._theme, self)
            self._layout.addWidget(self._tail_text)
        self._tail_text.replace_markdown(block.source, streaming=True)

    def _insert(self, widget: QWidget) -> None:
        """Puts a final block before the tail."""
        last = self._tail_text or self._tail_code
        self._layout.insertWidget(self._layout.indexOf(last) if last else self._layout.count(), widget)
        widget.show()

    def _drop_tail_text(self) -> None:
        if self._tail_text is not None:
            self._layout.removeWidget(self._tail_text)
            self._tail_text.hide()
            self._tail_text.deleteLater()
            self._tail_text = None
