"""Names, roles and the keyboard on every page; the crash report of the last run; folders with any name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QAbstractButton, QApplication, QPlainTextEdit, QWidget

from app.application import Application
from app.launch import Launch
from app.storage.paths import data_paths
from app.theme.style import qt_palette, style_sheet
from app.theme.tokens import DARK, LIGHT, Palette, contrast, mix
from app.views.dialogs import CrashDialog
from app.views.pages import Page
from engine.errors import ContextTooLongError
from tests.app.driver import Window
from tests.app.tab_order import tab_stops, unreached

Open = Callable[..., Window]
NO_ROLE = (QAccessible.Role.NoRole, QAccessible.Role.Client)
# The bar of a card's memory and the picture of errors: their names and what the arrows point at are read out.
DRAWN = ("_Strip", "Canvas")


def everything(window: Window) -> Iterator[str]:
    """Brings each part of the window on view, with what stands on it, and tells which it is."""
    app = window.app
    yield "empty chat"
    window.say("hello")
    yield "chat"
    window.script.step_error = ContextTooLongError("Too long.", "Shorten it.")
    window.say("again")
    yield "chat with an error"
    app.window_actions.find_here()
    yield "search in a chat"
    for page in Page:
        app.window.show_page(page)
        window.qtbot.wait(30)
        yield page.value
    app.window_actions.show_my_models()
    yield "models on this computer"
    app.window_actions.find_model()
    yield "finding models"
    app.window_actions.show_help()
    yield "help"
    app.window_actions.show_palette()
    yield "palette"
    app.report_crash("a fault")
    yield "crash report"
    app.window.notice.say("Something", "Act", lambda: None)
    yield "note"


def test_every_focusable_widget_everywhere_has_a_name_and_a_role(window: Window) -> None:
    """What only scrolls has no role in Qt: its description says what it is."""
    faults = set()
    for part in everything(window):
        for widget in QApplication.allWidgets():
            if not belongs(widget, window) or widget.focusPolicy() is Qt.FocusPolicy.NoFocus:
                continue
            if widget.focusProxy() is not None or widget.objectName() == "qt_spinbox_lineedit":
                continue
            interface = QAccessible.queryAccessibleInterface(widget)
            if interface is None or not interface.text(QAccessible.Text.Name):
                faults.add((part, "no name", type(widget).__name__))
            elif interface.role() in NO_ROLE and type(widget).__name__ not in DRAWN:
                if interface.text(QAccessible.Text.Description):
                    continue
                faults.add((part, "no role", type(widget).__name__))
    assert faults == set(), faults


def test_every_button_without_words_has_a_name(window: Window) -> None:
    faults = set()
    for part in everything(window):
        for button in window.app.window.findChildren(QAbstractButton):
            is_ours = not button.objectName().startswith("qt_")
            if is_ours and not button.text() and not button.accessibleName():
                faults.add((part, type(button).__name__))
    assert faults == set(), faults


@pytest.mark.parametrize("page", list(Page))
def test_tab_reaches_everything_on_a_page(open_window: Open, page: Page) -> None:
    window = open_window(load=False)
    window.app.window.show_page(page)
    window.qtbot.wait(50)
    assert unreached(window, tab_stops(window.app.window)) == set()


def belongs(widget: QWidget, window: Window) -> bool:
    top = widget.window()
    return top is window.app.window or (top.parent() is window.app.window and top.isVisible())


@pytest.mark.parametrize("colours", [DARK, LIGHT], ids=["dark", "light"])
def test_what_the_style_sheet_mixes_is_readable(colours: Palette) -> None:
    grounds = {
        "hover": mix(colours.surface, colours.text, 0.07),
        "pressed": mix(colours.surface, colours.text, 0.12),
        "selected": mix(colours.surface, colours.accent, 0.16),
        "menu": colours.raised,
    }
    for name, ground in grounds.items():
        assert contrast(colours.text, ground) >= 4.5, name
    assert contrast(colours.accent, grounds["selected"]) >= 4.5  # the word of a chosen button, the page on the rail
    assert contrast(colours.on_accent, mix(colours.accent, colours.text, 0.14)) >= 4.5  # a pressed main button
    assert contrast(colours.muted, colours.background) >= 4.5
    assert grounds["selected"] in style_sheet(colours)  # the sheet mixes as this test does
    assert qt_palette(colours).placeholderText().color().name().upper() == colours.muted.upper()


def test_a_fault_of_the_last_run_is_shown_at_the_next_start(open_window: Open) -> None:
    window = open_window(load=False)
    window.app.report_crash("The last run ended with this fault:\n\nSegmentation fault", of_last_run=True)
    dialog = window.app.window.findChild(CrashDialog)
    assert dialog is not None
    assert dialog.windowTitle() == "Espalier ended unexpectedly last time"
    text = dialog.findChild(QPlainTextEdit)
    assert text is not None
    assert "Segmentation fault" in text.toPlainText()
    dialog._copy()
    assert "Segmentation fault" in QApplication.clipboard().text()
    assert list(window.app._launch.paths.crash_reports.glob("crash-*.txt"))


@pytest.mark.parametrize("name", ["with a space", "Кириллица", "emoji 🌳 日本語", "100% #1 & {0}"])
def test_folders_may_have_any_name(
    qapp: QApplication, qtbot: object, open_window: Open, tmp_path: Path, name: str
) -> None:
    model = tmp_path / name / "a model"
    model.mkdir(parents=True)
    (model / "config.json").write_text("{}")
    window = open_window(load=False)
    usual = window.app._launch
    window.app.window.close()
    paths = data_paths(tmp_path / name / "data")
    launch = Launch(
        paths, model, tmp_path / "none", window.script.open_session,
        endpoint_of=usual.endpoint_of, hub_cache=None, cache_folder=tmp_path / name / "cache",
    )  # fmt: skip
    app = Application(qapp, launch)
    app.start()
    other = Window(app, window.script, model, window.qtbot)
    try:
        other.ready()
        other.say("hello")
        app.preferences.save_now()
        assert app.models.info is not None
        assert app.models.info.path == model
        assert paths.settings.is_file()
        assert paths.conversations.is_file()
        assert app.store.conversations()
    finally:
        app.close()
        app.window.close()
        app.window.deleteLater()
        app.deleteLater()


@pytest.mark.parametrize("width", [1200, 700])
def test_tab_goes_through_the_filters_as_the_eye_does(open_window: Open, width: int) -> None:
    window = open_window(load=False, width=width)
    window.app.window_actions.find_model()
    window.qtbot.wait(50)
    filters = window.app.model_pages.browser.page.filters
    filters.search.setFocus()
    seen: list[QWidget] = [filters.search]
    while seen[-1] is not filters.vision and len(seen) < 20:
        window.qtbot.keyClick(seen[-1], Qt.Key.Key_Tab)
        widget = window.app.window.focusWidget()
        assert widget is not None
        seen.append(widget)
    places = [each.mapTo(filters, each.rect().topLeft()) for each in seen if filters.isAncestorOf(each)]
    assert len(places) == 7
    assert [(each.y() // 20, each.x()) for each in places] == sorted((each.y() // 20, each.x()) for each in places)


def test_the_system_theme_is_followed_while_the_window_stands(window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    window.app.preferences.update(theme="system")
    theme, hints = window.app.theme, QApplication.styleHints()
    for scheme, colours in ((Qt.ColorScheme.Dark, DARK), (Qt.ColorScheme.Light, LIGHT), (Qt.ColorScheme.Dark, DARK)):
        monkeypatch.setattr(type(hints), "colorScheme", lambda _self, scheme=scheme: scheme)
        hints.colorSchemeChanged.emit(scheme)
        assert theme.colours is colours
        ground = window.app.window.grab().toImage().pixelColor(window.app.window.width() // 2, 3)
        assert ground.name().upper() in (colours.background.upper(), colours.surface.upper())
    monkeypatch.undo()
    window.app.preferences.update(theme="light")  # what is chosen stays, whatever the system says
    hints.colorSchemeChanged.emit(Qt.ColorScheme.Dark)
    assert theme.colours is LIGHT


def test_icons_are_drawn_for_the_screens_there_are(window: Window) -> None:
    sizes = {size.width() for size in window.app.theme.icon("chat").availableSizes()}
    ratios = {1.0, *(screen.devicePixelRatio() for screen in QApplication.screens())}
    assert len(sizes) == len(ratios)
    before = window.app.theme.icon("chat")
    assert window.app.theme.icon("chat") is before
    QApplication.instance().screenAdded.emit(QApplication.primaryScreen())  # type: ignore[union-attr]
    assert window.app.theme.icon("chat") is not before
