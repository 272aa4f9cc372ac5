"""Titles out of first messages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.storage.titles import TITLE_LENGTH, suggest_title


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("How does a bicycle\nstay upright?", "How does a bicycle"),
        ("  Why does bread dough rest?  ", "Why does bread dough rest?"),
        ("Hello! how do I boil an egg? I have no clock.", "How do I boil an egg?"),
        ("Hi there, compare phones", "Compare phones"),
        ("hello", "hello"),
        ("Hey!", "Hey!"),
        ("# Plan for **today**", "Plan for today"),
        ("```python\nprint(1)\n```\nWhat does this print?", "What does this print?"),
        ("```\nonly code\n```", "only code"),
        ("- see [the page](https://example.org/x) first", "see the page first"),
        ("\n\n---\n\nAfter the line", "After the line"),
        ("请解释一下量子力学的基本原理。谢谢", "请解释一下量子力学的基本原理"),
        ("5 > 3 * 2 and 2 * 2", "5 > 3 * 2 and 2 * 2"),
        ("snake_case_name stays", "snake_case_name stays"),
        ("?!…", ""),
    ],
)
def test_titles(text: str, title: str) -> None:
    assert suggest_title(text) == title


def test_a_long_one_is_cut_at_a_word() -> None:
    title = suggest_title("Explain in great detail how the parts of a combustion engine work together under load")
    assert title == "Explain in great detail how the parts of a combustion…"


@given(st.text())
def test_any_text_gives_one_short_line(text: str) -> None:
    title = suggest_title(text)
    assert len(title) <= TITLE_LENGTH
    assert len(title.splitlines()) <= 1
