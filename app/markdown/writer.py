"""Writes Markdown into a `QTextDocument` through a cursor: no HTML is ever built, so none can be smuggled in.

Knows nothing of widgets or of streaming. Raw HTML in the source is shown as text; an image is shown as its description
and a link, and nothing is fetched. Fonts, colours and spacing come in a `TextStyle`.
"""

from __future__ import annotations

from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode
from PySide6.QtCore import Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextFormat,
    QTextFrameFormat,
    QTextLength,
    QTextListFormat,
    QTextTableFormat,
)

from app.theme.theme import Theme
from app.theme.tokens import LINE_HEIGHT, SPACE_4, SPACE_8, SPACE_16, mix

_PARSER = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
_HEADING_SCALES = {"h1": 1.4, "h2": 1.25, "h3": 1.12}
LINE_SEPARATOR = "\u2028"
CURSOR_TEXT = "\u258d"
PARAGRAPH_SPACE = 10


@dataclass(frozen=True)
class TextStyle:
    """What a message is written with."""

    font: QFont
    code_font: QFont
    text: QColor
    muted: QColor
    accent: QColor
    code_ground: QColor
    border: QColor

    @property
    def line_percent(self) -> float:
        """The line height as Qt counts it: in percent of the font's own line."""
        metrics = QFontMetricsF(self.font)
        size = self.font.pointSizeF() * 96 / 72
        return 100 * max(1.0, LINE_HEIGHT * size / metrics.lineSpacing())


def text_style(theme: Theme) -> TextStyle:
    """The style of messages in a theme."""
    return TextStyle(
        font=theme.font("message"),
        code_font=theme.font("message_code"),
        text=theme.colour("text"),
        muted=theme.colour("muted"),
        accent=theme.colour("accent"),
        code_ground=QColor(mix(theme.colours.background, theme.colours.text, 0.09)),
        border=theme.colour("border"),
    )


class MarkdownWriter:
    """Writes at the end of the document that `cursor` belongs to."""

    def __init__(self, cursor: QTextCursor, style: TextStyle) -> None:
        self._cursor = cursor
        self._style = style
        self._block_is_free = cursor.document().isEmpty()
        self._plain = QTextCharFormat()
        self._plain.setFont(style.font)
        self._plain.setForeground(style.text)

    def write(self, source: str) -> None:
        """Appends the blocks of a Markdown text."""
        self._cursor.beginEditBlock()
        self._cursor.movePosition(QTextCursor.MoveOperation.End)
        for node in SyntaxTreeNode(_PARSER.parse(source)).children:
            self._block(node, indent=0)
        self._cursor.endEditBlock()

    def write_plain(self, text: str) -> None:
        """Appends a text as it is, one paragraph per line."""
        self._cursor.beginEditBlock()
        self._cursor.movePosition(QTextCursor.MoveOperation.End)
        self._start_block(self._block_format(0))
        self._cursor.insertText(text.replace("\n", LINE_SEPARATOR), self._plain)
        self._cursor.endEditBlock()

    def write_cursor(self) -> None:
        """Appends the mark that shows where the reply grows."""
        mark = QTextCharFormat(self._plain)
        mark.setForeground(self._style.accent)
        if self._block_is_free:
            self._start_block(self._block_format(0))
        self._cursor.insertText(CURSOR_TEXT, mark)

    def _block(self, node: SyntaxTreeNode, indent: int, muted: bool = False) -> None:
        match node.type:
            case "paragraph":
                self._start_block(self._block_format(indent))
                self._inline(node, self._muted() if muted else self._plain)
            case "heading":
                self._heading(node, indent)
            case "bullet_list" | "ordered_list":
                self._list(node, indent, muted)
            case "blockquote":
                for child in node.children:
                    self._block(child, indent + 1, muted=True)
            case "fence" | "code_block":
                self._code(node.content.rstrip("\n"), indent)
            case "hr":
                self._rule()
            case "table":
                self._table(node)
            case _:  # an extension or raw HTML: shown as it was written
                self._start_block(self._block_format(indent))
                self._cursor.insertText(node.content or "", self._plain)

    def _start_block(self, block: QTextBlockFormat) -> None:
        if self._block_is_free:
            self._block_is_free = False
            if self._cursor.block().blockNumber() == 0:
                block.setTopMargin(0)
            self._cursor.setBlockFormat(block)
            self._cursor.setBlockCharFormat(self._plain)
        else:
            self._cursor.insertBlock(block, self._plain)

    def _block_format(self, indent: int, space: float = PARAGRAPH_SPACE) -> QTextBlockFormat:
        block = QTextBlockFormat()
        block.setLineHeight(self._style.line_percent, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
        block.setTopMargin(space)
        block.setLeftMargin(indent * SPACE_16)
        return block

    def _heading(self, node: SyntaxTreeNode, indent: int) -> None:
        self._start_block(self._block_format(indent, PARAGRAPH_SPACE + SPACE_8))
        heading = QTextCharFormat(self._plain)
        scaled = QFont(self._style.font)
        scaled.setPointSizeF(scaled.pointSizeF() * _HEADING_SCALES.get(node.tag, 1.0))
        scaled.setWeight(QFont.Weight.DemiBold)
        heading.setFont(scaled)
        self._inline(node, heading)

    def _list(self, node: SyntaxTreeNode, indent: int, muted: bool) -> None:
        form = QTextListFormat()
        if node.type == "ordered_list":
            form.setStyle(QTextListFormat.Style.ListDecimal)
            form.setStart(int(node.attrGet("start") or 1))
        else:
            nested = indent > 0
            form.setStyle(QTextListFormat.Style.ListCircle if nested else QTextListFormat.Style.ListDisc)
        form.setIndent(1)
        made = None
        for item in node.children:
            for number, child in enumerate(item.children):
                if number or child.type != "paragraph":
                    self._block(child, indent + 2, muted)
                    continue
                first = made is None
                self._start_block(self._block_format(indent, PARAGRAPH_SPACE if first and not indent else SPACE_4))
                if made is None:
                    made = self._cursor.createList(form)
                else:
                    made.add(self._cursor.block())
                block = self._cursor.blockFormat()
                block.setLeftMargin(indent * SPACE_16)
                block.setTextIndent(0 if node.type == "ordered_list" else SPACE_4)  # Qt's discs touch the text
                self._cursor.setBlockFormat(block)
                self._inline(child, self._muted() if muted else self._plain)

    def _code(self, code: str, indent: int) -> None:
        block = self._block_format(indent)
        block.setBackground(self._style.code_ground)
        self._start_block(block)
        mono = QTextCharFormat(self._plain)
        mono.setFont(self._style.code_font)
        self._cursor.insertText(code.replace("\n", LINE_SEPARATOR), mono)

    def _rule(self) -> None:
        block = self._block_format(0)
        full_width = QTextLength(QTextLength.Type.PercentageLength, 100)
        block.setProperty(QTextFormat.Property.BlockTrailingHorizontalRulerWidth, full_width)
        self._start_block(block)

    def _table(self, node: SyntaxTreeNode) -> None:
        rows = [row for part in node.children for row in part.children]
        form = QTextTableFormat()
        form.setBorder(1)
        form.setBorderCollapse(True)
        form.setBorderBrush(self._style.border)
        form.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
        form.setCellPadding(6)
        form.setCellSpacing(0)
        form.setTopMargin(0 if self._cursor.document().isEmpty() else PARAGRAPH_SPACE)
        form.setHeaderRowCount(1)
        if self._block_is_free:  # a table needs a block before it; keep that one invisible
            self._thin_block()
        table = self._cursor.insertTable(len(rows), max(len(row.children) for row in rows), form)
        for y, row in enumerate(rows):
            for x, cell in enumerate(row.children):
                self._cursor = table.cellAt(y, x).firstCursorPosition()
                form_of_cell = QTextCharFormat(self._plain)
                if cell.type == "th":
                    form_of_cell.setFontWeight(QFont.Weight.DemiBold)
                self._cursor.setBlockFormat(self._cell_format(cell))
                self._inline(cell, form_of_cell)
        self._cursor.movePosition(QTextCursor.MoveOperation.End)
        self._thin_block()
        self._block_is_free = False

    def _thin_block(self) -> None:
        thin = QTextBlockFormat()
        thin.setLineHeight(1, QTextBlockFormat.LineHeightTypes.FixedHeight.value)
        self._cursor.setBlockFormat(thin)

    def _cell_format(self, cell: SyntaxTreeNode) -> QTextBlockFormat:
        block = QTextBlockFormat()
        style = str(cell.attrGet("style") or "")
        if "right" in style:
            block.setAlignment(Qt.AlignmentFlag.AlignRight)
        elif "center" in style:
            block.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        return block

    def _muted(self) -> QTextCharFormat:
        form = QTextCharFormat(self._plain)
        form.setForeground(self._style.muted)
        return form

    def _inline(self, node: SyntaxTreeNode, form: QTextCharFormat) -> None:
        for child in node.children:
            self._span(child, form)

    def _span(self, node: SyntaxTreeNode, form: QTextCharFormat) -> None:
        inner = QTextCharFormat(form)
        match node.type:
            case "inline":
                self._inline(node, form)
            case "text" | "html_inline":
                self._cursor.insertText(node.content, form)
            case "softbreak" | "hardbreak":  # models mean the line breaks that they write
                self._cursor.insertText(LINE_SEPARATOR, form)
            case "strong":
                inner.setFontWeight(QFont.Weight.DemiBold)
                self._inline(node, inner)
            case "em":
                inner.setFontItalic(True)
                self._inline(node, inner)
            case "s":
                inner.setFontStrikeOut(True)
                self._inline(node, inner)
            case "code_inline":
                inner.setFont(self._style.code_font)
                inner.setBackground(self._style.code_ground)
                self._cursor.insertText(node.content, inner)
            case "link":
                self._link(node, str(node.attrGet("href") or ""), inner)
            case "image":
                target = str(node.attrGet("src") or "")
                self._cursor.insertText(f"[{node.content or 'image'}]", self._anchor(target, inner))
            case _:
                self._cursor.insertText(node.content or "", form)

    def _link(self, node: SyntaxTreeNode, target: str, form: QTextCharFormat) -> None:
        self._inline(node, self._anchor(target, form))

    def _anchor(self, target: str, form: QTextCharFormat) -> QTextCharFormat:
        form.setAnchor(True)
        form.setAnchorHref(target)
        form.setForeground(self._style.accent)
        form.setFontUnderline(True)
        form.setToolTip(target)
        return form
