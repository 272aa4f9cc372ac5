"""Markdown and HTML for people: the words are all there, and nothing of them runs or loads."""

from __future__ import annotations

import re
from base64 import b64encode
from html.parser import HTMLParser
from pathlib import Path

import pytest

from app.storage.export import as_html, as_markdown, file_name
from app.storage.pictures import PictureFolder
from app.storage.records import Conversation, ErrorText, StoredMessage
from engine.requests import Role

CHAT = Conversation(1, "Trees & <b>hedges</b>", 1_700_000_000.0, 1_700_000_000.0, system_prompt="Be kind.\nBe brief.")


def turn(content: str, role: Role = "user", **more: object) -> StoredMessage:
    return StoredMessage(1, 1, None, role, content, 1.0, **more)  # type: ignore[arg-type]


class Page(HTMLParser):
    """Every tag with its attributes, and the visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_markdown_has_everything_in_order() -> None:
    branch = [
        turn("Why *trees*?"),
        turn("Because:\n\n- shade", "assistant", model_name="Llama", state="interrupted"),
        turn("", "assistant", state="failed", error=ErrorText("It broke.", "Mend it.")),
    ]
    assert as_markdown(CHAT, branch) == (
        "# Trees & <b>hedges</b>\n\n*2023-11-14*\n\n**System prompt**\n\n> Be kind.\n> Be brief.\n\n## You\n\n"
        "Why *trees*?\n\n## Assistant (Llama)\n\nBecause:\n\n- shade\n\n*interrupted*\n\n## Assistant\n\n"
        "*It broke. Mend it.*\n"
    )


HOSTILE = """<script>alert(1)</script> <img src=x onerror=alert(1)> **bold**

![a tree](https://example.org/tree.png "t") [link](https://example.org/?a=1&b="2") [bad](javascript:alert(1))
[data](data:text/html;base64,PHNjcmlwdD4=) <https://example.org> <javascript:alert(1)> [file](file:///etc/passwd)

```html
</code></pre><script>alert(2)</script>
```

| a | b |
|---|---|
| <i>1</i> | 2 |
"""


@pytest.mark.parametrize("role", ["user", "assistant"])
def test_html_shows_hostile_text_as_text_and_loads_nothing(role: Role) -> None:
    hostile = Conversation(1, CHAT.title, 1.0, 1.0, system_prompt=HOSTILE)
    html = as_html(hostile, [turn(HOSTILE, role, model_name="<script>x</script>")])
    page = Page(html)
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "img", "iframe", "link", "object", "b", "i", "svg"}
    for tag, attributes in page.tags:
        assert not any(name.startswith("on") or name in ("src", "srcset", "style") for name in attributes), tag
        if "href" in attributes:
            assert re.match(r"https://example\.org", attributes["href"] or "")
            assert attributes["rel"] == "noopener noreferrer"
    shown = "".join(page.texts)
    assert "<script>alert(1)</script>" in shown
    assert "url(" not in html
    assert "default-src 'none'" in html


def test_html_renders_the_markdown_of_a_reply_but_not_of_the_user() -> None:
    page = as_html(CHAT, [turn("**mine**"), turn("**theirs**\n\n```python\nx = 1 < 2\n```", "assistant")])
    assert "<strong>theirs</strong>" in page
    assert "**mine**" in page
    assert "x = 1 &lt; 2" in page
    assert "<title>Trees &amp; &lt;b&gt;hedges&lt;/b&gt;</title>" in page


THINKING = "<think>\nFirst *this*.\n\nThen <b>that</b>.\n</think>\n\nThe **answer**."


def test_what_was_thought_is_folded_in_the_page_and_a_quote_in_markdown() -> None:
    page = as_html(CHAT, [turn("<think>mine</think>"), turn(THINKING, "assistant")])
    assert "<details><summary>Thoughts</summary><p>First <em>this</em>.</p>" in page
    assert "</details><p>The <strong>answer</strong>.</p>" in page
    assert "&lt;b&gt;that&lt;/b&gt;" in page
    assert "&lt;think&gt;mine&lt;/think&gt;" in page  # the user writes what they like
    assert page.count("think") == 2
    text = as_markdown(CHAT, [turn(THINKING, "assistant")])
    assert "> **Thoughts**\n>\n> First *this*.\n>\n> Then <b>that</b>.\n\nThe **answer**.\n" in text
    assert "think>" not in text


PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 30


def test_pictures_of_the_chat_are_inside_the_export(tmp_path: Path) -> None:
    folder = PictureFolder(tmp_path / "attachments")
    name = folder.keep(PNG)
    address = f"data:image/png;base64,{b64encode(PNG).decode()}"
    reply = (
        f"![a tree](attachment:{name}) ![b]({address}) ![gone](attachment:none.png) "
        f"![svg](data:image/svg+xml;base64,PQ==) [link](attachment:{name}) ![up](attachment:../c.sqlite3) ![far](https://example.org/x.png)"
    )
    page = Page(as_html(CHAT, [turn(reply, "assistant")], pictures=folder))
    assert [dict(each)["src"] for tag, each in page.tags if tag == "img"] == [address, address]
    assert not [each["href"] for tag, each in page.tags if tag == "a" and "href" in each]
    text = as_markdown(CHAT, [turn(reply, "assistant")], pictures=folder)
    assert text.count(f"]({address})") == 2
    assert "![gone](attachment:none.png)" in text


def test_braces_in_a_chat_do_not_confuse_the_page() -> None:
    page = as_html(Conversation(1, "{body} {title}", 1.0, 1.0), [turn("{title} {body}")])
    assert page.count("<h1>{body} {title}</h1>") == 1
    assert '<div class="plain">{title} {body}</div>' in page


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Plain title", "Plain title.md"),
        ('a/b\\c:d*e?"<>|\n', "a b c d e.md"),
        ("..", "chat.md"),
        ("CON", "CON_.md"),
        ("Привет 🌳", "Привет 🌳.md"),
        ("x" * 300, "x" * 80 + ".md"),
    ],
)
def test_file_names_are_good_everywhere(title: str, name: str) -> None:
    assert file_name(title, "md") == name
