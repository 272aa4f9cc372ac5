from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from engine.hub.model_card import MAX_CARD, readable_card

CARD = """---
license: apache-2.0
tags: [exl3]
---
<style>body { background: url(https://evil.example/x.png) }</style>
<div class="header"><center>

# EXL3 quants of [Model](https://huggingface.co/a/b)

</center></div>
<img src="https://evil.example/pixel.png" onerror="alert(1)">
![plot](https://evil.example/plot.png) and [![badge](https://evil.example/b.svg)](https://good.example)

| Rate | Size |<br>
|------|------|
| <a href="https://huggingface.co/a/b/tree/4.0bpw">4.0</a> | 5 &lt; 6 |

<details><summary>More</summary>

Use `<think>` and `![x](y)` in 1 < 2.

```html
<b>shown as it is</b> ![kept](as-text)
```

</details>
<!-- hidden -->
[js](javascript:alert(1)) [data](data:text/html;base64,x) [rel](./LICENSE) [mail](mailto:a@b.c) <https://auto.example>
"""


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


ALLOWED = {
    "a", "p", "em", "strong", "code", "pre", "ul", "ol", "li", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "br",
    "blockquote", "table", "thead", "tbody", "tr", "th", "td", "s",
}  # fmt: skip


def bad_things(markdown: str) -> list[object]:
    """What a viewer that believes everything would make of it, HTML included."""
    bad: list[object] = []
    for allows_html in (True, False):
        parser = MarkdownIt("commonmark", {"html": allows_html}).enable(["table", "strikethrough"])
        tags = Tags()
        tags.feed(parser.render(markdown))
        for tag, attributes in tags.found:
            link = (attributes.get("href") or "").strip().lower()
            scheme = re.match(r"([a-z][a-z0-9+.-]*):", link)
            is_bad_link = link.startswith("//") or (scheme and scheme[1] not in ("http", "https", "mailto"))
            if tag not in ALLOWED or set(attributes) - {"href", "class", "start", "style", "title"} or is_bad_link:
                bad.append((tag, attributes))
    return bad


def test_a_usual_card() -> None:
    card = readable_card(CARD)
    assert bad_things(card) == []
    for kept in (
        "# EXL3 quants of [Model](https://huggingface.co/a/b)", "plot and [badge](https://good.example)", "More",
        "| 4.0 | 5 &lt; 6 |", "1 < 2", "<b>shown as it is</b> ![kept](as-text)", "[rel](./LICENSE)",
        "[mail](mailto:a@b.c)", "https://auto.example",
    ):  # fmt: skip
        assert kept in card, kept
    for gone in ("license:", "style", "evil.example", "hidden", "javascript", "data:", "onerror", "<a", "<div"):
        assert gone not in card, gone
    assert "think>`" in card


@pytest.mark.parametrize(
    "text",
    [
        "<scr<script>ipt>alert(1)</script>",
        "<img\nsrc=x\nonerror=y>",
        "<<b>img src=x>",
        "< img src=x>",
        "<svg/onload=x>",
        "<style>a",
        "<!-- never closed <b>",
        "<iframe src=//e.example></iframe>",
        "![a][b]\n\n[b]: http://e.example/x.png",
        "![a\nb](http://e.example/x.png)",
        "!\\[a](http://e.example/x)",
        "\\![a](http://e.example/x.png)",
        "\\`![a](http://e.example/x.png)`",
        "`` ` ``![a](http://e.example/x)",
        "[a](JaVaScRiPt:x)",
        "[a]( javascript:x)",
        "[a](<javascript:x>)",
        "[a](&#106;avascript:x)",
        "[a](java\\script:x)",
        "[a][b]\n\n[b]: javascript:x",
        "[a](//e.example)",
        "[a](file:///etc/passwd)",
        "- ```\n  x\n  ```\n<img src=x> ![a](http://e.example)",
        "> ```\n> x\n\n<img src=x>",
        "```\n<b>\n``\n<i>\n```\n<img src=y>",
        "<pre>\n```\n</pre>\n<img src=x>\n```",
        "![![a](http://e.example/1)](http://e.example/2)",
        "[![a](http://e.example/1)",
        '<a href="javascript:x">y</a>',
        "<?php x ?>",
        "<![CDATA[<img src=x>]]>",
        "</div><img src=x",
        "    <b>indented</b>",
        "---\nnever: closed\n<b>",
        '<math><mi//xlink:href="data:x,<script>alert(4)</script>">',
        "[x]: <javascript:alert(1)>\n[x]",
    ],
)
def test_hostile_cards(text: str) -> None:
    assert bad_things(readable_card(text)) == []


PIECES = [
    "<", ">", "!", "[", "]", "(", ")", "`", "```", "\n", "\n\n", "    ", "- ", "> ", "img src=x", "script", "/", "--",
    "<!--", "-->", "http://e.example", "javascript:x", "a", "~~~", "\\", "&lt;", "|", "<style>", ": ",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=24))
def test_any_mixture_is_safe(parts: list[str]) -> None:
    assert bad_things(readable_card("".join(parts))) == []


def test_a_long_card_is_cut() -> None:
    card = readable_card("a <b>" * MAX_CARD)
    assert len(card) < MAX_CARD + 100
    assert "left out" in card
    assert bad_things(card) == []
    assert readable_card("") == ""
