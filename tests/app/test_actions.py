"""One registry: shortcuts, menu, command palette and help page tell the same, and each line does what it says."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QLabel, QMenu
from pytestqt.qtbot import QtBot

from app.fuzzy import fuzzy_score
from app.views.command_palette import CommandPalette
from app.views.dialogs import HelpDialog
from app.views.pages import Page
from tests.app.driver import Window

CONTROL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def palette(window: Window) -> CommandPalette:
    window.qtbot.keyClick(window.app.window, Qt.Key.Key_K, CONTROL)
    palette = window.app.window.findChild(CommandPalette)
    assert palette is not None
    return palette


@pytest.mark.parametrize(
    ("wanted", "text"),
    [("", "anything"), ("nc", "Chat: New chat"), ("newchat", "Chat: New chat"), ("DARK", "View: Use the dark theme")],
)
def test_letters_in_order_name_a_text(wanted: str, text: str) -> None:
    assert fuzzy_score(wanted, text) is not None


@pytest.mark.parametrize(("wanted", "text"), [("chatnewx", "Chat: New chat"), ("tahc", "chat"), ("a", "")])
def test_other_letters_do_not(wanted: str, text: str) -> None:
    assert fuzzy_score(wanted, text) is None


@pytest.mark.parametrize(
    ("wanted", "better", "worse"),
    [
        ("nc", "New chat", "Find a command in chats"),  # beginnings of words
        ("text", "Larger text", "The late axe tool"),  # side by side
        ("un", "Unload the model", "Turn on"),
        ("set", "Settings", "Show the text"),
    ],
)
def test_what_names_better_comes_first(wanted: str, better: str, worse: str) -> None:
    first, second = fuzzy_score(wanted, better), fuzzy_score(wanted, worse)
    assert first is not None
    assert second is None or first > second


def test_the_palette_has_every_action_that_can_be_done_and_every_setting(
    window: Window, palette: CommandPalette
) -> None:
    lines = palette.shown
    names = [command.text for command in window.app.actions.commands() if command.is_enabled]
    assert len(lines) == len(names)
    assert all(any(line.endswith(name) for line in lines) for name in names)
    assert "Settings: Theme" in lines
    assert not window.app.actions["regenerate"].isEnabled()
    assert "Chat: Regenerate the last reply" not in lines


def test_letters_and_enter_do_a_command(window: Window, palette: CommandPalette) -> None:
    window.qtbot.keyClicks(palette.input, "go downl")
    assert palette.shown[0] == "View: Go to the downloads"
    window.qtbot.keyClick(palette.input, Qt.Key.Key_Return)
    assert window.app.window.page is Page.DOWNLOADS
    assert not palette.isVisible()


def test_arrows_walk_and_escape_closes(window: Window, palette: CommandPalette) -> None:
    window.qtbot.keyClicks(palette.input, "theme")
    window.qtbot.keyClick(palette.input, Qt.Key.Key_Down)
    assert palette.list.currentIndex().row() == 1
    window.qtbot.keyClick(palette.input, Qt.Key.Key_Up)
    window.qtbot.keyClick(palette.input, Qt.Key.Key_Up)
    assert palette.list.currentIndex().row() == len(palette.shown) - 1
    window.qtbot.keyClick(palette.input, Qt.Key.Key_Escape)
    assert not palette.isVisible()
    assert window.app.theme.choice == "system"


def test_letters_that_name_nothing_say_so(window: Window, palette: CommandPalette) -> None:
    window.qtbot.keyClicks(palette.input, "qqqq")
    assert palette.shown == []
    assert not palette.list.isVisible()
    window.qtbot.keyClick(palette.input, Qt.Key.Key_Return)  # does nothing
    assert palette.isVisible()


def test_a_setting_is_found_and_shown(window: Window, palette: CommandPalette) -> None:
    window.qtbot.keyClicks(palette.input, "language")
    window.qtbot.keyClick(palette.input, Qt.Key.Key_Return)
    rows = window.app.settings_page.rows
    assert rows["language"].isVisible()
    assert not rows["cache_bits"].isVisible()


def test_no_shortcut_stands_for_two_actions(window: Window) -> None:
    registry = window.app.actions
    taken = [keys.toString() for action in registry._actions.values() for keys in action.shortcuts()]
    assert sorted(taken) == sorted(set(taken))
    pages = [registry[f"page_{page}"].shortcut() for page in Page]
    assert pages == [QKeySequence(f"Ctrl+{number}") for number in range(1, len(Page) + 1)]


def test_the_menu_has_every_action(window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[QMenu] = []
    monkeypatch.setattr(QMenu, "popup", lambda menu, place: opened.append(menu))  # offscreen cannot grab the keyboard
    window.app.window.rail.menu_button.click()
    submenus = [part.menu() for part in opened[0].actions()]
    inside = {action.text() for menu in submenus if isinstance(menu, QMenu) for action in menu.actions()}
    assert inside == {action.text() for action in window.app.actions._actions.values()}


def test_the_help_page_lists_what_the_registry_has(window: Window) -> None:
    window.qtbot.keyClick(window.app.window, Qt.Key.Key_F1)
    dialog = window.app.window.findChild(HelpDialog)
    assert dialog is not None
    texts = [part.text() for part in dialog.findChildren(QLabel)]
    for section in window.app.actions.help_sections():
        assert section.title in texts
        for keys, text in section.rows:
            assert keys in texts
            assert text in texts
    dialog.close()


def test_searches_have_their_keys(window: Window) -> None:
    window.say("hello")
    window.app.window.show_page(Page.SETTINGS)
    window.qtbot.keyClick(window.app.window, Qt.Key.Key_F, CONTROL)
    assert window.app.window.page is Page.CHAT
    window.qtbot.keyClick(window.app.window, Qt.Key.Key_F, CONTROL | Qt.KeyboardModifier.ShiftModifier)
    assert window.app.conversations.search.hasFocus()
    window.qtbot.keyClick(window.app.window, Qt.Key.Key_Comma, CONTROL)
    assert window.app.settings_page.search.hasFocus()


def test_the_theme_and_the_panels_have_actions(open_window: Callable[..., Window], qtbot: QtBot) -> None:
    window = open_window(load=False)
    window.app.actions["dark"].trigger()
    assert window.app.theme.choice == "dark"
    window.app.actions["system"].trigger()
    assert window.app.theme.choice == "system"
    window.app.actions["list"].trigger()
    assert not window.app.conversations.isVisible()
    window.app.actions["find_model"].trigger()
    assert window.app.model_pages.browser.page.isVisible()
    window.app.actions["my_models"].trigger()
    assert window.app.model_pages.my_models.isVisible()
