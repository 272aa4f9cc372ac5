"""The colours of code: Pygments' tokens as spans of a line, in a few kinds that the theme can colour. No Qt widgets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from app.theme.theme import Theme

SpanKind = Literal["keyword", "string", "number", "comment", "name", "type"]
Span = tuple[int, int, SpanKind]
"""Start and length in characters of the line, and the kind."""

MAX_CODE_CHARS = 200_000
_PREFIXES: tuple[tuple[str, SpanKind], ...] = (
    ("Token.Comment", "comment"),
    ("Token.Keyword.Constant", "number"),
    ("Token.Keyword.Type", "type"),
    ("Token.Keyword", "keyword"),
    ("Token.Operator.Word", "keyword"),
    ("Token.Literal.String", "string"),
    ("Token.Literal.Number", "number"),
    ("Token.Literal.Date", "number"),
    ("Token.Name.Function", "name"),
    ("Token.Name.Class", "name"),
    ("Token.Name.Decorator", "name"),
    ("Token.Name.Tag", "keyword"),
    ("Token.Name.Attribute", "name"),
    ("Token.Name.Builtin", "type"),
    ("Token.Name.Exception", "type"),
    ("Token.Name.Namespace", "type"),
    ("Token.Generic.Inserted", "string"),
    ("Token.Generic.Deleted", "comment"),
    ("Token.Generic.Heading", "keyword"),
    ("Token.Generic.Subheading", "keyword"),
)
ROLES: dict[SpanKind, str] = {
    "keyword": "info",
    "string": "accent",
    "number": "warning",
    "comment": "muted",
    "name": "text",
    "type": "danger",
}
"""Which colour of the theme a kind has; all of them can be read on a card."""


def highlight(code: str, language: str) -> list[tuple[Span, ...]]:
    """The spans of each line; an empty list for a language that Pygments does not know."""
    from pygments.lexers import get_lexer_by_name  # here: a tenth of a second, in the workshop's thread
    from pygments.util import ClassNotFound

    if len(code) > MAX_CODE_CHARS:
        return []
    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return []
    lines: list[list[Span]] = [[] for _ in range(code.count("\n") + 1)]
    kinds: dict[object, SpanKind | None] = {}
    line, column = 0, 0
    for token, value in ((token, value) for _, token, value in lexer.get_tokens_unprocessed(code)):
        if token not in kinds:
            kinds[token] = _kind(str(token))
        kind = kinds[token]
        for number, part in enumerate(value.split("\n")):
            if number:
                line, column = line + 1, 0
            if kind is not None and part.strip():
                lines[line].append((column, len(part), kind))
            column += len(part)
    return [tuple(each) for each in lines]


def span_colours(theme: Theme) -> dict[SpanKind, str]:
    """The colour of each kind as #rrggbb."""
    return {kind: theme.colour(role).name() for kind, role in ROLES.items()}


def _kind(token: str) -> SpanKind | None:
    return next(_matching(token), None)


def _matching(token: str) -> Iterator[SpanKind]:
    for prefix, kind in _PREFIXES:
        if token.startswith(prefix):
            yield kind
