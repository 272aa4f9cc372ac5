"""Pictures whose bytes stand in a message; those from elsewhere stay words and a link."""

from __future__ import annotations

import base64
import random
import time
from pathlib import Path

import pytest
from PySide6.QtCore import QBuffer, QIODevice
from PySide6.QtGui import QColor, QGuiApplication, QImage, QTextDocument, QTextImageFormat
from pytestqt.qtbot import QtBot

from app.markdown.leaves import paragraph_pieces
from app.markdown.view import MarkdownView
from app.markdown.workshop import Workshop
from app.theme.theme import Theme
from tests.pace import slowness


@pytest.fixture
def theme(qapp: QGuiApplication) -> Theme:
    return Theme(qapp, "dark", 1.0)  # type: ignore[arg-type]


def noise(side: int) -> str:
    """A picture of noise, which no format makes small, as a `data:` address."""
    picture = QImage(side, side, QImage.Format.Format_RGB32)
    dice = random.Random(1)
    for y in range(side):
        for x in range(side):
            picture.setPixelColor(x, y, QColor(dice.randrange(256), dice.randrange(256), dice.randrange(256)))
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    assert picture.save(buffer, "PNG")  # type: ignore[call-overload]
    return "data:image/png;base64," + base64.b64encode(bytes(buffer.data().data())).decode()


def document(view: MarkdownView) -> QTextDocument:
    return next(view.text_widgets()).document()


def widths(view: MarkdownView) -> list[float]:
    """The pictures on view, by their widths."""
    found = []
    block = document(view).begin()
    while block.isValid():
        for each in block:
            form: QTextImageFormat = each.fragment().charFormat().toImageFormat()
            if form.isValid() and each.fragment().charFormat().isImageFormat():
                found.append(form.width())
        block = block.next()
    return found


def fresh(qtbot: QtBot, theme: Theme, folder: Path | None = None) -> MarkdownView:
    view = MarkdownView(theme, workshop=Workshop(folder, theme))
    qtbot.addWidget(view)
    return view


def test_a_picture_in_the_text_is_shown_and_the_words_around_it(qtbot: QtBot, theme: Theme) -> None:
    address = noise(90)
    assert len(address) > 20_000  # longer than what one paragraph is cut into
    view = fresh(qtbot, theme)
    started_s = time.thread_time()
    view.set_source(f"Before ![a red thing]({address}) after.")
    assert (time.thread_time() - started_s) / slowness() < 0.5
    qtbot.waitUntil(lambda: widths(view) == [90.0])
    assert document(view).toPlainText().split("\n") == ["Before \ufffc", " after."]  # as long paragraphs go on


def test_arriving_in_pieces_ends_the_same(qtbot: QtBot, theme: Theme) -> None:
    text = f"Before ![x]({noise(60)}) after."
    view = fresh(qtbot, theme)
    for start in range(0, len(text), 997):
        view.append(text[start : start + 997])
    view.finish()
    qtbot.waitUntil(lambda: widths(view) == [60.0])
    assert document(view).toPlainText().split("\n") == ["Before \ufffc", " after."]  # as long paragraphs go on


def test_what_cannot_be_read_is_told_by_its_words_alone(qtbot: QtBot, theme: Theme) -> None:
    view = fresh(qtbot, theme)
    view.set_source(
        "![one](data:image/png;base64,AAAA) ![two](data:image/png;base64,%%%) "
        "![three](data:image/png,plain) ![four](https://example.org/x.png) ![five](x.png)"
    )
    qtbot.wait(200)
    assert widths(view) == []
    words = document(view).toPlainText()
    assert all(f"[{each}]" in words for each in ("one", "three", "four", "five"))
    assert "base64" not in document(view).toHtml().split("%%%")[0].split("[two]")[0]
    assert 'href="https://example.org/x.png"' in document(view).toHtml()


@pytest.mark.parametrize("length", [5_000, 9_000, 30_000])
def test_a_paragraph_is_never_cut_inside_a_picture(length: int) -> None:
    text = f"![x](data:image/png;base64,{'A' * length})" + " and more words" * 2000
    pieces = paragraph_pieces(text)
    assert pieces[0].startswith(f"![x](data:image/png;base64,{'A' * length})")
    for end in range(0, len(text), 1501):  # the pieces of a beginning are the first pieces of the whole
        beginning = paragraph_pieces(text[:end])
        assert beginning[:-1] == pieces[: len(beginning) - 1]
