"""Collects the texts of the window for translators, and makes of their files what the program reads.

    python packaging/translations.py update     new texts into resources/translations/*.ts
    python packaging/translations.py compile    *.ts -> *.qm
    python packaging/translations.py check      says what has no translation yet; its status is 1 if there is any

Qt's own lupdate and lrelease do the work; they come with PySide6. What lupdate cannot see is gathered here: texts that
go through a module's own `_tr`, those of the typed tables of settings, and the templates of errors, which the program
also needs as a list to recognise an error by.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import PySide6

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "packaging")]

from error_texts import ErrorTexts  # noqa: E402  # it lies beside this file

FOLDER = ROOT / "resources" / "translations"
ERRORS = FOLDER / "error_texts.json"
LANGUAGES = ("de",)
Text = tuple[str, str]
"""The context that a text is looked up under, and the text."""


def main(arguments: list[str]) -> int:
    """Runs one command; returns the exit status."""
    commands = {"update": update, "compile": compile_all, "check": check}
    if len(arguments) != 1 or arguments[0] not in commands:
        print(__doc__)
        return 2
    return commands[arguments[0]]()


def update() -> int:
    """Brings the files up to the sources; translations of texts that stayed are kept."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for language in LANGUAGES:
        _extract(FOLDER / f"espalier_{language}.ts", language)
    ERRORS.write_text(error_list(), encoding="utf-8")
    return 0


def compile_all() -> int:
    """Makes the files that the program reads."""
    for language in LANGUAGES:
        source = FOLDER / f"espalier_{language}.ts"
        _tool("lrelease", "-silent", str(source), "-qm", str(source.with_suffix(".qm")))
    return 0


def check() -> int:
    """Lists texts of the sources without a translation."""
    missing = {language: missing_texts(language) for language in LANGUAGES}
    for language, texts in missing.items():
        for context, text in texts:
            print(f"{language}: {context}: {text!r}")
    return 1 if any(missing.values()) else 0


def error_list() -> str:
    """The templates of errors as the program reads them."""
    return json.dumps(sorted(ErrorTexts().templates()), indent=0, ensure_ascii=False) + "\n"


def missing_texts(language: str) -> list[Text]:
    """Texts of the sources that the language's file does not translate."""
    known = translations(FOLDER / f"espalier_{language}.ts")
    return sorted(text for text in source_texts() if not known.get(text))


def source_texts() -> set[Text]:
    """Every text that the window may show."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "all.ts"
        _extract(path, LANGUAGES[0])
        return set(translations(path))


def translations(path: Path) -> dict[Text, str]:
    """What a file holds; '' for texts that nobody has translated."""
    found = {}
    for context in ET.parse(path).getroot().iter("context"):  # our own file, or one that lupdate made just now
        name = context.findtext("name", "")
        for message in context.iter("message"):
            done = message.find("translation")
            is_open = done is None or done.get("type") in ("unfinished", "vanished", "obsolete")
            text = "" if is_open or done is None else done.text or ""
            found[name, message.findtext("source", "")] = text
    return found


def _extract(path: Path, language: str) -> None:
    sources = sorted(str(each.relative_to(ROOT)) for each in (ROOT / "app").rglob("*.py"))
    with tempfile.TemporaryDirectory() as folder:
        gathered = Path(folder) / "gathered.py"
        lines = [f"QCoreApplication.translate({context!r}, {text!r})\n" for context, text in sorted(set(_gathered()))]
        gathered.write_text("".join(lines), encoding="utf-8")
        _tool(
            "lupdate", "-silent", "-no-obsolete", "-locations", "none", "-source-language", "en",
            "-target-language", language, *sources, str(gathered), "-ts", str(path),
        )  # fmt: skip


def _gathered() -> Iterator[Text]:
    for path in sorted((ROOT / "app").rglob("*.py")):
        yield from _through_own_function(ast.parse(path.read_text(encoding="utf-8")))
    yield from _of_tables()
    yield from (("Errors", text) for text in ErrorTexts().templates())


def _through_own_function(tree: ast.Module) -> Iterator[Text]:
    """Texts in calls of a module's own functions that look a text up under one context."""
    contexts = {node.name: _context_of(node) for node in tree.body if isinstance(node, ast.FunctionDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and contexts.get(node.func.id) and node.args:
            yield from ((contexts[node.func.id], text) for text in _texts_in(node.args[0]))


def _texts_in(node: ast.expr) -> Iterator[str]:
    """The texts that an expression may be; what a table is asked for by name is none."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from (text for part in (node.body, node.orelse) for text in _texts_in(part))


def _context_of(function: ast.FunctionDef) -> str:
    """The context that a function looks its first argument up under; '' where it does no such thing."""
    first = function.args.args[0].arg if function.args.args else ""
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "QCoreApplication.translate" and len(node.args) > 1:
            context, text = node.args[:2]
            if isinstance(context, ast.Constant) and isinstance(text, ast.Name) and text.id == first:
                return str(context.value)
    return ""


def _of_tables() -> Iterator[Text]:
    """Names and sentences of the settings, of the settings of replies, and of the models to start with."""
    from app.storage.settings import TABLE
    from engine.requests import SamplingSettings

    for spec in TABLE:
        if spec.about is not None:
            about = spec.about
            for text in (about.group.value, about.label, about.help, *(option.label for option in about.options)):
                yield "Settings", text
    for starter in json.loads((ROOT / "resources" / "starter_models.json").read_text(encoding="utf-8"))["models"]:
        yield "Starters", starter["about"]
    for each in fields(SamplingSettings):
        for key in ("label", "help"):
            if each.metadata.get(key):
                yield "Inspector", str(each.metadata[key])


def _tool(name: str, *arguments: str) -> None:
    ending = ".exe" if sys.platform == "win32" else ""
    package = Path(PySide6.__file__).parent
    places = [package / f"{name}{ending}", package / "Qt" / "libexec" / name]
    tool = next(place for place in places if place.is_file())
    subprocess.run([str(tool), *arguments], cwd=ROOT, check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
