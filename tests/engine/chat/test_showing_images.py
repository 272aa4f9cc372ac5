"""Messages with images in chat templates: what published templates make of them, and which show none."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.chat.template import ChatTemplate
from engine.requests import Message

TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}
TALK = (
    Message("system", "Be brief."), Message("user", "Which is older?", (Path("a.png"), Path("b.png"))),
    Message("assistant", "The left one."), Message("user", "", (Path("c.png"),)), Message("assistant", "A cat."),
    Message("user", "Thanks."),
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "placeholder"),
    [
        ("chat_templates/llamacpp_templates/Mistral-Small-3.2-24B-Instruct-2506.jinja", "[IMG]"),
        ("chat_templates/llamacpp_templates/mistralai-Ministral-3-14B-Reasoning-2512.jinja", "[IMG]"),
        ("tokenizers/qwen3-vl-embedding/chat_template.jinja", "<|image_pad|>"),
    ],
)
def test_published_templates(shared: Path, name: str, placeholder: str) -> None:
    template = ChatTemplate((shared / "data" / name).read_text(encoding="utf-8"), name, TOKENS)
    assert template.shows_images(placeholder)
    pieces = template.render(TALK).split(placeholder)
    assert len(pieces) == 4
    assert "Which is older?" in pieces[2]  # behind both of its images
    assert "The left one." in pieces[2]
    assert pieces[3].index("A cat.") < pieces[3].index("Thanks.")


@pytest.mark.parametrize(
    "source",
    [
        "{% for m in messages %}{{ m.content }}{% endfor %}",  # writes the list out as it is
        "{% for m in messages %}{{ m.content + '!' }}{% endfor %}",  # fails on a list
        "{% for m in messages %}{% for p in m.content %}{{ p.text }}{% endfor %}{% endfor %}",
        "{% for m in messages %}{% for p in m.content %}{{ '<i>' if p.type == 'image' }}{% endfor %}{% endfor %}",
        "<i>{% for m in messages %}{% for p in m.content %}{{ p.text or '<i>' }}{% endfor %}{% endfor %}",
    ],
)
def test_templates_that_do_not_show_images(source: str) -> None:
    assert not ChatTemplate(source, "chat_template.jinja", TOKENS).shows_images("<i>")


def test_texts_alone_stay_texts() -> None:
    source = "{% for m in messages %}{{ m.content if m.content is string else m.content | length }}|{% endfor %}"
    rendered = ChatTemplate(source, "chat_template.jinja", TOKENS).render(TALK)
    assert rendered == "Be brief.|3|The left one.|1|A cat.|Thanks.|"
