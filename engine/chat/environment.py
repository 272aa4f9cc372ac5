"""The sandbox in which chat templates run: what they may use, and how much of it.

Templates come with downloaded models and are hostile until proven otherwise: they reach no Python object, and the
steps, the memory and the output of one rendering are bounded. Knows nothing of messages or files.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, NoReturn, TypeVar

import jinja2
from jinja2 import nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

_T = TypeVar("_T")

MAX_OUTPUT_CHARACTERS = 4_000_000
MAX_STEPS = 2_000_000  # loop passes, calls and sums: about two seconds
_MAX_S = 5.0  # for steps that are slow themselves
_MAX_WIDTH = 100_000
_MAX_BITS = 4096
_GROWING_FILTERS = (
    *("batch", "center", "format", "indent", "join", "list", "map", "replace", "round", "slice", "sum"),
    *("truncate", "wordwrap"),
)
_WIDE_FORMAT = re.compile(r"[%{][^%{}]{0,40}?\d{6}")
_GROWING_METHODS = frozenset(
    ("center", "expandtabs", "format", "format_map", "join", "ljust", "replace", "rjust", "to_bytes", "zfill")
)


class TemplateRefusalError(jinja2.TemplateError):
    """The template itself called `raise_exception`."""


class EndlessTemplateError(SecurityError):
    """The template took more steps or time than any template needs."""


class TemplateEnvironment(ImmutableSandboxedEnvironment):
    """Jinja as chat templates expect it, with limits. One rendering at a time; `restart` before each.

    Args:
        clock: tells the time to `strftime_now`.
    """

    intercepted_binops = frozenset(["*", "+", "**", "%"])

    def __init__(self, clock: Callable[[], datetime]) -> None:
        extensions = [_GenerationBlock, loopcontrols]
        super().__init__(trim_blocks=True, lstrip_blocks=True, extensions=extensions)
        self._steps = 0
        self._deadline = 0.0
        self.filters["tojson"] = _to_json
        for name in _GROWING_FILTERS:
            self.filters[name] = _bounded_filter(self.filters[name])
        self.globals.pop("lipsum", None)
        self.globals["dict"] = _make_dict
        self.globals["namespace"] = _PlainNamespace
        self.globals["raise_exception"] = _raise_exception
        self.globals["strftime_now"] = lambda form: clock().strftime(form)

    def restart(self) -> None:
        """Gives the next rendering its full number of steps and seconds."""
        self._steps = 0
        self._deadline = time.monotonic() + _MAX_S

    def step(self) -> str:
        """Counts one step of the running template."""
        self._steps += 1
        if self._steps > MAX_STEPS or (self._steps % 64 == 0 and time.monotonic() > self._deadline):
            raise EndlessTemplateError("it does not come to an end")
        return ""

    def concatenate(self, *values: Any) -> str:
        """The `~` operator."""
        return _bounded("".join(map(str, values)))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        self.step()
        _check_operands(operator, left, right)
        return _bounded(super().call_binop(context, operator, left, right))

    def call(__self, __context: Context, __callable: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        __self.step()
        if getattr(__callable, "__name__", "") in _GROWING_METHODS:
            method = getattr(__callable, "__wrapped__", __callable)  # the sandbox wraps `format`
            _check_arguments(getattr(method, "__self__", None), [*args, *kwargs.values()])
        return _bounded(super().call(__context, __callable, *args, **kwargs))

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        for loop in tree.find_all(nodes.For):
            loop.body.insert(0, nodes.ExprStmt(_own_call("step", []), lineno=loop.lineno))
        _bound_concatenations(tree)
        tree.set_environment(self)
        return tree


class _GenerationBlock(Extension):
    """`{% generation %}` marks the assistant's words for training; here it is transparent."""

    tags = {"generation"}  # noqa: RUF012 (Jinja declares it so)

    def parse(self, parser: Parser) -> nodes.Node | list[nodes.Node]:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(body, lineno=line)


class _PlainNamespace(Namespace):
    """A namespace whose names cannot reach into Python."""

    def __init__(*args: Any, **kwargs: Any) -> None:  # no named parameters: templates choose the names
        for name in dict(*args[1:], **kwargs):
            _check_name(name)
        Namespace.__init__(*args, **kwargs)

    def __setitem__(self, name: str, value: Any) -> None:
        _check_name(name)
        super().__setitem__(name, value)


def _check_name(name: Any) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise SecurityError(f"it sets the private name {name!r}")


def _make_dict(*args: Any, **kwargs: Any) -> dict[Any, Any]:
    return dict(*args, **kwargs)


def _raise_exception(message: Any = "") -> NoReturn:
    raise TemplateRefusalError(str(message))


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | str | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """JSON without HTML escapes, as templates are written for."""
    _check_arguments(None, [indent])
    text = json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)
    return _bounded(text)


def _bounded_filter(original: Callable[..., Any]) -> Callable[..., Any]:
    """A filter with checked arguments and a checked result; keeps Jinja's marks on the original."""

    def checked(*args: Any, **kwargs: Any) -> Any:
        plain = [value for value in args if isinstance(value, (str, int, list, tuple, Mapping))]
        subject, rest = (plain[0], plain[1:]) if plain else (None, [])
        _check_arguments(subject, [*rest, *kwargs.values()])
        return _bounded(original(*args, **kwargs))

    checked.__dict__.update(original.__dict__)
    return checked


def _check_operands(operator: str, left: Any, right: Any) -> None:
    if isinstance(left, int) and isinstance(right, int):
        times = max(right, 0) if operator == "**" else 1
        if left.bit_length() * times + right.bit_length() > _MAX_BITS:
            raise SecurityError("it computes a number without bounds")
    elif operator == "*":
        _check_size(max(_size(left) * _count(right), _size(right) * _count(left)))
    elif operator == "+":
        _check_size(_size(left) + _size(right))
    elif operator == "%" and isinstance(left, str):
        _check_arguments(left, right if isinstance(right, tuple) else [right])


def _check_arguments(subject: Any, values: Iterable[Any]) -> None:
    """Refuses what makes a method or filter build something enormous from little."""
    if isinstance(subject, str) and _WIDE_FORMAT.search(subject):
        raise SecurityError("it formats a very wide text")
    for value in values:
        if isinstance(value, int) and value > _MAX_WIDTH:
            raise SecurityError(f"it asks for a text {value} characters wide")
        if _size(subject) * _size(value) > 16 * MAX_OUTPUT_CHARACTERS:  # join and replace insert it everywhere
            raise SecurityError("it builds a text without bounds")
    for value in (subject, *values):
        if isinstance(value, (list, tuple)):
            _check_size(sum(map(_size, value)))


def _count(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _size(value: Any) -> int:
    return len(value) if isinstance(value, (str, bytes, list, tuple)) else 0


def _check_size(size: int) -> None:
    if size > MAX_OUTPUT_CHARACTERS:
        raise SecurityError(f"it makes something longer than {MAX_OUTPUT_CHARACTERS} characters")


def _bounded(value: _T) -> _T:
    _check_size(_size(value))
    return value


def _own_call(method: str, arguments: list[nodes.Expr]) -> nodes.Call:
    return nodes.Call(nodes.EnvironmentAttribute(method), arguments, [], None, None)


def _bound_concatenations(node: nodes.Node) -> None:
    """Replaces each `a ~ b` under a node by a call that checks the length."""
    for name, value in node.iter_fields():
        if isinstance(value, nodes.Node):
            setattr(node, name, _bound_one(value))
        elif isinstance(value, list):
            setattr(node, name, [_bound_one(each) for each in value])
    for child in node.iter_child_nodes():
        _bound_concatenations(child)


def _bound_one(value: Any) -> Any:
    return _own_call("concatenate", value.nodes) if isinstance(value, nodes.Concat) else value
