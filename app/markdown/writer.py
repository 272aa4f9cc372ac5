"""Writes one leaf into one block of a `QTextDocument`: no HTML is ever built, so none can be smuggled in.

Knows nothing of widgets or of streaming. Raw HTML is shown as text; a picture from elsewhere is shown as its
description and a link, and nothing is fetched. Formulas, attached pictures and those whose bytes stand in the text
come from `Pictures`; until they are there, their source or description stands in their place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import (
    QFont,
    QPixmap,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
    QTextImageFormat,
    QTextListFormat,
)

from app.markdown.leaves import BULLET, TASK_DONE, TASK_OPEN, Leaf, References, parse_spans
from app.markdown.text_style import CURSOR_TEXT, LINE_SEPARATOR, PARAGRAPH_SPACE, QUOTE_PX, TextStyle
from app.theme.tokens import SPACE_4, SPACE_8

if TYPE_CHECKING:
    from markdown_it.token import Token

ATTACHMENT, INLINE = "attachment:", "data:"
_LINE_ENDS = str.maketrans(dict.fromkeys("\n\r\u2029", LINE_SEPARATOR))
_HEADING_SCALES = {1: 1.4, 2: 1.25, 3: 1.12}


@dataclass(frozen=True)
class Picture:
    """A drawn formula or an attached picture; `middle` when its centre stands on the line of the text."""

    pixmap: QPixmap
    middle: bool = True


class Pictures(Protocol):
    """Where drawn formulas and attached pictures come from."""

    waits: bool
    """Whether the last answer was None because the picture is still being made."""

    def formula(self, tex: str, display: bool) -> Picture | None:
        """A drawn formula, or None while it is not drawn or when it cannot be."""

    def attachment(self, name: str) -> Picture | None:
        """A picture of the conversation, by its file's name or as a `data:` address; None while it is not read."""


class NoPictures:
    """For text whose formulas stay as they were written."""

    waits = False

    def formula(self, tex: str, display: bool) -> Picture | None:
        return None

    def attachment(self, name: str) -> Picture | None:
        return None


class LeafWriter:
    """Writes leaves of the kinds paragraph, heading, rule and maths, one block each."""

    def __init__(self, style: TextStyle, pictures: Pictures) -> None:
        self._style = style
        self._pictures = pictures
        self._plain = QTextCharFormat()
        self._plain.setFont(style.font)
        self._plain.setForeground(style.text)
        self._cursor = QTextCursor()
        self._references: References = {}
        self.waits = False
        """Whether the last leaf has a picture that is not there yet."""

    def write(self, cursor: QTextCursor, leaf: Leaf, before: Leaf | None, references: References) -> None:
        """Writes a leaf into the empty block at the cursor.

        Args:
            cursor: where; it is moved to the end of the block.
            leaf: what.
            before: the leaf of the block before, None for the first of a document; decides the distance.
            references: link targets that the text defines.
        """
        self.waits = False
        self._cursor, self._references = cursor, references
        cursor.setBlockFormat(self._block_format(leaf, before))
        cursor.setBlockCharFormat(self._plain)
        if leaf.marker:
            self._mark_item(leaf)
        if leaf.kind == "maths":
            self._formula(leaf.content, "$$\n" + leaf.content + "\n$$", True, self._plain)
        elif leaf.kind != "rule":
            self._spans(parse_spans(leaf.content, references), self._base_format(leaf))

    def write_mark(self, cursor: QTextCursor) -> None:
        """Appends the mark that shows where the reply grows."""
        mark = QTextCharFormat(self._plain)
        mark.setForeground(self._style.accent)
        cursor.insertText(CURSOR_TEXT, mark)

    def write_cell(self, cursor: QTextCursor, content: str, head: bool, references: References) -> None:
        """Writes the text of a table's cell."""
        self.waits = False
        self._cursor, self._references = cursor, references
        form = QTextCharFormat(self._plain)
        if head:
            form.setFontWeight(QFont.Weight.DemiBold)
        self._spans(parse_spans(content, references), form)

    def write_plain(self, cursor: QTextCursor, text: str) -> None:
        """Writes a text as it is."""
        cursor.setBlockFormat(self._block_format(Leaf("paragraph"), None))
        cursor.insertText(text.translate(_LINE_ENDS), self._plain)

    def _block_format(self, leaf: Leaf, before: Leaf | None) -> QTextBlockFormat:
        block = QTextBlockFormat()
        block.setLineHeight(self._style.line_percent, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
        block.setTopMargin(_space(leaf, before))
        block.setLeftMargin(leaf.quotes * QUOTE_PX)
        if leaf.indent and not leaf.marker:
            block.setIndent(leaf.indent)
        if leaf.kind == "maths":
            block.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        if leaf.kind == "heading":
            block.setHeadingLevel(leaf.level)
        return block

    def _mark_item(self, leaf: Leaf) -> None:
        form = QTextListFormat()
        form.setIndent(leaf.indent)
        if leaf.marker in (BULLET, TASK_OPEN, TASK_DONE):
            form.setStyle(QTextListFormat.Style.ListStyleUndefined)  # Qt's own touch the text: `TextBlock` draws them
        else:
            form.setStyle(QTextListFormat.Style.ListDecimal)
            form.setStart(int(leaf.marker[:-1]))
        self._cursor.createList(form)

    def _base_format(self, leaf: Leaf) -> QTextCharFormat:
        form = QTextCharFormat(self._plain)
        if leaf.kind == "heading":
            scaled = QFont(self._style.font)
            scaled.setPointSizeF(scaled.pointSizeF() * _HEADING_SCALES.get(leaf.level, 1.0))
            scaled.setWeight(QFont.Weight.DemiBold)
            form.setFont(scaled)
        elif leaf.quotes:
            form.setForeground(self._style.muted)
        return form

    def _spans(self, tokens: Sequence[Token], form: QTextCharFormat) -> None:
        forms = [form]
        for token in tokens:
            if token.nesting > 0:
                forms.append(self._opened(token, forms[-1]))
            elif token.nesting < 0:
                forms.pop()
            else:
                self._span(token, forms[-1])

    def _opened(self, token: Token, outer: QTextCharFormat) -> QTextCharFormat:
        inner = QTextCharFormat(outer)
        match token.type:
            case "strong_open":
                inner.setFontWeight(QFont.Weight.DemiBold)
            case "em_open":
                inner.setFontItalic(True)
            case "s_open":
                inner.setFontStrikeOut(True)
            case "link_open":
                self._anchor(str(token.attrGet("href") or ""), inner)
            case _:
                pass
        return inner

    def _span(self, token: Token, form: QTextCharFormat) -> None:
        match token.type:
            case "softbreak" | "hardbreak":  # models mean the line breaks that they write
                self._cursor.insertText(LINE_SEPARATOR, form)
            case "code_inline":
                inner = QTextCharFormat(form)
                inner.setFont(self._style.code_font)
                inner.setBackground(self._style.code_ground)
                self._insert_text(token.content, inner)
            case "math_inline" | "math_display":
                self._formula(token.content, token.markup, token.type == "math_display", form)
            case "image":
                self._image(token, form)
            case _:  # text, and raw HTML as it was written
                self._insert_text(token.content, form)

    def _insert_text(self, text: str, form: QTextCharFormat) -> None:
        """Inserts text without opening a block: an entity may stand for a line's end."""
        self._cursor.insertText(text.translate(_LINE_ENDS), form)

    def _formula(self, tex: str, source: str, display: bool, form: QTextCharFormat) -> None:
        drawn = self._pictures.formula(tex, display)
        if drawn is not None:
            self._insert(drawn, f"maths:{tex}", source, form)
            return
        self.waits = self.waits or self._pictures.waits
        inner = QTextCharFormat(form)
        inner.setFont(self._style.code_font)
        self._insert_text(source, inner)

    def _image(self, token: Token, form: QTextCharFormat) -> None:
        target = str(token.attrGet("src") or "")
        words = token.content or "image"
        is_inline = target.startswith(INLINE)
        if is_inline or target.startswith(ATTACHMENT):
            picture = self._pictures.attachment(target.removeprefix(ATTACHMENT))
            if picture is not None:
                name = f"picture:{sha256(target.encode()).hexdigest()}" if is_inline else target
                self._insert(picture, name, words, form)
                return
            self.waits = self.waits or self._pictures.waits
        inner = QTextCharFormat(form)
        if not is_inline:
            self._anchor(target, inner)
        self._insert_text(f"[{words}]", inner)

    def _insert(self, picture: Picture, name: str, words: str, form: QTextCharFormat) -> None:
        document = self._cursor.document()
        document.addResource(QTextDocument.ResourceType.ImageResource.value, QUrl(name), picture.pixmap)
        image = QTextImageFormat()
        image.setName(name)
        size = picture.pixmap.deviceIndependentSize()
        image.setWidth(size.width())
        image.setHeight(size.height())
        image.setProperty(QTextFormat.Property.ImageAltText, words)
        image.setToolTip(words)
        middle, base = QTextCharFormat.VerticalAlignment.AlignMiddle, QTextCharFormat.VerticalAlignment.AlignBaseline
        image.setVerticalAlignment(middle if picture.middle else base)
        image.setFont(form.font())
        self._cursor.insertImage(image)

    def _anchor(self, target: str, form: QTextCharFormat) -> None:
        form.setAnchor(True)
        form.setAnchorHref(target)
        form.setForeground(self._style.accent)
        form.setFontUnderline(True)
        form.setToolTip(target)


def _space(leaf: Leaf, before: Leaf | None) -> float:
    """The distance to the block above in pixels."""
    if before is None or (leaf.continued and before.kind == leaf.kind):
        return 0
    if leaf.kind == "heading":
        return PARAGRAPH_SPACE + SPACE_8
    in_list = leaf.indent > 0 and (before.indent > 0 or leaf.indent > 1)
    return SPACE_4 if in_list else PARAGRAPH_SPACE
