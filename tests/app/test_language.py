"""The window in another language: complete, with every placeholder, shown, and nothing cut where it is narrow."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QLabel, QPushButton, QScrollArea, QToolButton, QWidget

from app.language import TRANSLATED, language_for
from app.resources_paths import translation_path
from app.views.pages import Page
from app.views.widgets import ElidedLabel
from tests.app.driver import Window

Open = Callable[..., Window]
TRANSLATED_SHARE = 0.95  # of the texts in the sources; what is missing is shown in English


@pytest.fixture
def german(open_window: Open, tmp_path: Path) -> Callable[..., Window]:
    (tmp_path / "data").mkdir()
    settings = {"schema_version": 2, "settings": {"language": "de"}}
    (tmp_path / "data" / "settings.json").write_text(json.dumps(settings))
    return open_window


@pytest.mark.parametrize("language", TRANSLATED)
def test_the_texts_of_the_sources_are_translated(tools: ModuleType, language: str) -> None:
    texts, missing = tools.source_texts(), tools.missing_texts(language)
    assert len(texts) > 500
    assert len(missing) <= (1 - TRANSLATED_SHARE) * len(texts), missing


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_placeholder_is_kept(tools: ModuleType, language: str) -> None:
    for (_, text), translation in tools.translations(tools.FOLDER / f"espalier_{language}.ts").items():
        if translation:
            assert sorted(re.findall(r"{\d}", text)) == sorted(re.findall(r"{\d}", translation)), text


@pytest.mark.parametrize("language", TRANSLATED)
def test_the_compiled_file_is_that_of_the_texts(tools: ModuleType, language: str, tmp_path: Path) -> None:
    source = tools.FOLDER / f"espalier_{language}.ts"
    tools._tool("lrelease", "-silent", str(source), "-qm", str(tmp_path / "new.qm"))
    assert (tmp_path / "new.qm").read_bytes() == translation_path(language).read_bytes()


def test_texts_behind_a_modules_own_function_and_in_tables_are_found(tools: ModuleType) -> None:
    texts = tools.source_texts()
    assert ("Verdicts", "Fits easily") in texts
    assert ("Settings", "Theme") in texts
    assert ("ConversationList", "Today") in texts
    assert ("Inspector", "Higher is more varied, 0 always takes the likeliest.") in texts


def test_texts_are_looked_up_where_they_are_gathered(project_root: Path) -> None:
    """A text in `widget.tr` is gathered under the name `widget` and looked up under the widget's class."""
    elsewhere = re.compile(r"(?<!self)\.tr\(")
    sources = sorted((project_root / "app").rglob("*.py"))
    assert sources
    assert [path.name for path in sources if elsewhere.search(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    ("choice", "system", "language"),
    [
        ("de", ["en-US"], "de"), ("en", ["de-DE"], "en"), ("system", ["de_AT", "en"], "de"),
        ("system", ["fr-FR", "de", "en"], "de"), ("system", ["fr-FR"], "en"), ("system", [], "en"),
        ("system", ["en-GB", "de"], "en"),
    ],
)  # fmt: skip
def test_the_system_is_asked_for_its_languages(choice: str, system: list[str], language: str) -> None:
    assert language_for(choice, system) == language


def test_a_german_window_shows_german_words(german: Open) -> None:
    window = german()
    app = window.app
    assert [button.text() for button in app.window.rail.buttons.values()] == [
        "Chat", "Modelle", "Downloads", "Umwandeln", "Einstellungen",
    ]  # fmt: skip
    assert app.chat.empty.title.text() == "Neuer Chat"
    assert app.chat.composer.input.placeholderText() == "Nachricht schreiben"
    assert app.window.status.state.text() == "Bereit"
    assert app.actions["new_chat"].text() == "Neuer Chat"
    assert app.settings_page.rows["theme"].buttons["dark"].text() == "Dunkel"
    assert app.settings_page.rows["language"].buttons["de"].isChecked()
    app.settings_page.show_matching("karte freigeben")
    assert not app.settings_page.rows["unload_after_minutes"].isHidden()
    assert app.settings_page.rows["theme"].isHidden()


def test_what_the_engine_says_of_a_model_is_german_too(german: Open) -> None:
    window = german()
    bar, info = window.app.chat.model_bar, window.app.models.info
    bar.show_model(replace(info, format="EXL3 4.25 bpw", device_name="CPU, 8 cores", context_tokens=8192), False)
    assert bar.details.text() == "EXL3 4,25 bpw · CPU, 8 Kerne · Kontext 8.192"


def test_the_next_window_speaks_what_was_chosen(open_window: Open) -> None:
    first = open_window(load=False)
    assert first.app.chat.empty.title.text() == "No model is loaded"
    first.app.settings_page.rows["language"].buttons["de"].click()
    assert not first.app.settings_page.rows["language"].note_button.isHidden()
    first.app.window.close()
    second = open_window(load=False)
    assert second.app.chat.empty.title.text() == "Kein Modell ist geladen"
    second.app.settings_page.rows["language"].buttons["en"].click()
    second.app.window.close()
    assert open_window(load=False).app.chat.empty.title.text() == "No model is loaded"


@pytest.mark.parametrize("width", [700, 1200])
@pytest.mark.parametrize("language", ["en", "de"])
def test_nothing_is_cut(open_window: Open, tmp_path: Path, language: str, width: int) -> None:
    (tmp_path / "data").mkdir()
    settings = {"schema_version": 2, "settings": {"language": language}}
    (tmp_path / "data" / "settings.json").write_text(json.dumps(settings))
    window = open_window(load=False, demo=True, width=width)
    window.ready()
    window.qtbot.wait(30)
    cut = [("demo", *each) for each in cut_texts(window.app.window)]
    window.app.load(window.model)
    window.until(lambda: window.app.models.is_ready and not window.app.models.is_demo)
    for page in Page:
        window.app.window.show_page(page)
        window.qtbot.wait(30)
        cut += [(page.value, *each) for each in cut_texts(window.app.window)]
    window.app.window.show_page(Page.CHAT)
    window.qtbot.mouseClick(window.app.chat.model_bar.inspector_button, Qt.MouseButton.LeftButton)
    if not window.app.inspector.isVisible():
        window.app.window.toggle_inspector()
    window.qtbot.wait(30)
    cut += [("inspector", *each) for each in cut_texts(window.app.window)]
    assert cut == [], cut


def cut_texts(window: QWidget) -> Iterator[tuple[str, int, int]]:
    """(text, room, needed) of every label, button and page on view that has less room than it needs."""
    for area in window.findChildren(QScrollArea):
        inside = area.widget()
        if area.isVisible() and inside is not None and inside.width() > area.viewport().width():
            yield type(area.parent()).__name__, area.viewport().width(), inside.width()
    for part in window.findChildren(QWidget):
        if not part.isVisible() or not part.visibleRegion().boundingRect().isValid():
            continue
        if isinstance(part, QLabel) and not isinstance(part, ElidedLabel) and part.text():
            needed = part.heightForWidth(part.width()) if part.wordWrap() else part.sizeHint().width()
            room = part.height() if part.wordWrap() else part.width()
        elif isinstance(part, QPushButton | QToolButton) and part.text():
            if isinstance(part, QToolButton) and part.toolButtonStyle() is Qt.ToolButtonStyle.ToolButtonIconOnly:
                continue
            needed, room = words_width(part), part.width()
        else:
            continue
        if room < needed:
            yield part.text() if isinstance(part, QLabel | QAbstractButton) else "", room, needed


def words_width(button: QAbstractButton) -> int:
    padding = 26 if isinstance(button, QPushButton) else 4
    return max(button.fontMetrics().horizontalAdvance(line) for line in button.text().split("\n")) + padding


def test_texts_to_be_translated_are_plain_where_they_are_asked_for(project_root: Path) -> None:
    """What collects them sees no text behind a condition or a name."""
    hidden = []
    for path in (project_root / "app").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            texts = node.args[:1] if name == "tr" else node.args[1:2] if name == "translate" else []
            hidden += [f"{path.name}:{node.lineno}" for text in texts if isinstance(text, (ast.IfExp, ast.BinOp))]
    assert hidden == []
