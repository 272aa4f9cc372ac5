"""Collects the texts of errors that the window may show, as templates: "{0} cannot be read: {1}.".

The engine and the stores write their errors as plain sentences and know nothing of languages. This reads their sources
and finds what can stand in a message or a way out: literals, f-strings (every value becomes a numbered gap), and what
reaches them through names, parameters, helpers and alternatives. Knows nothing of translations.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHOWN = ("engine", "app/storage", "app/controllers", "app/pictures", "app/engine_worker.py")
ONLY_IN_A_TERMINAL = (
    "engine/evaluation", "engine/fit_report.py", "engine/terminal.py",
    "engine/hub/download_command.py",
)  # fmt: skip
MOST_ALTERNATIVES = 80  # of one text; more would be a sign of a text put together from scraps
DEEPEST = 6  # steps from a raise to where its words stand
WITH_A_REASON = ("CardReport", "Estimate")  # records that say why something is missing
SAYING = ("obstacle", "save")  # functions that give back a text to be shown
GAP = "\0"
FIELD = re.compile(r"\{\w*\}")


@dataclass(frozen=True)
class _Module:
    path: Path
    tree: ast.Module

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        return {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}

    @cached_property
    def functions(self) -> dict[str, list[ast.FunctionDef]]:
        found: dict[str, list[ast.FunctionDef]] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef):
                found.setdefault(node.name, []).append(node)
        return found

    def scope_of(self, node: ast.AST) -> ast.FunctionDef | None:
        """The function around a node."""
        while not isinstance(node, ast.FunctionDef):
            parent = self.parents.get(node)
            if parent is None:
                return None
            node = parent
        return node


class ErrorTexts:
    """The sources, read once."""

    def __init__(self, root: Path = ROOT) -> None:
        paths = [path for place in SHOWN for path in _python_files(root / place)]
        hidden = tuple(str(root / each) for each in ONLY_IN_A_TERMINAL)
        self._modules = [
            _Module(path, ast.parse(path.read_text(encoding="utf-8")))
            for path in sorted(set(paths)) if not str(path).startswith(hidden)
        ]  # fmt: skip
        self._errors = self._error_classes()
        self._calls: dict[str, list[tuple[_Module, ast.Call]]] = {}
        for module in self._modules:
            for node in ast.walk(module.tree):
                if isinstance(node, ast.Call):
                    self._calls.setdefault(_name(node.func), []).append((module, node))

    def templates(self) -> set[str]:
        """Every text that has words of its own beside its gaps."""
        found = (
            text for module in self._modules for shown in self._shown(module) for text in self._texts(module, shown, 0)
        )
        return {numbered(text) for text in found if any(each.isalpha() for each in text.replace(GAP, ""))}

    def _error_classes(self) -> set[str]:
        known = {"EngineError"}
        classes = [node for module in self._modules for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef)]
        for _ in range(DEEPEST):
            known |= {each.name for each in classes if any(_name(base) in known for base in each.bases)}
        return known - {"Cancelled"} | {"RetryLater"}  # the one is shown to nobody; a wait for the other is shown

    def _shown(self, module: _Module) -> Iterator[ast.expr]:
        """The messages and ways out of errors, and why a download waits."""
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and (_name(node.func) in self._errors or _is_some_error(module, node)):
                yield from node.args[:2]
                yield from (each.value for each in node.keywords if each.arg in ("message", "way_out"))
            elif isinstance(node, ast.Call) and _name(node.func) in WITH_A_REASON:
                yield from (each.value for each in node.keywords if each.arg in ("problem", "reason"))
                yield from node.args[2:3]
            elif isinstance(node, ast.Call) and ast.unparse(node.func) == "problems.append":
                yield from node.args
            elif isinstance(node, ast.FunctionDef) and node.name in SAYING:
                yield from (each.value for each in ast.walk(node) if isinstance(each, ast.Return) and each.value)
            elif isinstance(node, ast.Tuple) and _is_wait(node):
                yield node.elts[1]

    def _texts(self, module: _Module, node: ast.expr, depth: int) -> list[str]:
        """What an expression may be, a gap where that cannot be told."""
        if depth > DEEPEST:
            return [GAP]
        if isinstance(node, ast.Constant):
            return [node.value] if isinstance(node.value, str) else [GAP]
        if isinstance(node, ast.IfExp):
            return [text for part in (node.body, node.orelse) for text in self._texts(module, part, depth)]
        if isinstance(node, ast.JoinedStr):
            return self._joined(module, node.values, depth)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self._joined(module, [node.left, node.right], depth)
        if isinstance(node, ast.FormattedValue):
            is_plain = node.conversion == -1 and node.format_spec is None
            texts = self._texts(module, node.value, depth + 1) if is_plain else [GAP]
            return texts if is_plain and any(_is_phrase(text) for text in texts) else [GAP]
        if isinstance(node, ast.Name):
            return self._named(module, node, depth + 1)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
            return [FIELD.sub(GAP, text) for text in self._texts(module, node.func.value, depth)]
        if isinstance(node, ast.Call):
            return self._returned(module, node, depth + 1)
        return [GAP]

    def _joined(self, module: _Module, parts: list[ast.expr], depth: int) -> list[str]:
        choices = [self._texts(module, part, depth) for part in parts]
        whole = list(product(*choices))
        if len(whole) > MOST_ALTERNATIVES:
            whole = list(product(*(each if len(each) == 1 else [GAP] for each in choices)))
        return ["".join(parts) for parts in whole]

    def _named(self, module: _Module, name: ast.Name, depth: int) -> list[str]:
        function = module.scope_of(name)
        if function is not None:
            values = _assigned(function, name.id)
            if values:
                texts = [text for value in values for text in self._texts(module, value, depth)]
                for more in _added(function, name.id):
                    texts += [text + end for text in texts for end in self._texts(module, more, depth)]
                return _unique(texts)
            if any(each.arg == name.id for each in (*function.args.args, *function.args.kwonlyargs)):
                return self._passed(module, function, name.id, depth)
        for where in (module, *self._modules):  # a constant of this module, or one that it takes from another
            if name.id.isupper() or where is module:
                values = _assigned(where.tree, name.id)
                if values:
                    return _unique(text for value in values for text in self._texts(where, value, depth))
        return [GAP]

    def _passed(self, module: _Module, function: ast.FunctionDef, parameter: str, depth: int) -> list[str]:
        """What the callers of a function give it; a name that a module keeps to itself is called there alone."""
        is_own = function.name.startswith("_") or isinstance(module.parents[function], ast.FunctionDef)
        found: list[str] = []
        for where, call in self._calls.get(function.name, []):
            value = _argument(function, call, parameter)
            if value is not None and (where is module or not is_own):
                found += self._texts(where, value, depth)
        return _unique(found) or [GAP]

    def _returned(self, module: _Module, call: ast.Call, depth: int) -> list[str]:
        """What a function of the same module gives back."""
        for node in module.functions.get(_name(call.func), []):
            values = [each.value for each in ast.walk(node) if isinstance(each, ast.Return) and each.value]
            near = max(depth, DEEPEST - 1)  # what is given to such a helper is a value, not words of ours
            return _unique(text for value in values for text in self._texts(module, value, near)) or [GAP]
        return [GAP]


def numbered(text: str) -> str:
    """A text with its gaps numbered: "{0} of {1}"."""
    first, *others = text.split(GAP)
    return first + "".join(f"{{{number}}}{part}" for number, part in enumerate(others))


def _is_some_error(module: _Module, call: ast.Call) -> bool:
    """Whether a call makes an error of a class that the function was given: `kind: type[HubError]`."""
    function = module.scope_of(call)
    given = function.args.args if function is not None else []
    kinds = [each.arg for each in given if each.annotation is not None and "Error]" in ast.unparse(each.annotation)]
    return isinstance(call.func, ast.Name) and call.func.id in kinds


def _is_wait(node: ast.Tuple) -> bool:
    """A download's phase with its reason."""
    first = node.elts[0] if len(node.elts) > 1 else None
    return isinstance(first, ast.Constant) and first.value == "stalled"


def _is_phrase(text: str) -> bool:
    """Whether a scrap is words of ours, and not the name of a thing, which is the same in every language."""
    words = [word for word in text.replace(GAP, " ").split() if any(each.isalpha() for each in word)]
    return len(words) > 1 or (len(words) == 1 and text[:1] in " ;,.")


def _python_files(place: Path) -> list[Path]:
    return [place] if place.is_file() else list(place.rglob("*.py"))


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _assigned(scope: ast.FunctionDef | ast.Module, name: str) -> list[ast.expr]:
    """What a name is bound to in a function, or at the top of a module."""
    nodes = ast.walk(scope) if isinstance(scope, ast.FunctionDef) else iter(scope.body)
    values: list[ast.expr] = []
    for node in nodes:
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr):
            targets = [node.target]
        else:
            continue
        if node.value is not None and any(isinstance(each, ast.Name) and each.id == name for each in targets):
            values.append(node.value)
    return values


def _added(function: ast.FunctionDef, name: str) -> list[ast.expr]:
    """What is put to the end of a text."""
    added = (node for node in ast.walk(function) if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add))
    return [node.value for node in added if isinstance(node.target, ast.Name) and node.target.id == name]


def _argument(function: ast.FunctionDef, call: ast.Call, parameter: str) -> ast.expr | None:
    """What a call gives for a parameter, its default where it gives nothing."""
    for keyword in call.keywords:
        if keyword.arg == parameter:
            return keyword.value
    names = [each.arg for each in function.args.args]
    names = names[1:] if names[:1] in (["self"], ["cls"]) else names
    place = names.index(parameter) if parameter in names else len(call.args)
    if place < len(call.args):
        return call.args[place]
    defaults = dict(zip(reversed(names), reversed(function.args.defaults)))
    return defaults.get(parameter)


def _unique(texts: Iterator[str] | list[str]) -> list[str]:
    return list(dict.fromkeys(texts))
