"""A chat for people to read: the branch that is shown, as Markdown or as one HTML page.

The page stands alone: own style, no script, nothing remote, HTML in a message is text. What a model thought is folded
in the page and a quote in Markdown; pictures of the chat are inside the file. Knows nothing of Qt.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING, Any

from app.markdown.thinking import split_thinking
from app.storage.pictures import ATTACHMENT, PictureFolder
from app.storage.records import Conversation, StoredMessage
from app.storage.turns import Attached, split_turn

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_LINK = re.compile(r"(?:https?|mailto):", re.IGNORECASE)
_KINDS = "png|jpeg|gif|webp|bmp|avif|tiff"  # no SVG: that is a document
_PICTURE = re.compile(rf"data:image/(?:{_KINDS});base64,[A-Za-z0-9+/=]+")
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]+')
_MAX_NAME = 80
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)$", re.IGNORECASE)  # names that Windows keeps for devices


@dataclass(frozen=True)
class Words:
    """The words of an export in the user's language.

    Attributes:
        user, assistant, system: headings of the sides.
        interrupted: said under a reply that was cut off.
        image: in place of an image that is not in the chat, and is never loaded.
        thoughts: over what the model thought before it answered.
    """

    user: str = "You"
    assistant: str = "Assistant"
    system: str = "System prompt"
    interrupted: str = "interrupted"
    image: str = "image"
    thoughts: str = "Thoughts"


def as_markdown(
    conversation: Conversation, branch: Sequence[StoredMessage], words: Words = Words(),
    pictures: PictureFolder | None = None,
) -> str:  # fmt: skip
    """The branch as Markdown, messages as they were written, with the bytes of the chat's pictures in them."""
    parts = [f"# {_one_line(conversation.title)}", f"*{_day(conversation.created_s)}*"]
    if conversation.system_prompt.strip():
        parts += [f"**{words.system}**", _quoted(conversation.system_prompt)]
    for each in branch:
        thought, answer = _sides(each)
        parts.append(f"## {_who(each, words)}")
        parts += [_quoted(f"**{words.thoughts}**\n\n{thought.strip()}")] if thought.strip() else []
        parts.append((answer if pictures is None else pictures.embedded(answer)).strip("\n"))
        parts += [f"*{note}*" for note in _notes(each, words)]
    return "\n\n".join(part for part in parts if part) + "\n"


def as_html(
    conversation: Conversation, branch: Sequence[StoredMessage], words: Words = Words(),
    pictures: PictureFolder | None = None,
) -> str:  # fmt: skip
    """The branch as one page that needs nothing else."""
    sources = _Sources(words.image, pictures)
    title = escape(_one_line(conversation.title))
    body = [f"<h1>{title}</h1>", f'<p class="when">{_day(conversation.created_s)}</p>']
    if conversation.system_prompt.strip():
        body.append(
            f'<section class="system"><h2>{escape(words.system)}</h2>{_plain(conversation.system_prompt)}</section>'
        )
    for each in branch:
        thought, answer = _sides(each)
        inside = _folded(thought, sources, words.thoughts) if thought.strip() else ""
        inside += _rendered(answer, sources) if each.role == "assistant" else _said(each.content, sources)
        notes = "".join(f'<p class="note">{escape(note)}</p>' for note in _notes(each, words))
        heading = f"<h2>{escape(_who(each, words))}</h2>"
        body.append(f'<section class="{each.role}">{heading}{inside}{notes}</section>')
    return _PAGE.replace("{title}", title, 1).replace("{body}", "\n".join(body), 1)


def file_name(title: str, ending: str) -> str:
    """A name for the exported file that every system accepts."""
    name = " ".join(_FORBIDDEN.sub(" ", title).split())[:_MAX_NAME].strip(". ")
    return f"{name}_.{ending}" if _RESERVED.match(name) else f"{name or 'chat'}.{ending}"


def _who(message: StoredMessage, words: Words) -> str:
    if message.role == "user":
        return words.user
    return f"{words.assistant} ({message.model_name})" if message.model_name else words.assistant


def _notes(message: StoredMessage, words: Words) -> list[str]:
    cut = [words.interrupted] if message.state == "interrupted" else []
    return cut + ([f"{message.error.message} {message.error.way_out}".strip()] if message.error else [])


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _day(time_s: float) -> str:
    return datetime.fromtimestamp(time_s).strftime("%Y-%m-%d")


def _plain(text: str) -> str:
    return f'<div class="plain">{escape(text.strip())}</div>'


def _said(content: str, sources: _Sources) -> str:
    """A message of the user: its pictures, then its words as they are."""
    turn = split_turn(content)
    shown = "".join(_shown(each, sources) for each in turn.pictures)
    return (f'<p class="pictures">{shown}</p>' if shown else "") + (_plain(turn.text) if turn.text else "")


def _shown(picture: Attached, sources: _Sources) -> str:
    return _figure(f"{ATTACHMENT}{picture.name}", picture.words, sources)


def _sides(message: StoredMessage) -> tuple[str, str]:
    """What a message thought and what it says; only replies think."""
    return split_thinking(message.content) if message.role == "assistant" else ("", message.content)


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.strip().splitlines())


@dataclass(frozen=True)
class _Sources:
    """Where the pictures of a page come from, and the word for one that does not come."""

    word: str
    pictures: PictureFolder | None

    def address(self, target: str) -> str | None:
        if target.startswith(ATTACHMENT):
            return None if self.pictures is None else self.pictures.address(target.removeprefix(ATTACHMENT))
        return target if _PICTURE.fullmatch(target) else None


def _folded(thought: str, sources: _Sources, heading: str) -> str:
    return f"<details><summary>{escape(heading)}</summary>{_rendered(thought, sources)}</details>"


def _rendered(text: str, sources: _Sources) -> str:
    return str(_renderer().render(text, {"sources": sources}))


@lru_cache(maxsize=1)
def _renderer() -> MarkdownIt:
    from markdown_it import MarkdownIt  # here: the first window need not wait for it

    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    parser.validateLink = _is_known  # type: ignore[method-assign]
    parser.add_render_rule("image", _image)
    parser.add_render_rule("link_open", _link_open)
    return parser


def _is_known(url: str) -> bool:
    """Whether a target is taken for one at all; links get only those of `_LINK` later on."""
    target = url.strip()
    return bool(_LINK.match(target) or target.startswith(ATTACHMENT) or _PICTURE.fullmatch(target))


def _image(_renderer: Any, tokens: Sequence[Token], place: int, _options: Any, env: Any) -> str:
    token = tokens[place]
    return _figure(str(token.attrGet("src") or ""), token.content, env["sources"])


def _figure(target: str, words: str, sources: _Sources) -> str:
    """A picture that the page carries, or the words about one that it does not."""
    address = sources.address(target)
    if address is not None:
        return f'<img src="{escape(address)}" alt="{escape(words)}">'
    told = f"{words} " if words else ""
    return f'<span class="note">[{escape(sources.word)}: {escape(told)}{escape(target)}]</span>'


def _link_open(renderer: Any, tokens: Sequence[Token], place: int, options: Any, env: Any) -> str:
    token = tokens[place]
    if not _LINK.match(str(token.attrGet("href") or "").strip()):
        token.attrs.pop("href", None)
    token.attrSet("rel", "noopener noreferrer")
    return str(renderer.renderToken(tokens, place, options, env))


_PAGE = """<!DOCTYPE html>
<html>
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>
:root { color-scheme: light dark; --ground: #F5F7F4; --text: #1A211C; --muted: #566159; --line: #D8DED8;
  --user: #E3F0E6; --raised: #FFFFFF; --accent: #22703F; }
@media (prefers-color-scheme: dark) { :root { --ground: #14171A; --text: #E8ECEF; --muted: #A3ADB5; --line: #343B42;
  --user: #22352B; --raised: #23282D; --accent: #5FC08A; } }
body { margin: 0 auto; max-width: 760px; padding: 32px 24px; background: var(--ground); color: var(--text);
  font: 15px/1.55 system-ui, sans-serif; overflow-wrap: break-word; }
h1 { font-size: 22px; margin: 0; }
section { margin: 24px 0; }
section > h2 { font-size: 12px; font-weight: 600; color: var(--muted); margin: 0 0 4px; }
section.user { background: var(--user); border-radius: 8px; padding: 12px 16px; }
section.system { border: 1px solid var(--line); border-radius: 8px; padding: 12px 16px; }
.plain { white-space: pre-wrap; }
.when, .note { color: var(--muted); font-size: 12px; }
a { color: var(--accent); }
pre { background: var(--raised); border: 1px solid var(--line); border-radius: 8px; padding: 12px; overflow-x: auto; }
code { font: 13px/1.5 ui-monospace, monospace; }
blockquote { margin: 0; padding-left: 12px; border-left: 3px solid var(--line); color: var(--muted); }
table { border-collapse: collapse; display: block; overflow-x: auto; }
img { max-width: 100%; }
.pictures { display: flex; flex-wrap: wrap; gap: 8px; margin: 0 0 8px; }
.pictures img { max-height: 360px; border-radius: 6px; }
details { border-left: 3px solid var(--line); padding-left: 12px; color: var(--muted); }
summary { cursor: pointer; font-size: 12px; }
th, td { border: 1px solid var(--line); padding: 4px 8px; }
</style>
</head>
<body>
{body}
</body>
</html>
"""
