"""A model's chat template: finds it among the model's files and renders conversations with it.

Knows nothing of token ids; what a template may do is in `engine.chat.environment`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any

import jinja2

from engine.chat.environment import (
    MAX_OUTPUT_CHARACTERS,
    EndlessTemplateError,
    TemplateEnvironment,
    TemplateRefusalError,
)
from engine.errors import ChatTemplateError, ModelFormatError
from engine.requests import Message
from engine.tokenizer.config import read_json_object
from engine.tokenizer.tokenizer import Tokenizer

_REPLACE = "Put the chat_template.jinja of the original model into the model's folder, or use a raw prompt."
_PROBE = "espalier probe"


class ChatTemplate:
    """One chat template; made with `ChatTemplate.open`. It is compiled at the first rendering.

    Args:
        source: the Jinja text.
        origin: the file it is from, for messages.
        special_tokens: role -> text, such as "bos_token" -> "<s>"; roles without a token stay undefined.
        clock: tells the time to templates that print the date.
    """

    def __init__(
        self,
        source: str,
        origin: str,
        special_tokens: Mapping[str, str],
        clock: Callable[[], datetime] = datetime.now,
    ) -> None:
        self.source = source
        self.origin = origin
        self._special_tokens = dict(special_tokens)
        self._environment = TemplateEnvironment(clock)
        self._compiled: jinja2.Template | None = None
        self._content_as_parts: bool | None = None
        self._lock = Lock()

    @classmethod
    def open(
        cls, folder: Path | str, tokenizer: Tokenizer, clock: Callable[[], datetime] = datetime.now
    ) -> ChatTemplate | None:
        """Finds the template of a model folder; None if it has none.

        Looks into chat_template.jinja, chat_template.json and tokenizer_config.json, in this order. Of several named
        templates it takes "default", else the first that is not for tools.

        Raises:
            ChatTemplateError: a template file cannot be read.
        """
        for name, read in _PLACES:
            source = read(Path(folder) / name)
            if source is not None:
                return cls(source, name, tokenizer.special_tokens, clock)
        return None

    def render(self, messages: Sequence[Message], add_generation_prompt: bool = True, **variables: Any) -> str:
        """The conversation as the model was trained to read it.

        Args:
            messages: the turns, oldest first.
            add_generation_prompt: end with the opening of the assistant's turn.
            variables: further template variables (`enable_thinking`, `tools` ...), plain data only.

        Raises:
            ChatTemplateError: the template is broken, has no end, or refuses this conversation.
        """
        with self._lock:
            return self._render(list(messages), {"add_generation_prompt": add_generation_prompt, **variables})

    def shows_images(self, placeholder: str) -> bool:
        """Whether an image of a user's message is rendered as a placeholder, and the text with it."""
        try:
            rendered = self.render([Message("user", _PROBE, (Path("image"),))])
        except ChatTemplateError:
            return False
        return rendered.count(placeholder) == 1 and _PROBE in rendered

    def _render(self, messages: list[Message], variables: dict[str, Any]) -> str:
        template = self._compile()
        try:
            if self._content_as_parts is None:
                self._content_as_parts = self._wants_parts(template)
            return self._run(template, self._data(messages), variables)
        except _FAILURES as error:
            raise self._explained(template, error, messages, variables) from error

    def _compile(self) -> jinja2.Template:
        if self._compiled is None:
            try:
                self._compiled = self._environment.from_string(self.source)
            except jinja2.TemplateSyntaxError as error:
                message = f"The chat template in {self.origin} is broken at line {error.lineno}: {error.message}."
                raise ChatTemplateError(message, _REPLACE) from error
            except _FAILURES as error:
                raise self._broken(error) from error
        return self._compiled

    def _run(self, template: jinja2.Template, messages: list[dict[str, Any]], variables: Mapping[str, Any]) -> str:
        self._environment.restart()
        given = {"tools": None, "documents": None, **self._special_tokens, **variables, "messages": messages}
        parts: list[str] = []
        length = 0
        for part in template.generate(given):
            parts.append(part)
            length += len(part)
            if length > MAX_OUTPUT_CHARACTERS:
                raise jinja2.TemplateError(f"it writes more than {MAX_OUTPUT_CHARACTERS} characters")
        return "".join(parts)

    def _data(self, messages: Sequence[Message]) -> list[dict[str, Any]]:
        return [_as_data(message, bool(self._content_as_parts)) for message in messages]

    def _wants_parts(self, template: jinja2.Template) -> bool:
        """Whether the template shows a message only if its content is a list of parts."""
        return not self._shows(template, as_parts=False) and self._shows(template, as_parts=True)

    def _shows(self, template: jinja2.Template, *, as_parts: bool) -> bool:
        try:
            probe = [_as_data(Message("user", _PROBE), as_parts)]
            return _PROBE in self._run(template, probe, {"add_generation_prompt": True})
        except EndlessTemplateError:
            raise
        except _FAILURES:
            return False

    def _explained(
        self, template: jinja2.Template, error: Exception, messages: Sequence[Message], variables: Mapping[str, Any]
    ) -> ChatTemplateError:
        if self._only_system_is_refused(template, messages, variables):
            message = f"The chat template in {self.origin} does not take a system message: {_reason(error)}"
            return ChatTemplateError(message, "Clear the system prompt, or say it in your first message instead.")
        if isinstance(error, TemplateRefusalError):
            message = f"The chat template in {self.origin} refuses this conversation: {_reason(error)}"
            way_out = "Start a new conversation, or edit this one so that your turns and the model's alternate."
            return ChatTemplateError(message, way_out)
        return self._broken(error)

    def _only_system_is_refused(
        self, template: jinja2.Template, messages: Sequence[Message], variables: Mapping[str, Any]
    ) -> bool:
        if self._content_as_parts is None:  # it failed before the first conversation
            return False
        others = [message for message in messages if message.role != "system"]
        if not others or len(others) == len(messages):
            return False
        try:
            self._run(template, self._data(others), variables)
        except _FAILURES:
            return False
        return True

    def _broken(self, error: Exception) -> ChatTemplateError:
        return ChatTemplateError(f"The chat template in {self.origin} cannot be used: {_reason(error)}", _REPLACE)


def require_template(template: ChatTemplate | None, model_name: str) -> ChatTemplate:
    """The template, for a request that cannot do without: nothing is guessed in its place.

    Raises:
        ChatTemplateError: there is none.
    """
    if template is None:
        message = f"{model_name} has no chat template, so it does not say how a conversation is written."
        raise ChatTemplateError(message, _REPLACE)
    return template


# What a template's own code can raise: it calls methods of plain data and evaluates arithmetic.
_FAILURES = (jinja2.TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError,
             MemoryError, SyntaxError)  # fmt: skip


def _as_data(message: Message, as_parts: bool) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"type": "image"} for _ in message.images]
    if message.content or not parts:
        parts.append({"type": "text", "text": message.content})
    return {"role": message.role, "content": parts if as_parts or message.images else message.content}


def _reason(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text if text[-1] in ".!?" else f"{text}."


def _from_text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ChatTemplateError(f"{path.name} cannot be read: {error}.", _REPLACE) from error


def _from_json(path: Path) -> str | None:
    try:
        value = read_json_object(path).get("chat_template")
    except ModelFormatError as error:
        raise ChatTemplateError(error.message, error.way_out) from error
    if isinstance(value, list):
        named = {each.get("name"): each.get("template") for each in value if isinstance(each, dict)}
        plain = [text for name, text in named.items() if "tool" not in str(name)]
        value = named.get("default") or next(iter([*plain, *named.values()]), None)
    return value if isinstance(value, str) else None


_PLACES: tuple[tuple[str, Callable[[Path], str | None]], ...] = (
    ("chat_template.jinja", _from_text),
    ("chat_template.json", _from_json),
    ("tokenizer_config.json", _from_json),
)
