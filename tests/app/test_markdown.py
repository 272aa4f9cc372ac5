"""Blocks and their rendering: the stream must look like the whole text, and nothing may be loaded or vanish."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QUrl
from PySide6.QtGui import QGuiApplication, QTextDocument
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.markdown.splitter import Block, BlockSplitter, split_blocks
from app.markdown.view import CodeBlock, MarkdownView, TextBlock
from app.theme.theme import Theme

SAMPLE = """Intro with *emphasis*.
Second line.

# Heading

1. one

   continued

   ```py
   inner = 1

   still_inner = 2
   ```
2. two

Not in the list.

```python title
def f():

    return 1
```
After the code.

| a | b |
|---|---|
| 1 | 2 |

~~~
tilde ``` fence
~~~
End with <b>html</b> and ![picture](https://example.org/a.png)
"""


@pytest.fixture
def theme(qapp: QApplication) -> Iterator[Theme]:
    theme = Theme(qapp, "dark")
    yield theme
    theme.deleteLater()


def test_blocks_of_a_whole_text() -> None:
    blocks = split_blocks(SAMPLE)
    kinds = [(block.kind, block.language, block.source.splitlines()[0]) for block in blocks]
    assert kinds == [
        ("text", "", "Intro with *emphasis*."),
        ("text", "", "# Heading"),
        ("text", "", "1. one"),
        ("text", "", "Not in the list."),
        ("code", "python", "def f():"),
        ("text", "", "After the code."),
        ("text", "", "| a | b |"),
        ("code", "", "tilde ``` fence"),
        ("text", "", "End with <b>html</b> and ![picture](https://example.org/a.png)"),
    ]
    assert blocks[2].source.endswith("2. two")
    assert blocks[4].source == "def f():\n\n    return 1"


@given(st.data())
def test_any_cut_of_the_stream_gives_the_blocks_of_the_whole(data: st.DataObject) -> None:
    pieces = ["a", " ", "\n", "\n\n", "```", "~~~", "- x", "1. y", "    ", "|", "# ", "py", "\r\n", "é"]
    text = data.draw(st.one_of(st.just(SAMPLE), st.lists(st.sampled_from(pieces), max_size=40).map("".join)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
    splitter = BlockSplitter()
    blocks: list[Block] = []
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        blocks += splitter.feed(text[start:end])
        splitter.tail()
    assert blocks + splitter.finish() == split_blocks(text)


def test_an_open_fence_already_looks_like_code() -> None:
    splitter = BlockSplitter()
    assert splitter.feed("Text\n\n```py\nx = 1\ny") == [Block("text", "Text")]
    assert splitter.tail() == [Block("code", "x = 1\ny", "py")]
    splitter.feed("\n``")
    assert splitter.tail() == [Block("code", "x = 1\ny", "py")]  # the closing fence is not shown half


def plain(view: MarkdownView) -> list[str]:
    widgets = [view._layout.itemAt(i).widget() for i in range(view._layout.count())]
    return [
        w.toPlainText() if isinstance(w, TextBlock) else w.code
        for w in widgets
        if isinstance(w, (TextBlock, CodeBlock))
    ]


def test_a_streamed_reply_ends_like_a_saved_one(qtbot: QtBot, theme: Theme) -> None:
    whole, streamed = MarkdownView(theme), MarkdownView(theme)
    qtbot.addWidget(whole)
    qtbot.addWidget(streamed)
    whole.set_source(SAMPLE)
    for character in SAMPLE:
        streamed.append(character)
    streamed.finish()
    assert plain(streamed) == plain(whole)
    assert any("<b>html</b>" in text for text in plain(whole))  # shown as text, and nothing after it is lost
    assert any("[picture]" in text for text in plain(whole))


def test_the_cursor_mark_is_gone_at_the_end(qtbot: QtBot, theme: Theme) -> None:
    view = MarkdownView(theme)
    qtbot.addWidget(view)
    view.append("Some text\n\n```\ncode")
    assert view._tail_code is not None
    assert view._tail_code._text.toPlainText() == "code\u258d"
    view.finish()
    codes = view.findChildren(CodeBlock)
    assert [each._text.toPlainText() for each in codes] == ["code"]


def test_nothing_is_ever_loaded(qtbot: QtBot, theme: Theme) -> None:
    block = TextBlock(theme)
    qtbot.addWidget(block)
    block.add_markdown("![x](file:///etc/hostname) <img src='http://127.0.0.1:9/x.png'>")
    image = int(QTextDocument.ResourceType.ImageResource.value)
    assert block.loadResource(image, QUrl("file:///etc/hostname")) is None
    assert "\ufffc" not in block.toPlainText()  # no image object in the document


def test_code_is_copied_without_its_decoration(qtbot: QtBot, theme: Theme) -> None:
    view = MarkdownView(theme)
    qtbot.addWidget(view)
    view.set_source("```python\nx = 1\n```")
    view.findChildren(CodeBlock)[0]._copy.click()
    assert QGuiApplication.clipboard().text() == "x = 1"


def test_only_known_schemes_open(qtbot: QtBot, theme: Theme, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("app.markdown.view.QMessageBox.exec", lambda box: asked.append(box.informativeText()))
    block = TextBlock(theme)
    qtbot.addWidget(block)
    for url in ("file:///etc/passwd", "javascript:alert(1)", "https://example.org/page"):
        block._open_link(QUrl(url))
    assert asked == ["https://example.org/page"]


def test_a_block_is_as_tall_as_its_text(qtbot: QtBot, theme: Theme) -> None:
    block = TextBlock(theme)
    qtbot.addWidget(block)
    block.resize(400, 50)
    block.show()
    block.add_markdown("word " * 10)
    short = block.height()
    block.add_markdown("word " * 300)
    assert block.height() > 4 * short
    assert block.height() >= block.document().size().height()
