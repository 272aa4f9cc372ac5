"""Every collected template renders as transformers renders it."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest

from engine.chat.template import ChatTemplate
from engine.errors import ChatTemplateError
from engine.requests import Message

transformers_templates = pytest.importorskip("transformers.utils.chat_template_utils")

FOLDER = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "chat_templates"
TEMPLATES = sorted(FOLDER.glob("**/*.jinja"))
TOKENS = {"bos_token": "<bos>", "eos_token": "<eos>"}
NOON = datetime.datetime(2026, 3, 4, 12, 0)
THOUGHT = "<think>\nhm\n</think>\n\nYes"
CONVERSATIONS = [
    [Message("user", "Hello <b>&'\"</b> \u00e9\n")],
    [Message("system", "Be brief."), Message("user", "Hi")],
    [Message("user", "Hi"), Message("assistant", "Hello!"), Message("user", " 2+2? ")],
    [Message("system", "S"), Message("user", "Hi"), Message("assistant", THOUGHT), Message("user", "?")],
    [Message("user", "one"), Message("user", "two")],
    [Message("assistant", "first")],
]
FUNCTION = {"name": "f", "description": "<d> \u00e9", "parameters": {"type": "object", "properties": {}}}
TOOLS = [{"type": "function", "function": FUNCTION}]
VARIABLES: list[dict[str, Any]] = [
    {},
    {"add_generation_prompt": False},
    {"tools": TOOLS},
    {"enable_thinking": False},
    {"functions": "[]", "datetime": "2026-03-04"},
]


class FrozenDatetime(datetime.datetime):
    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> FrozenDatetime:
        return cls(2026, 3, 4, 12, 0)


def theirs(source: str, messages: list[Message], content: str, variables: dict[str, Any]) -> str | None:
    plain: list[dict[str, Any]] = [{"role": each.role, "content": each.content} for each in messages]
    if content == "parts":
        plain = [{**each, "content": [{"type": "text", "text": each["content"]}]} for each in plain]
    try:
        return str(
            transformers_templates.render_jinja_template(
                [plain], chat_template=source, **{"add_generation_prompt": True, **TOKENS, **variables}
            )[0][0]
        )
    except Exception:  # noqa: BLE001 (whatever the library raises, it does not accept the conversation)
        return None


@pytest.mark.skipif(not TEMPLATES, reason="the shared template collection is not here")
@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_renders_as_transformers_does(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transformers_templates, "datetime", FrozenDatetime)
    source = path.read_text(encoding="utf-8")
    template = ChatTemplate(source, path.name, TOKENS, clock=lambda: NOON)
    accepted = 0
    for messages in CONVERSATIONS:
        for variables in VARIABLES:
            try:
                ours: str | None = template.render(messages, **variables)
            except ChatTemplateError:
                ours = None
            expected = theirs(source, messages, "parts" if template._content_as_parts else "text", variables)
            assert ours == expected, (messages, variables)
            accepted += ours is not None
    assert accepted >= 1
