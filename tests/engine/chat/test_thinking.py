"""The switch for thinking is found by rendering both ways, whatever the template calls it."""

from __future__ import annotations

import pytest

from engine.chat.template import ChatTemplate
from engine.chat.thinking import thinking_switch, thinks_by_default

TURNS = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<assistant>"
OFF_BY_WISH = (
    TURNS + "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}"
)
ON_BY_WISH = TURNS + "{% if thinking %}<think>\n{% else %}</think>{% endif %}"
MENTIONED = TURNS + "{# enable_thinking is not supported #}"
BROKEN = TURNS + "{% if enable_thinking %}{{ raise_exception('no') }}{{ nothing.at.all }}{% endif %}"


@pytest.mark.parametrize(
    ("source", "name", "default"),
    [
        (TURNS, None, None),
        (OFF_BY_WISH, "enable_thinking", True),
        (ON_BY_WISH, "thinking", False),
        (MENTIONED, None, None),
        ("{% if", None, None),
        (BROKEN, None, None),
    ],
    ids=["none", "on unless told", "off unless told", "only mentioned", "broken", "refuses"],
)
def test_switches(source: str, name: str | None, default: bool | None) -> None:
    template = ChatTemplate(source, "chat_template.jinja", {})
    assert thinking_switch(template) == name
    assert thinks_by_default(template) is default


def test_no_template() -> None:
    assert thinking_switch(None) is None
    assert thinks_by_default(None) is None
