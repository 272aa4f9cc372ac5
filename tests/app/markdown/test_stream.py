"""A text that arrives in any pieces gives the leaves of the whole text, read at once by markdown-it."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.markdown.leaves import TABLE_ROWS, Leaf, _parser, paragraph_pieces, parse_leaves, parse_spans
from app.markdown.stream import MarkdownStream
from tests.pace import slowness

NASTY = (
    "Intro with **bold\nover lines** and `code\nover lines`\n\n# Head #\n\n1. one\n\n   continued\n\n   ```py\n"
    "   inner = 1\n\n   still = 2\n   ```\n2. two\n- other\n  1) x\n     > quote\n     lazy\n\nNot in the list.\n\n"
    "```python title\ndef f():\n\n"
    "    return 1\n```\nAfter.\n\n| a | b |\n|---|:-:|\n| 1 | 2 |\n\n~~~\ntilde ``` fence\n~~~\nEnd with <b>html</b>",
    "foo\n| a | b |\n|---|---|---|\n| 1 | 2 |\n",
    "foo\n| a | b |\n|---|---|\n| 1 | 2 |\nbar\n\n- x\n-\n- z",
    "- a\n - b\n  - c\n   - d\n    - e\n",
    "1. a\n\n  2. b\n\n    3. c\n\n7) x\n9) y\n",
    "[foo]: /url\n'title\nmore' \n\n[foo] and [bar]\n\n[bar]: <my url>\n[foo]: /second\n",
    'para\n\n[foo]: /url\n"title" ok\n\n[foo]',
    "$$\na\n# h\n$$\n\ntext:\n$$ x = 1 $$\nmore\n\n\\[\ny\n\\]\n$$\nabc\n$$abc\n",
    "```\nnever closed\n\n``\n ```x\n\n",
    "   ```\n   indented fence\n  ```\n```` \n```\nlonger\n````\n",
    "~~~ a`b\nx\n~~~\n\n    indented\n\n\n    code\n\ttab\n",
    "- [ ] open\n- [x] done\n- [ ]\n\n> quote\nlazy\n> > deeper\n\nSetext\n===\n---\n***\n",
    "- ```\n  code in item\n  ```\n- # head in item\n- - deep\n  -\n\n    text\n",
    "a\r\nb\r\rc\n\r\nd\r",
    "**half *finished [link](http://x ![img](y",
    "| a |\n|--|\n" + "".join(f"| row {n} |\n" for n in range(3 * TABLE_ROWS)) + "\nafter\n",
    "".join(f"{n + 4}. item {n} with some words in it\n   - inner\n\n     text\n" for n in range(60)) + "\nend",
    "".join(f"* point {n} " + "word " * 30 + "\n" for n in range(40)) + "```\nx\n```\n",
    "intro\n" + "| a | b |\n|-|-|\n" + "| `x` | **y** and more words to make it long |\n" * 70 + "> q\n",
    "word " * 900 + "\n\nnext **bold" + " x" * 2000,
    "".join(f"line {n} of a very long paragraph, never a blank one.\n" for n in range(200)),
)


def leaves_of(pieces: Iterable[str]) -> tuple[list[Leaf], dict[str, object]]:
    stream = MarkdownStream()
    for piece in pieces:
        stream.feed(piece)
        stream.tail()
    stream.finish()
    return stream.frozen, dict(stream.references)


def whole(text: str) -> tuple[list[Leaf], set[str]]:
    parsed = parse_leaves(text.replace("\r\n", "\n").replace("\r", "\n"), {})
    return list(parsed.leaves), set(parsed.references)


def check(text: str, cuts: Iterable[int]) -> None:
    places = [0, *sorted(cuts), len(text)]
    leaves, references = leaves_of(text[a:b] for a, b in pairwise(places))
    expected, labels = whole(text)
    assert leaves == expected
    assert set(references) == labels


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_character_by_character(text: str) -> None:
    leaves, references = leaves_of(text)
    assert (leaves, set(references)) == whole(text)


@given(st.data())
def test_random_cuts_of_half_finished_markdown(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(NASTY))[: data.draw(st.integers(0, 3000))]
    check(text, data.draw(st.lists(st.integers(0, len(text)), max_size=20)))


def test_blanks_behind_the_last_line_of_code_are_no_line() -> None:
    for text in ("```\n ", "```\nx\n\t", "```\nx\n\n  ", "```\n \n"):
        check(text, [])


@settings(max_examples=400)
@given(st.data())
def test_random_markdown(data: st.DataObject) -> None:
    parts = ["a", " ", "\n", "\n\n", "```", "~~~", "- x", "1. y", "    ", "|", "| a |\n|-|\n", "# ", "\r\n", "é", "> "]
    parts += ["$$", "\\[", "\\]", "$", "[a]: /b", "'t'", "---", "===", "**", "`", "\t", "- [ ] t"]
    text = "".join(data.draw(st.lists(st.sampled_from(parts), max_size=40)))
    check(text, data.draw(st.lists(st.integers(0, len(text)), max_size=12)))


@settings(max_examples=300)
@given(st.data())
def test_random_rows_of_a_table_that_goes_on(data: st.DataObject) -> None:
    """The rows that are read without parsing the head again are those of the parser."""
    head = "".join(f"| row {n} | b |\n" for n in range(TABLE_ROWS + 2))
    parts = [
        "|",
        "| a | b |\n",
        "\\|",
        "\\",
        "`",
        " ",
        "\n|",
        "\t",
        "\0",
        "\u00a0",
        "é",
        "**x**",
        "||",
        "| $$",
        "\n> ",
        "\n",
    ]
    rows = "|" + "".join(data.draw(st.lists(st.sampled_from(parts), max_size=40)))
    text = f"{data.draw(st.sampled_from(['', 'intro', '# head']))}\n\n| a | b |\n|:-|-:|\n{head}{rows}"
    check(text, data.draw(st.lists(st.integers(0, len(text)), max_size=20)))


@given(st.text("abcXYZ09 ,.;:?()/+=%#'\"-éß中\u00a0*_`[]!<&\\$~@\n", max_size=30))
def test_plain_words_are_the_spans_that_the_parser_gives(content: str) -> None:
    found = [(each.type, each.content, each.nesting) for each in parse_spans(content, {})]
    parsed = _parser().parseInline(content, {"references": {}})
    assert found == [(each.type, each.content, each.nesting) for each in (parsed[0].children or [] if parsed else [])]


@pytest.mark.parametrize("name", ["commonmark_spec.txt", "gfm_spec.txt", "gfm_extensions.txt", "gfm_regression.txt"])
def test_random_cuts_of_the_examples_of_the_specifications(shared: Path, name: str) -> None:
    spec = shared / "data" / "markdown" / name
    if not spec.exists():
        pytest.skip(f"no {name} among the shared data")
    found = re.findall(r"^`{32} example[^\n]*\n(.*?)^\.\n.*?^`{32}$", spec.read_text("utf-8"), re.M | re.S)
    examples = [each.replace("→", "\t") for each in found]
    assert len(examples) > 10
    draw = random.Random(7)
    for example in examples:
        check(example, range(len(example)))
        for _ in range(6):
            check(example, [draw.randrange(len(example) + 1) for _ in range(draw.randrange(6))])
    for _ in range(30):  # one after another, as a reply has them
        text = "\n".join(draw.sample(examples, 8))
        check(text, [draw.randrange(len(text) + 1) for _ in range(40)])


def test_pieces_of_a_long_paragraph_do_not_depend_on_what_follows() -> None:
    text = "A sentence with **bold words** and `code`. " * 300 + "x" * 9000
    pieces = paragraph_pieces(text)
    assert len(pieces) > 6
    assert max(map(len, pieces)) <= 8000
    assert [each.split() for each in pieces] != []
    assert " ".join(pieces).split()[:2000] == text.split()[:2000]
    for cut in range(1, len(text), 487):
        known = paragraph_pieces(text[:cut])
        assert known[:-1] == pieces[: len(known) - 1]


def test_a_flush_of_a_long_tail_stays_cheap() -> None:
    """What is parsed again does not grow with a list, a table, a fence or a line, by the time of a quiet machine."""
    texts = {
        "list": "".join(f"{n}. item {n} " + "word " * 12 + "\n" for n in range(800)),
        "table": "| a | b |\n|-|-|\n" + "| some words | other words |\n" * 2000,
        "fence": "```py\n" + "value = call(argument)\n" * 2500,
        "line": "word " * 12_000,
    }
    for name, text in texts.items():
        stream = MarkdownStream()
        costs = []
        for at in range(0, len(text), 40):
            start_s = time.thread_time()
            stream.feed(text[at : at + 40])
            stream.tail()
            costs.append(time.thread_time() - start_s)
        costs.sort()
        assert costs[int(len(costs) * 0.99)] / slowness() < 0.004, name
