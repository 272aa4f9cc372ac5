"""Leaves on view: the stream must end as the whole text, and nothing may be loaded, vanish or be opened unasked."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QColor, QGuiApplication, QImage, QTextDocument, QTextFormat
from PySide6.QtWidgets import QApplication, QMessageBox
from pytestqt.qtbot import QtBot

from app.markdown.leaves import TASK_DONE, TASK_OPEN
from app.markdown.view import CodeBlock, MarkdownView, TextBlock
from app.markdown.workshop import Workshop
from app.theme.theme import Theme

SAMPLE = """Intro with *emphasis*, late [link], `code`.
Second line.

# Heading

1. one

   ```py
   inner = 1

   still = 2
   ```
10. two
    - [x] done
    - [ ] open

> quote
> > deeper

```python title
def f():

    return 1
```
| a | b |
|---|--:|
| 1 | **2** |

$$
x^2
$$

Price $5 and $10, formula $a_1$ and \\(b\\).
End with <b>html</b> and ![picture](https://example.org/a.png)

[link]: https://example.org/late
"""


@pytest.fixture
def theme(qapp: QApplication) -> Iterator[Theme]:
    theme = Theme(qapp, "dark")
    yield theme
    theme.deleteLater()


@pytest.fixture
def view(qtbot: QtBot, theme: Theme) -> MarkdownView:
    view = MarkdownView(theme)
    qtbot.addWidget(view)
    view.resize(600, 400)
    view.show()
    return view


def shown(view: MarkdownView) -> list[tuple[str, str]]:
    """All that is on view with every format, but for what the workshop adds when it gets round to it."""
    wait_for_pictures(view)
    html = [(type(each).__name__, each.document().toHtml()) for each in view.text_widgets()]
    return [(name, re.sub(r"-qt-list-indent: \d+", "", text)) for name, text in html]


def wait_for_pictures(view: MarkdownView) -> None:
    end_s = time.monotonic() + 30
    while time.monotonic() < end_s:
        waiting = any(each.waiting for each in view.findChildren(TextBlock))
        if not waiting and not view._picture_timer.isActive():
            return
        QApplication.processEvents()
        time.sleep(0.005)
    raise AssertionError("formulas did not come")


def streamed(qtbot: QtBot, theme: Theme, text: str, sizes: Iterator[int]) -> MarkdownView:
    view = MarkdownView(theme)
    qtbot.addWidget(view)
    view.resize(600, 400)
    view.show()
    at = 0
    while at < len(text):
        size = next(sizes)
        view.append(text[at : at + size])
        at += size
    view.finish()
    return view


def ones() -> Iterator[int]:
    while True:
        yield 1


def some(seed: int) -> Iterator[int]:
    draw = random.Random(seed)
    while True:
        yield draw.randrange(1, 60)


@pytest.mark.parametrize("sizes", [ones(), some(1), some(2)], ids=["characters", "pieces", "other pieces"])
def test_a_streamed_reply_ends_like_a_saved_one(
    qtbot: QtBot, theme: Theme, view: MarkdownView, sizes: Iterator[int]
) -> None:
    view.set_source(SAMPLE)
    assert shown(streamed(qtbot, theme, SAMPLE, sizes)) == shown(view)
    texts = [each.toPlainText() for each in view.text_widgets()]
    assert any("<b>html</b>" in text for text in texts)  # shown as text, and nothing after it is lost
    assert any("[picture]" in text for text in texts)
    assert any("https://example.org/late" in each.document().toHtml() for each in view.text_widgets())


def test_streams_of_the_specification_end_like_the_whole(
    qtbot: QtBot, theme: Theme, view: MarkdownView, shared: Path
) -> None:
    spec = shared / "data" / "markdown" / "commonmark_spec.txt"
    if not spec.exists():
        pytest.skip("no CommonMark examples among the shared data")
    examples = re.findall(r"^`{32} example[^\n]*\n(.*?)^\.\n.*?^`{32}$", spec.read_text("utf-8"), re.M | re.S)
    text = "\n\n".join(each.replace("→", "\t") for each in examples)
    for start in range(0, len(text), 2500):
        piece = text[start : start + 2500]
        whole = MarkdownView(theme)
        qtbot.addWidget(whole)
        whole.resize(600, 400)
        whole.show()
        whole.set_source(piece)
        assert shown(streamed(qtbot, theme, piece, some(start))) == shown(whole)


def test_what_is_final_is_not_written_again(view: MarkdownView) -> None:
    view.append("First paragraph.\n\n```py\nx = 1\n```\n\nAnother")
    first, code, _ = view.text_widgets()
    changes: list[int] = []
    first.document().contentsChanged.connect(lambda: changes.append(1))
    code.document().contentsChanged.connect(lambda: changes.append(2))
    for word in ["", "one", "that", "grows", "and", "grows\n\n-", "and", "a", "list\n-", "of", "items\n"]:
        view.append(word + " ")
    assert changes == []


def test_the_mark_is_at_the_end_and_gone_afterwards(view: MarkdownView) -> None:
    view.append("Some text\n\n```\ncode")
    assert [each.toPlainText() for each in view.text_widgets()] == ["Some text", "code\u258d"]
    view.append("\n``")
    assert [each.toPlainText() for each in view.text_widgets()][1] == "code\u258d"  # no half of a closing fence
    view.append("`\nAfter")
    assert [each.toPlainText() for each in view.text_widgets()] == ["Some text", "code", "After\u258d"]
    view.finish()
    assert [each.toPlainText() for each in view.text_widgets()] == ["Some text", "code", "After"]


def test_lists_keep_their_numbers_and_boxes(view: MarkdownView) -> None:
    view.set_source("3. three\n4. four\n\ntext\n\n- [x] done\n- [ ] open")
    assert [leaf.marker for leaf in view.leaves] == ["3.", "4.", "", TASK_DONE, TASK_OPEN]
    document = next(view.text_widgets()).document()
    lists = [document.findBlockByNumber(n).textList() for n in range(2)]
    assert [each.itemText(each.item(0)) for each in lists] == ["3.", "4."]


def test_code_in_a_list_is_a_code_block_too(view: MarkdownView) -> None:
    view.set_source("1. Run:\n   ```bash\n   ls -l\n   ```\n2. Done")
    block = view.findChildren(CodeBlock)[0]
    assert (block.code, block.language) == ("ls -l", "bash")
    assert block.mapTo(view, block.rect().topLeft()).x() > 10


def test_code_is_coloured_in_the_end(qtbot: QtBot, view: MarkdownView) -> None:
    view.append("```python\ndef f():\n")
    view.append("    return 'text'\n```\n")
    view.finish()
    text = view.findChildren(CodeBlock)[0].text

    def colours() -> set[str]:
        ranges = [r for n in range(2) for r in text.document().findBlockByNumber(n).layout().formats()]
        return {r.format.foreground().color().name() for r in ranges}  # type: ignore[attr-defined]

    qtbot.waitUntil(lambda: len(colours()) >= 3, timeout=10_000)


def test_formulas_are_drawn_and_broken_ones_stay_readable(qtbot: QtBot, view: MarkdownView) -> None:
    view.set_source("One $x^2$ two $\\frac{a$ three, costs $5 or $6.\n\n$$\n\\int_0^1 x\n$$\n")
    wait_for_pictures(view)
    document = next(view.text_widgets()).document()
    assert document.toPlainText() == "One \ufffc two $\\frac{a$ three, costs $5 or $6.\n\ufffc"
    names = [image.toImageFormat() for image in _images(document)]
    assert [each.property(QTextFormat.Property.ImageAltText) for each in names] == ["$x^2$", "$$\n\\int_0^1 x\n$$"]
    assert all(4 < each.width() < 200 and 8 < each.height() < 200 for each in names)


def _images(document: QTextDocument) -> list[QTextFormat]:
    found = []
    block = document.begin()
    while block.isValid():
        for each in block:
            form = each.fragment().charFormat()
            if form.isImageFormat():
                found.append(form)
        block = block.next()
    return found


def test_only_pictures_of_the_conversation_are_shown(qtbot: QtBot, theme: Theme, tmp_path: Path) -> None:
    picture = QImage(2000, 1000, QImage.Format.Format_RGB32)
    picture.fill(QColor("red"))
    picture.save(str(tmp_path / "a.png"))
    folder = tmp_path / "attachments"
    folder.mkdir()
    picture.save(str(folder / "b.png"))
    view = MarkdownView(theme, workshop=Workshop(folder, theme))
    qtbot.addWidget(view)
    view.set_source(
        "![in](attachment:b.png) ![out](attachment:../a.png) ![far](http://127.0.0.1:9/x.png) ![file](file:///a.png)"
    )
    wait_for_pictures(view)
    document = next(view.text_widgets()).document()
    assert document.toPlainText() == "\ufffc [out] [far] ![file](file:///a.png)"
    assert [each.toImageFormat().width() for each in _images(document)] == [560]


def test_nothing_is_ever_loaded(qtbot: QtBot, view: MarkdownView) -> None:
    view.set_source("![x](file:///etc/hostname) <img src='http://127.0.0.1:9/x.png'>")
    block = view.findChildren(TextBlock)[0]
    image = int(QTextDocument.ResourceType.ImageResource.value)
    assert block.loadResource(image, QUrl("file:///etc/hostname")) is None
    assert "\ufffc" not in block.toPlainText()  # no image object in the document


def test_code_is_copied_without_its_decoration(view: MarkdownView) -> None:
    view.append("```python\nx = 1")
    view.findChildren(CodeBlock)[0].copy_button.click()
    assert QGuiApplication.clipboard().text() == "x = 1"


def test_code_is_selected_over_all_its_lines_and_copied_plain(view: MarkdownView) -> None:
    code = "\n".join(f"if x > {n}:\n\tpass" for n in range(300))
    view.set_source(f"```python\n{code}\n```")
    text = view.findChildren(CodeBlock)[0].text
    text.selectAll()
    text.copy()
    copied = QGuiApplication.clipboard().mimeData()
    assert copied.text() == code
    assert not copied.hasHtml()


def rows_of(view: MarkdownView) -> list[tuple[str, int]]:
    document = next(view.text_widgets()).document()
    blocks = [document.findBlockByNumber(n) for n in range(document.blockCount())]
    return [(each.text(), each.userState()) for each in blocks]


@pytest.mark.parametrize("size", [1000, 77, 3001], ids=str)
def test_a_long_line_of_code_goes_on_in_rows_and_is_copied_as_one(
    qtbot: QtBot, theme: Theme, view: MarkdownView, size: int
) -> None:
    code = "\n".join(["first", "a" * 1000, "b" * 1001, "", "c" * 3500, "x = 'last'"])
    text = f"```python\n{code}\n```\n"
    view.set_source(text)
    grown = streamed(qtbot, theme, text, iter([size] * 100))
    for each in (view, grown):
        rows = ["first", "a" * 1000, "b" * 1000, "b", "", *["c" * 1000] * 3, "c" * 500, "x = 'last'"]
        assert [row for row, _ in rows_of(each)] == rows
        shown = next(each.text_widgets())
        shown.selectAll()
        shown.copy()
        assert QGuiApplication.clipboard().text() == code
        cursor = shown.textCursor()
        cursor.setPosition(len("first\n") + 1500)  # half of the b's first row
        cursor.setPosition(cursor.position() + 510, cursor.MoveMode.KeepAnchor)
        shown.setTextCursor(cursor)
        shown.copy()
        assert QGuiApplication.clipboard().text() == code[1506 : 1506 + 509]
        last = shown.document().lastBlock()
        qtbot.waitUntil(
            lambda last=last: bool(last.layout().formats()), timeout=10_000
        )  # the colours are the line's own
    assert rows_of(grown) == rows_of(view)


def test_a_line_of_growing_code_is_coloured_again_only_when_its_colours_change(
    qtbot: QtBot, view: MarkdownView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.markdown.code_block.MIN_PAUSE_MS", 0)
    view.append("```python\n")
    colours = view.findChildren(CodeBlock)[0]._colours
    counts: list[int] = []
    ranges = colours._ranges
    monkeypatch.setattr(colours, "_ranges", lambda number, length: counts.append(number) or ranges(number, length))
    for number in range(200):
        view.append(f"value{number} = {number}\n")
        QApplication.processEvents()
    view.append("```\n")
    view.finish()
    qtbot.waitUntil(lambda: len(colours.lines) == 200 and not colours._todo, timeout=20_000)
    assert set(counts) == set(range(200))
    assert len(counts) < 500


def _question(view: MarkdownView) -> QMessageBox:
    return next(each for each in view.window().findChildren(QMessageBox) if each.isVisible())


def test_links_show_their_target_and_open_only_when_agreed(
    view: MarkdownView, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("app.markdown.text_block.QDesktopServices.openUrl", lambda url: opened.append(url.toString()))
    view.set_source("[a](https://example.org/page)")
    block = view.findChildren(TextBlock)[0]
    cursor = block.textCursor()
    cursor.setPosition(1)
    assert cursor.charFormat().toolTip() == "https://example.org/page"
    for url in ("file:///etc/passwd", "javascript:alert(1)"):
        block._open_link(QUrl(url))
    assert not view.window().findChildren(QMessageBox)
    for role, agreed in ((QMessageBox.ButtonRole.RejectRole, False), (QMessageBox.ButtonRole.AcceptRole, True)):
        block._open_link(QUrl("https://example.org/page"))
        question = _question(view)
        assert question.informativeText() == "https://example.org/page"
        button = next(each for each in question.buttons() if question.buttonRole(each) is role)
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: not view.window().findChildren(QMessageBox))
        assert opened == (["https://example.org/page"] if agreed else [])


def test_a_wide_table_stays_in_the_column_and_all_rows_are_there(view: MarkdownView) -> None:
    rows = "".join(f"| {n} | {'long words ' * 12} | x | y | z | q |\n" for n in range(30))
    view.set_source("| a | b | c | d | e | f |\n|-|-|-|-|-|-|\n" + rows)
    QApplication.processEvents()
    texts = [each.toPlainText() for each in view.text_widgets()]
    assert len(texts) == 4
    assert all(f"\n{n}\n" in "\n".join(texts) for n in range(30))
    assert view.minimumSizeHint().width() <= 600


def test_a_text_is_as_tall_as_its_content(view: MarkdownView) -> None:
    view.append("word " * 10)
    block = view.findChildren(TextBlock)[0]
    short = block.height()
    view.append("word " * 300)
    assert block.height() > 4 * short
    assert block.height() >= block.document().size().height()
