"""The switch for thinking is found by rendering both ways, whatever the template calls it."""

from __future__ import annotations

from pathlib import Path

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


@pytest.mark.parametrize(
    ("name", "switch", "default"),
    [
        ("Qwen-Qwen3-0.6B", "enable_thinking", True),
        ("GLM-4.6", "enable_thinking", True),
        ("HuggingFaceTB-SmolLM3-3B", "enable_thinking", True),
        ("ibm-granite-granite-3.3-2B-Instruct", "thinking", False),
        ("deepseek-ai-DeepSeek-V3.1", "enable_thinking", False),
        ("openai-gpt-oss-120b", None, None),  # it has levels, not a switch
        ("Qwen3-Coder", None, None),
    ],
)
def test_templates_of_real_models(shared: Path, name: str, switch: str | None, default: bool | None) -> None:
    file = shared / "data" / "chat_templates" / "llamacpp_templates" / f"{name}.jinja"
    if not file.is_file():
        pytest.skip("the shared template collection is not here")
    template = ChatTemplate(file.read_text(encoding="utf-8"), file.name, {"bos_token": "<s>", "eos_token": "</s>"})
    assert thinking_switch(template) == switch
    assert thinks_by_default(template) is default


def test_no_template() -> None:
    assert thinking_switch(None) is None
    assert thinks_by_default(None) is None
