"""Builds the objects of the window and connects their signals: the one wiring diagram.

What a signal leads to can be read here and nowhere else. Knows nothing of torch: the session factory brings it in, in
the engine's thread.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QFileDialog

from app.actions import ActionRegistry
from app.card_watch import CardWatch
from app.chat_control import ChatControl
from app.controllers.chat_defaults import ChatDefaults
from app.controllers.conversation import ConversationController
from app.controllers.drafts import Drafts
from app.controllers.library import LibraryController
from app.controllers.load_settings import LoadSettings
from app.controllers.models import ModelController
from app.controllers.preferences import Preferences
from app.crash import keep_report
from app.device_presenter import DevicePresenter
from app.engine_bridge import EngineBridge
from app.item_models.conversations import ConversationListModel
from app.language import Language
from app.last_chat import LastChat
from app.late_pages import LatePages, PageNeeds
from app.launch import Launch
from app.library_presenter import LibraryParts, LibraryPresenter
from app.machine_wiring import MachineWiring
from app.model_presenter import ModelPresenter
from app.picture_wiring import PictureWiring
from app.pictures.desk import PictureDesk
from app.restart import Restart
from app.storage.conversations import ConversationStore
from app.storage.pictures import PictureFolder
from app.storage.presets import PresetStore
from app.theme.theme import Theme
from app.views.chat.page import ChatPage
from app.views.conversation_list import ConversationList
from app.views.dialogs import CrashDialog
from app.views.inspector import Inspector
from app.views.main_window import MainWindow, Parts
from app.views.pages import Page
from app.views.window_memory import restore_window, window_memory
from app.window_actions import Actors, WindowActions

if TYPE_CHECKING:
    from app.controllers.hub_settings import HubSettingsController
    from app.model_pages import ModelPages
    from app.views.settings_page import SettingsPage


class Application(QObject):
    """All objects of the running window.

    Signals:
        crash_reported: a traceback, from any thread.
    """

    crash_reported = Signal(str)

    def __init__(self, qt: QApplication, launch: Launch) -> None:
        super().__init__()
        self._launch = launch
        self.preferences = Preferences(launch.paths.settings, self)
        settings = self.preferences.settings
        self.language = Language(qt, settings.language)
        self.theme = Theme(qt, settings.theme, settings.text_scale, self, late=True)
        self.store = ConversationStore(launch.paths.conversations)
        self.engine = EngineBridge(launch.open_session, self)
        self.cards = CardWatch(launch.find_cards, launch.open_monitor, self)
        self.load_settings = LoadSettings(self.preferences, self.cards, self)
        self.models = ModelController(self.engine, self.load_settings, launch.demo_folder, self)
        self.chat_defaults = ChatDefaults(self.preferences, self.models, self)
        self._begun_s = time.time()
        self.desk = PictureDesk(PictureFolder(launch.paths.attachments), self)
        self.chats = ConversationController(
            self.store, self.engine, self.models, self.chat_defaults, self.desk.folder, self
        )  # fmt: skip
        self.drafts = Drafts(self.store, self.chats, self)
        self.last_chat = LastChat(self.store, self.chats, self.preferences, self)
        self.library = LibraryController(self.store, self.desk.folder, self)
        self.list_model = ConversationListModel(self)
        self.conversations = ConversationList(self.theme, self.list_model)
        self.chat = ChatPage(self.theme, self.desk, attachments=launch.paths.attachments)
        self.inspector = Inspector(self.theme)
        self.window = MainWindow(self.theme, Parts(self.conversations, self.chat, self.inspector))
        needs = PageNeeds(
            self.window, self.theme, launch, self.preferences, self.load_settings, self.models, self.cards,
            self.load, self.choose_folder,
        )  # fmt: skip
        self.late = LatePages(needs, self)
        self.control = ChatControl(
            self.chats, self.models, self.engine, self.chat_defaults, self.preferences,
            PresetStore(launch.paths.presets), self.chat, self.inspector, self.window.notice, self.desk.folder, self,
        )  # fmt: skip
        self.pictures = PictureWiring(
            self.window, self.chats, self.models, self.late, self.desk, self.inspector, launch.demo_folder, self
        )  # fmt: skip
        panel, strip = self.inspector.load_panel, self.window.status
        self.devices = DevicePresenter(self.load_settings, self.models, self.cards, panel, strip)
        library_parts = LibraryParts(
            self.chats, self.library, self.list_model, self.conversations, self.window.notice
        )  # fmt: skip
        self.library_presenter = LibraryPresenter(self.store, library_parts, self)
        self.actions = ActionRegistry(self.window)
        actors = Actors(
            self.window, self.theme, self.preferences, self.chats, self.models, self.late,
            self.new_chat, self.choose_folder, self.control.retry, self.control.go_on,
            self.library_presenter.undo, self.pictures.choose,
        )  # fmt: skip
        self.window_actions = WindowActions(self.actions, actors, self)
        self.presenter = ModelPresenter(
            self.models, self.chats, self.load_settings, self.preferences,
            self.chat, strip, self.actions, launch.demo_folder,
        )  # fmt: skip
        self.restart = Restart(self.window, self.theme, self.chats, self.models, self)
        self.machine = MachineWiring(self.window, self.preferences, self.models, self.chats, self.engine, self)
        self._closed = False
        self.threads_stopped = False
        self._connect_models()
        self._connect_chats()
        self._connect_window()
        self.theme.dress()

    @property
    def model_pages(self) -> ModelPages:
        return self.late.model_pages

    @property
    def settings_page(self) -> SettingsPage:
        return self.late.settings_page

    @property
    def hub_settings(self) -> HubSettingsController:
        return self.late.hub_settings

    def start(self) -> None:
        """Shows the window; what takes threads and time starts when it is painted and all pages stand."""
        restore_window(self.window, self.preferences.settings)
        self.library_presenter.refresh()
        self.last_chat.find()
        self.chats.new_chat()
        if self.last_chat.is_awaited:
            self.chat.await_messages()
            self.drafts.await_chat()
        self.presenter.show()
        self.control.start()
        self.window.show()
        self._report_damage()
        self.chat.composer.input.setFocus()
        first = self._first_model()
        if first is not None:
            self.load(first)
        self.late.begin()

    @Slot()
    def _start_threads(self) -> None:
        self.cards.start()
        self.machine.start()
        self.engine.start()
        self.late.model_pages.start()
        self.late.converting.start()
        self.desk.sweep(self.store.path, self._begun_s)

    @Slot()
    def close(self) -> None:
        """Stops the engine, then saves everything; safe to call twice."""
        if self._closed:
            return
        self._closed = True
        self.inspector.flush()
        self.preferences.update(**window_memory(self.window))
        self.window.hide()  # stopping the engine may take a while
        self.preferences.save_now()
        self.chats.save_running()
        self.drafts.save()
        others_stopped = (
            self.cards.shut_down(), self.late.shut_down(), self.desk.shut_down(), self.pictures.shut_down(),
        )  # fmt: skip
        self.threads_stopped = self.engine.shut_down() and all(others_stopped)
        QGuiApplication.sendPostedEvents(self.engine, 0)  # the last events of stopped replies
        self.chats.save_running()
        self.library.close()
        self.store.close()
        self.language.remove()

    def load(self, path: Path) -> None:
        """Loads a model folder and shows the chat page."""
        self.window.show_page(Page.CHAT)
        self.models.load(path)

    @Slot()
    def choose_folder(self) -> None:
        """Lets the user pick a model folder."""
        last = self.preferences.settings.last_model
        start = str(Path(last).parent) if last else str(Path.home())
        picked = QFileDialog.getExistingDirectory(self.window, self.tr("Open a model folder"), start)
        if picked:
            self.load(Path(picked))

    @Slot(str)
    def report_crash(self, details: str, *, of_last_run: bool = False) -> None:
        """Keeps a crash report and shows it."""
        kept = keep_report(self._launch.paths.crash_reports, details)
        CrashDialog(self.theme, kept.text, kept.path, of_last_run=of_last_run, parent=self.window).show()

    def _connect_models(self) -> None:
        models, bar = self.models, self.chat.model_bar
        bar.folder_requested.connect(self.choose_folder)
        bar.cancel_requested.connect(models.cancel)
        bar.unload_requested.connect(models.unload)
        self.chat.empty.folder_requested.connect(self.choose_folder)
        self.chat.empty.demo_requested.connect(models.load_demo)
        self.chat.load_retry_requested.connect(self._retry_load)
        self.chat.context_accepted.connect(self._load_with_context)
        self.load_settings.card_missed.connect(self._say)
        self.window.folder_dropped.connect(self._on_folder_dropped)
        self.engine.status_changed.connect(self.presenter.show_status)
        self.engine.crashed.connect(self.report_crash)
        self.library.crashed.connect(self.report_crash)
        self.desk.crashed.connect(self.report_crash)
        self.crash_reported.connect(self.report_crash, Qt.ConnectionType.QueuedConnection)

    def _connect_chats(self) -> None:
        chats, transcript, composer = self.chats, self.chat.transcript, self.chat.composer
        composer.sent.connect(self.control.send)
        composer.changed.connect(self._note_draft)
        composer.tray.came_late.connect(self.drafts.add_late)
        self.drafts.shown.connect(composer.show_draft)
        self.drafts.renamed.connect(composer.tray.rename)
        self.control.pictures_held.connect(self.pictures.insist)
        composer.stop_requested.connect(chats.stop)
        transcript.retry_requested.connect(self.control.retry)
        self.control.model_wanted.connect(self.choose_folder)
        chats.opened.connect(self.chat.show_messages)
        chats.branch_changed.connect(self.chat.update_branch)
        chats.versions_changed.connect(transcript.set_versions)
        chats.message_wanted.connect(transcript.go_to)
        transcript.regenerate_requested.connect(self.control.regenerate)
        transcript.continue_requested.connect(self.control.go_on)
        transcript.branch_requested.connect(chats.branch_here)
        transcript.delete_requested.connect(chats.delete_message)
        transcript.edit_submitted.connect(self.control.edit)
        transcript.start_over_requested.connect(self.control.regenerate)
        transcript.version_step_requested.connect(chats.step_version)
        chats.message_added.connect(self.chat.add_message)
        chats.message_removed.connect(transcript.remove_message)
        chats.reply_text.connect(transcript.append_text)
        chats.reply_looking.connect(transcript.set_looking)
        chats.reply_progress.connect(transcript.set_progress)
        chats.reply_ended.connect(transcript.end_reply)
        chats.busy_changed.connect(composer.set_busy)
        chats.busy_changed.connect(transcript.set_busy)
        chats.not_sent.connect(composer.set_content)
        self.conversations.new_requested.connect(self.new_chat)
        self.conversations.opened.connect(self._open_conversation)
        self.conversations.hit_opened.connect(self._open_hit)

    @Slot()
    def _note_draft(self) -> None:
        self.drafts.note(self.chat.composer.content)

    def _connect_window(self) -> None:
        self.window.closing.connect(self.close)
        self.preferences.save_failed.connect(self._say)
        self.preferences.changed.connect(self._follow_preferences)
        self.late.built.connect(self._connect_late)
        self.late.finished.connect(self.last_chat.open)
        self.late.finished.connect(self._start_threads)

    @Slot()
    def _connect_late(self) -> None:
        self.late.model_pages.crashed.connect(self.report_crash)
        self.late.converting.crashed.connect(self.report_crash)
        self.late.settings_page.text_step_requested.connect(self.window_actions.step_text_size)
        self.late.settings_page.restart_requested.connect(self.restart.ask)

    @Slot(object)
    def _follow_preferences(self, keys: frozenset[str]) -> None:
        settings = self.preferences.settings
        if "theme" in keys:
            self.theme.choose(settings.theme)
        if "text_scale" in keys and settings.text_scale != self.theme.text_scale:
            self.theme.set_text_scale(settings.text_scale)

    @Slot()
    def new_chat(self) -> None:
        """Shows an empty chat with the keyboard in the composer."""
        self.inspector.flush()
        self.last_chat.forget()
        self.window.show_page(Page.CHAT)
        self.window.close_sheets()
        self.chats.new_chat()
        self.chat.composer.input.setFocus()

    @Slot(int)
    def _open_conversation(self, conversation_id: int) -> None:
        self.inspector.flush()
        self.window.show_page(Page.CHAT)
        self.window.close_sheets()
        self.chats.open(conversation_id)

    @Slot(int, int)
    def _open_hit(self, conversation_id: int, message_id: int) -> None:
        self._open_conversation(conversation_id)
        self.chats.open_at(conversation_id, message_id)

    @Slot()
    def _retry_load(self) -> None:
        if self.models.last_path is not None:
            self.load(self.models.last_path)

    @Slot(int)
    def _load_with_context(self, tokens: int) -> None:
        self.load_settings.choose_cache_tokens(tokens)
        self._retry_load()

    @Slot(object)
    def _on_folder_dropped(self, path: Path) -> None:
        if self.window.page is Page.CONVERT:
            self.late.converting.convert(path)
        else:
            self.load(path)

    @Slot(str)
    def _say(self, text: str) -> None:
        self.window.notice.say(text)

    def _first_model(self) -> Path | None:
        settings = self.preferences.settings
        if self._launch.model is not None:
            return self._launch.model
        if settings.last_model and not settings.load_last_model:
            return None
        if settings.last_model and Path(settings.last_model).is_dir():
            return Path(settings.last_model)
        return self._launch.demo_folder if self.models.has_demo else None

    def _report_damage(self) -> None:
        damaged = [each for each in (self.store.damaged, self.preferences.damaged) if each is not None]
        if damaged:
            names = ", ".join(each.name for each in damaged)
            words = self.tr("A damaged file was kept as {0} and a fresh one begun.").format(names)
            self.window.notice.say(words, stay=True)
