"""Everything that can be done anywhere in the window, as entries of the one registry.

Joins the registry with the controllers and the views that act; what an action leads to can be read here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QMenu

from app.actions import ActionGroup, ActionRegistry, ActionSpec, Command
from app.controllers.conversation import ConversationController
from app.controllers.models import ModelController
from app.controllers.preferences import Preferences
from app.late_pages import LatePages
from app.theme.theme import Theme
from app.theme.tokens import ThemeChoice
from app.views.command_palette import CommandPalette
from app.views.dialogs import HelpDialog
from app.views.main_window import MainWindow
from app.views.pages import Page

if TYPE_CHECKING:
    from app.model_pages import ModelPages

TEXT_STEP = 0.1


@dataclass(frozen=True)
class Actors:
    """Who does what the actions ask for.

    Attributes:
        new_chat: shows an empty chat.
        choose_folder: lets the user open a model's folder.
        regenerate, go_on: ask for the last reply again, or for more of it.
        undo: brings back what was deleted or moved last.
        add_images: lets the user choose images for the message.
    """

    window: MainWindow
    theme: Theme
    preferences: Preferences
    chats: ConversationController
    models: ModelController
    late: LatePages
    new_chat: Callable[[], object]
    choose_folder: Callable[[], object]
    regenerate: Callable[[], object]
    go_on: Callable[[], object]
    undo: Callable[[], object]
    add_images: Callable[[], object]


class WindowActions(QObject):
    """Fills the registry and holds what several parts of the window do together."""

    def __init__(self, registry: ActionRegistry, actors: Actors, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._registry, self._do = registry, actors
        self._window, self._parts = actors.window, actors.window.parts
        for keys, text in (
            (self.tr("Enter"), self.tr("Send the message")),
            (self.tr("Shift+Enter"), self.tr("Start a new line")),
            (self.tr("Up"), self.tr("Edit your last message, from an empty message field")),
            (self.tr("Up, Down"), self.tr("Go from message to message")),
            (self.tr("F2, Delete"), self.tr("Rename or delete the selected conversation")),
        ):
            registry.describe(keys, text)
        registry.add((*self._chat(), *self._model(), *self._view(), *self._program()))
        registry.add_source(self._settings)
        self._window.rail.help_requested.connect(self.show_help)
        self._window.rail.menu_requested.connect(self.show_menu)

    def _chat(self) -> tuple[ActionSpec, ...]:
        do, group = self._do, ActionGroup.CHAT
        return (
            ActionSpec("new_chat", self.tr("New chat"), ("Ctrl+N",), do.new_chat, group),
            ActionSpec("stop", self.tr("Stop the reply, or close a sheet"), ("Esc",), self.escape, group),
            ActionSpec("regenerate", self.tr("Regenerate the last reply"), ("Ctrl+R",), do.regenerate, group),
            ActionSpec("continue", self.tr("Continue the last reply"), ("Alt+Return",), do.go_on, group),
            ActionSpec("version_before", self.tr("Show the version before"), ("Alt+Left",), self._before, group),
            ActionSpec("version_after", self.tr("Show the version after"), ("Alt+Right",), self._after, group),
            ActionSpec("add_images", self.tr("Add images to the message"), ("Ctrl+Shift+A",), do.add_images, group),
            ActionSpec("find", self.tr("Find in this chat"), ("Ctrl+F",), self.find_here, group),
            ActionSpec("find_everywhere", self.tr("Search all chats"), ("Ctrl+Shift+F",), self.find_everywhere, group),
            ActionSpec("move_chat", self.tr("Move this chat to a folder"), ("Ctrl+Shift+M",), self.move_chat, group),
            ActionSpec("undo", self.tr("Undo the last delete or move"), ("Ctrl+Z",), do.undo, group),
            ActionSpec("write", self.tr("Go to the message field"), ("Ctrl+L",), self.write, group),
        )

    def _model(self) -> tuple[ActionSpec, ...]:
        models, group = self._do.models, ActionGroup.MODEL
        return (
            ActionSpec("open_folder", self.tr("Open a model folder"), ("Ctrl+O",), self._do.choose_folder, group),
            ActionSpec("find_model", self.tr("Find a model to download"), (), self.find_model, group),
            ActionSpec("my_models", self.tr("Show the models on this computer"), (), self.show_my_models, group),
            ActionSpec("convert", self.tr("Convert a model to EXL3"), (), self.convert, group),
            ActionSpec("pause_convert", self.tr("Pause the conversion"), (), self.pause_conversion, group),
            ActionSpec("resume_convert", self.tr("Resume the conversion"), (), self.resume_conversion, group),
            ActionSpec("load_again", self.tr("Load the last model again"), (), self.load_again, group),
            ActionSpec("load_demo", self.tr("Load the demo model"), (), self.load_demo, group),
            ActionSpec("unload", self.tr("Unload the model"), (), models.unload, group),
            ActionSpec("pause_downloads", self.tr("Pause all downloads"), (), self.pause_downloads, group),
            ActionSpec("resume_downloads", self.tr("Resume all downloads"), (), self.resume_downloads, group),
        )

    def _view(self) -> tuple[ActionSpec, ...]:
        group, size = ActionGroup.VIEW, self.step_text_size
        return (
            self._page(Page.CHAT, self.tr("Go to the chat"), "Ctrl+1"),
            self._page(Page.MODELS, self.tr("Go to the models"), "Ctrl+2"),
            self._page(Page.DOWNLOADS, self.tr("Go to the downloads"), "Ctrl+3"),
            self._page(Page.CONVERT, self.tr("Go to the conversion"), "Ctrl+4"),
            self._page(Page.SETTINGS, self.tr("Go to settings"), "Ctrl+5"),
            ActionSpec("list", self.tr("Show or hide the conversations"), ("Ctrl+B",), self.toggle_list, group),
            ActionSpec("inspector", self.tr("Show or hide the side panel"), ("Ctrl+I",), self.toggle_inspector, group),
            ActionSpec("larger", self.tr("Larger text"), ("Ctrl++", "Ctrl+="), lambda: size(1), group),
            ActionSpec("smaller", self.tr("Smaller text"), ("Ctrl+-",), lambda: size(-1), group),
            ActionSpec("normal_size", self.tr("Normal text size"), ("Ctrl+0",), lambda: size(0), group),
            ActionSpec("dark", self.tr("Use the dark theme"), (), lambda: self._choose("dark"), group),
            ActionSpec("light", self.tr("Use the light theme"), (), lambda: self._choose("light"), group),
            ActionSpec("system", self.tr("Use the theme of the system"), (), lambda: self._choose("system"), group),
        )

    def _program(self) -> tuple[ActionSpec, ...]:
        group = ActionGroup.PROGRAM
        return (
            ActionSpec("palette", self.tr("Find a command"), ("Ctrl+K",), self.show_palette, group),
            ActionSpec("search_settings", self.tr("Search the settings"), ("Ctrl+,",), self.search_settings, group),
            ActionSpec("menu", self.tr("Open the menu"), ("F10",), self.show_menu, group),
            ActionSpec("help", self.tr("Show the keyboard shortcuts"), ("F1",), self.show_help, group),
            ActionSpec("quit", self.tr("Close the window"), ("Ctrl+Q",), self._window.close, group),
        )

    def _settings(self) -> Iterator[Command]:
        """Every row of the settings, so that a setting is found by its name as well."""
        for row in self._do.late.settings_page.rows.values():
            yield Command(row.name, "", self.tr("Settings"), partial(self.show_setting, row.name))

    def _page(self, page: Page, text: str, keys: str) -> ActionSpec:
        return ActionSpec(f"page_{page}", text, (keys,), lambda: self._window.show_page(page), ActionGroup.VIEW)

    @Slot()
    def escape(self) -> None:
        """Stops the reply; with nothing to stop, closes what lies over the page."""
        if self._do.chats.busy:
            self._do.chats.stop()
        elif not self._window.close_sheets():
            self._parts.chat.composer.input.setFocus()

    @Slot()
    def find_here(self) -> None:
        """Opens the search in the open chat."""
        self._window.show_page(Page.CHAT)
        self._parts.chat.transcript.open_find()

    @Slot()
    def find_everywhere(self) -> None:
        """Takes the keyboard to the search over all chats."""
        self._window.show_page(Page.CHAT)
        if not self._parts.conversations.isVisible():
            self._window.toggle_list()
        self._parts.conversations.focus_search()

    @Slot()
    def move_chat(self) -> None:
        """Opens the menu of folders beside the open chat in the list."""
        self._window.show_page(Page.CHAT)
        if not self._parts.conversations.isVisible():
            self._window.toggle_list()
        self._parts.conversations.show_move_menu()

    @Slot()
    def write(self) -> None:
        """Takes the keyboard to the message field."""
        self._window.show_page(Page.CHAT)
        self._parts.chat.composer.input.setFocus()

    @Slot()
    def find_model(self) -> None:
        """Shows where models are found."""
        self._window.show_page(Page.MODELS)
        self._pages.models_page.show_tab(self._pages.browser.page)

    @Slot()
    def show_my_models(self) -> None:
        """Shows the models on this computer."""
        self._window.show_page(Page.MODELS)
        self._pages.models_page.show_tab(self._pages.my_models)

    @Slot()
    def convert(self) -> None:
        """Shows where models are converted."""
        self._window.show_page(Page.CONVERT)

    @Slot()
    def pause_conversion(self) -> None:
        """Lets a running conversion end after the block in hand."""
        self._do.late.converting.controller.pause()

    @Slot()
    def resume_conversion(self) -> None:
        """Goes on with a paused conversion."""
        self._window.show_page(Page.CONVERT)
        self._do.late.converting.controller.resume()

    @Slot()
    def pause_downloads(self) -> None:
        self._pages.downloads.pause_all()

    @Slot()
    def resume_downloads(self) -> None:
        self._pages.downloads.resume_all()

    @Slot()
    def load_again(self) -> None:
        """Loads the model that was loaded last, whatever became of it."""
        if self._do.models.last_path is not None:
            self._do.models.load(self._do.models.last_path)

    @Slot()
    def load_demo(self) -> None:
        """Loads the demo model, where there is one."""
        if self._do.models.has_demo:
            self._do.models.load_demo()

    @Slot()
    def toggle_list(self) -> None:
        self._window.show_page(Page.CHAT)
        self._window.toggle_list()

    @Slot()
    def toggle_inspector(self) -> None:
        self._window.show_page(Page.CHAT)
        self._window.toggle_inspector()

    @Slot()
    def search_settings(self) -> None:
        """Shows all settings with the keyboard in their search."""
        self.show_setting("")
        self._do.late.settings_page.focus_search()

    def show_setting(self, name: str) -> None:
        """Shows the settings that a text names."""
        self._window.show_page(Page.SETTINGS)
        self._do.late.settings_page.show_matching(name)

    def step_text_size(self, step: int) -> None:
        """Makes messages larger (1), smaller (-1) or normal (0)."""
        theme = self._do.theme
        theme.set_text_scale(round(theme.text_scale + step * TEXT_STEP, 2) if step else 1.0)
        self._do.preferences.update(text_scale=theme.text_scale)

    @Slot()
    def show_help(self) -> None:
        """Lists the shortcuts."""
        HelpDialog(self._do.theme, self._registry.help_sections(), self._window).show()

    @Slot()
    def show_palette(self) -> None:
        """Opens the command palette."""
        CommandPalette(self._do.theme, self._registry.commands(), self._window).show()

    @Slot()
    def show_menu(self) -> None:
        """Opens the menu beside its button."""
        menu = QMenu(self._window)
        menu.aboutToHide.connect(menu.deleteLater)
        self._registry.fill_menu(menu)
        button = self._window.rail.menu_button
        menu.popup(button.mapToGlobal(button.rect().topRight()))

    @property
    def _pages(self) -> ModelPages:
        return self._do.late.model_pages

    def _choose(self, theme: ThemeChoice) -> None:
        self._do.preferences.update(theme=theme)

    @Slot()
    def _before(self) -> None:
        self._do.chats.step_last_version(-1)

    @Slot()
    def _after(self) -> None:
        self._do.chats.step_last_version(1)
