"""Finding a chat template, rendering with it, and what is said when it cannot be used."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer as LibraryTokenizer
from tokenizers import models

from engine.chat.template import ChatTemplate, require_template
from engine.errors import ChatTemplateError
from engine.requests import Message
from engine.tokenizer.tokenizer import Tokenizer

SHARED = Path(__file__).resolve().parents[3] / ".." / "shared"
HELLO = [Message("user", "Hello")]


def template(source: str, **tokens: str) -> ChatTemplate:
    return ChatTemplate(source, "chat_template.jinja", tokens, clock=lambda: datetime(2026, 3, 4, 5, 6))


def render(source: str, **variables: Any) -> str:
    return template(source, bos_token="<s>").render(HELLO, **variables)


def model_folder(folder: Path, **files: Any) -> Tokenizer:
    LibraryTokenizer(models.WordLevel({"a": 0}, unk_token="a")).save(str(folder / "tokenizer.json"))
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return Tokenizer.open(folder)


def test_demo_model_renders_exactly() -> None:
    folder = SHARED / "models" / "demo-chat-hf"
    if not folder.exists():
        pytest.skip("the shared models are not here")
    found = ChatTemplate.open(folder, Tokenizer.open(folder))
    turns = [("system", "Be kind."), ("user", "Hi"), ("assistant", "Yo"), ("user", "?")]
    conversation = [Message(role, text) for role, text in turns]  # type: ignore[arg-type]
    assert require_template(found, "demo").render(conversation) == (
        "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nYo<|im_end|>\n"
        "<|im_start|>user\n?<|im_end|>\n<|im_start|>assistant\n"
    )


def test_places_in_order(tmp_path: Path) -> None:
    tokenizer = model_folder(tmp_path, tokenizer_config={"chat_template": "config"})
    opened = ChatTemplate.open(tmp_path, tokenizer)
    assert opened is not None
    assert opened.render(HELLO) == "config"
    (tmp_path / "chat_template.json").write_text('{"chat_template": "json"}', encoding="utf-8")
    opened = ChatTemplate.open(tmp_path, tokenizer)
    assert opened is not None
    assert opened.render(HELLO) == "json"
    (tmp_path / "chat_template.jinja").write_text("jinja", encoding="utf-8")
    opened = ChatTemplate.open(tmp_path, tokenizer)
    assert opened is not None
    assert opened.render(HELLO) == "jinja"


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ([("tool_use", "t"), ("default", "d")], "d"),
        ([("tool_use", "t"), ("rag", "r")], "r"),
        ([("tool_use", "t")], "t"),
    ],
)
def test_named_templates(tmp_path: Path, named: list[tuple[str, str]], expected: str) -> None:
    templates = [{"name": name, "template": text} for name, text in named]
    opened = ChatTemplate.open(tmp_path, model_folder(tmp_path, tokenizer_config={"chat_template": templates}))
    assert opened is not None
    assert opened.render(HELLO) == expected


def test_no_template_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    found = ChatTemplate.open(tmp_path, model_folder(tmp_path))
    assert found is None
    with pytest.raises(ChatTemplateError, match="my model has no chat template") as caught:
        require_template(found, "my model")
    assert caught.value.way_out


def test_damaged_template_file(tmp_path: Path) -> None:
    tokenizer = model_folder(tmp_path)
    (tmp_path / "chat_template.json").write_text("{", encoding="utf-8")
    with pytest.raises(ChatTemplateError, match=r"chat_template\.json"):
        ChatTemplate.open(tmp_path, tokenizer)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ bos_token }}|{{ eos_token }}|{{ tools is none }}{{ documents is none }}", "<s>||TrueTrue"),
        ("{{ strftime_now('%d %b %Y') }}", "04 Mar 2026"),
        ("{{ {'a': '<\u00e9>'} | tojson }}", '{"a": "<\u00e9>"}'),
        ("{{ {'b': 1, 'a': 2} | tojson(indent=1, sort_keys=true) }}", '{\n "a": 2,\n "b": 1\n}'),
        ("a\n  {% if true %}\nb\n  {% endif %}\nc", "a\nb\nc"),
        ("{% for i in range(9) %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}", "01"),
        ("{% generation %}x{{ messages[0].content }}{% endgeneration %}", "xHello"),
        ("{% set ns = namespace(n=1) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}", "2"),
        ("{{ 'a' ~ 1 ~ ('b' ~ none) }}", "a1bNone"),
        (
            "{{ '%s-%d' % ('x', 3) }}{{ '{:>3}'.format('y') }}{{ 'ab' * 2 }}{{ ['a', 'b'] | join(', ') }}",
            "x-3  yababa, b",
        ),
        ("{{ add_generation_prompt }} {{ messages | map(attribute='role') | list }}", "True ['user']"),
    ],
)
def test_language(source: str, expected: str) -> None:
    assert render(source) == expected


def test_variables_reach_the_template() -> None:
    source = "{{ enable_thinking }} {{ add_generation_prompt }}"
    assert render(source, add_generation_prompt=False, enable_thinking=True) == "True False"


def test_content_as_parts_when_the_template_needs_it() -> None:
    parts = "{% for m in messages %}{% for c in m.content %}{{ c.text }};{% endfor %}{% endfor %}"
    assert render(parts) == "Hello;"
    assert render("{% for m in messages %}{{ m['content'][0]['text'] }}{% endfor %}") == "Hello"


def test_the_templates_own_message_is_shown() -> None:
    with pytest.raises(ChatTemplateError, match="turns must alternate") as caught:
        render("{{ raise_exception('turns must alternate') }}")
    assert caught.value.way_out


def test_a_refused_system_message_is_named() -> None:
    source = "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('nope') }}{% endif %}{% endfor %}"
    with pytest.raises(ChatTemplateError, match="does not take a system message: nope") as caught:
        template(source).render([Message("system", "S"), *HELLO])
    assert "system prompt" in caught.value.way_out


@pytest.mark.parametrize(
    "source",
    [
        "{% if %}",
        "{{ nothing.at.all }}",
        "{{ 1 / 0 }}",
        "{{ 'a' + 1 }}",
        "{{ unknown() }}",
        "{{ 'a' | unknown }}",
        "{{ messages[7]['role'] + '' }}",
        "{% include 'x' %}",
    ],
)
def test_broken_templates(source: str) -> None:
    with pytest.raises(ChatTemplateError, match=r"chat_template\.jinja") as caught:
        render(source)
    assert caught.value.way_out


HOSTILE = [
    "{{ ''.__class__.__mro__[1].__subclasses__()[0] }}",
    "{{ raise_exception.__globals__['json'] }}",
    "{{ messages.append(1) }}",
    "{{ namespace.__init__.__globals__.x }}",
    "{% set ns = namespace() %}{% set ns.__class__ = 1 %}",
    "{{ namespace(_x=1) }}",
    "{{ ('%s' | attr('__class__')).mro() }}",
    "{% for i in range(100001) %}{% endfor %}",
    "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "{% for i in range(99999) %}{{ 'a' * 1000 }}{% endfor %}",
    "{{ 'a' * 1000000000 }}",
    "{{ [0] * 1000000000 }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ '%*d' % (1000000000, 1) }}",
    "{{ '{:1000000000}'.format(1) }}",
    "{{ 'a'.center(1000000000) }}",
    "{{ 'a' | center(1000000000) }}",
    "{{ [1] | batch(1000000000, 'x') | list }}",
    "{{ 9 ** 999999999 }}",
    "{% set ns = namespace(x=3) %}{% for i in range(90) %}{% set ns.x = ns.x * ns.x %}{% endfor %}",
    "{% set ns = namespace(x='aa') %}{% for i in range(90) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
    "{% set ns = namespace(x='aa') %}{% for i in range(90) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
    "{% set ns = namespace(x='aa') %}{% for i in range(90) %}{% set ns.x = ns.x.replace('a', ns.x) %}{% endfor %}",
    "{% set ns = namespace(x='aa') %}{% for i in range(90) %}{% set ns.x = [ns.x, ns.x] | join %}{% endfor %}",
    "{% set ns = namespace(x=['a']) %}{% for i in range(90) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
    "{% macro f(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}",
    "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
    "{{ lipsum(1000000) }}",
]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("source", HOSTILE)
def test_hostile_templates(source: str) -> None:
    with pytest.raises(ChatTemplateError):
        render(source)


def test_a_template_works_again_after_a_failure() -> None:
    both = template("{% if messages | length > 1 %}{{ raise_exception('no') }}{% endif %}{{ messages[0].content }}")
    with pytest.raises(ChatTemplateError):
        both.render([*HELLO, *HELLO])
    assert both.render(HELLO) == "Hello"
