"""Builds what the next replies are made with, and connects it: settings, presets, thinking, the context.

A part of the wiring diagram; the window's own is in `application`. Knows nothing of how replies are made.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QFileDialog

from app.controllers.chat_defaults import ChatDefaults
from app.controllers.context import ContextController
from app.controllers.conversation import ConversationController
from app.controllers.models import ModelController
from app.controllers.preferences import Preferences
from app.controllers.presets import PresetController
from app.engine_bridge import EngineBridge
from app.storage.pictures import PictureFolder
from app.storage.presets import Preset, PresetStore
from app.storage.records import StoredMessage
from app.storage.turns import split_turn
from app.views.chat.page import ChatPage
from app.views.chat_setup.sampling_panel import ChatSetup
from app.views.inspector import Inspector
from app.views.notice import Notice
from engine.events import GenerationStarted
from engine.requests import SamplingSettings

FILTER = "*.json"


class ChatControl(QObject):
    """Attributes:
        context: how full the context is.
        presets: the presets.

    Signals:
        defaults_kept: the settings of the open chat are those of the model's new chats now.
        model_wanted: the user wants to choose a model, because none is known that could reply.
        pictures_held: a message with images was to be sent, and the model sees none.
    """

    defaults_kept = Signal()
    model_wanted = Signal()
    pictures_held = Signal()

    def __init__(
        self, chats: ConversationController, models: ModelController, engine: EngineBridge, defaults: ChatDefaults,
        preferences: Preferences, store: PresetStore, page: ChatPage, panel: Inspector, notice: Notice,
        pictures: PictureFolder, parent: QObject | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._chats, self._models, self._defaults, self._preferences = chats, models, defaults, preferences
        self._page, self._panel, self._notice = page, panel, notice
        self.context = ContextController(chats, models, engine, defaults, preferences, pictures, self)
        self.presets = PresetController(store, chats, self)
        self._is_held = False  # a message was to be sent and did not fit, and is as it was
        self._waiting: tuple[int | None, Callable[[], object]] | None = None  # the chat, and what waits for a model
        models.state_changed.connect(self._on_model)
        self._connect_setup()
        self._connect_presets()
        self._connect_context()

    def start(self) -> None:
        """Shows everything as it is now."""
        self._panel.sampling.show_mode(self._preferences.settings.all_sampling)
        self.presets.start()
        self.show_setup()

    @Slot(str)
    def send(self, content: str) -> None:
        """Sends a message, unless it is known not to fit or not to be seen: then it stays where it was written."""
        self._panel.flush()
        info = self._models.info
        if info is not None and not info.sees and split_turn(content).pictures:
            self._page.composer.set_content(content)
            self.pictures_held.emit()
            return
        if not self.context.may_send:
            self._page.composer.set_content(content)
            self._page.full_notice.insist()
            self._is_held = True
            return
        self._chats.send(content, self._page.context_row.take_start())

    @Slot()
    def retry(self) -> None:
        """Asks again for the last reply."""
        self._with_model(self._chats.regenerate)

    @Slot(int)
    @Slot(int, str)
    def regenerate(self, message_id: int, start_with: str = "") -> None:
        """Asks for another version of a reply, or for the reply to a user's message."""
        self._with_model(partial(self._chats.regenerate_reply, message_id, start_with))

    @Slot()
    def go_on(self) -> None:
        """Lets the model go on with the last reply."""
        self._with_model(self._chats.continue_reply)

    @Slot(int, str)
    def edit(self, message_id: int, text: str) -> None:
        """Keeps other words for a message at once; what is sent by it is replied to."""
        self._chats.edit(message_id, text)
        branch = self._chats.branch()
        is_there = any(each.id == message_id for each in branch)  # the words are the same
        sent = next((each for each in branch if each.id == message_id), branch[-1] if branch else None)
        if sent is None or sent.role != "user" or self._models.is_ready:
            return
        self._with_model(partial(self._chats.regenerate_reply, message_id) if is_there else self._chats.regenerate)

    def _with_model(self, ask: Callable[[], object]) -> None:
        """Asks for a reply; where no model is there any more, the last one is loaded first."""
        models, last = self._models, self._preferences.settings.last_model
        path = models.last_path or (Path(last) if last else None)
        if models.is_ready:
            ask()
        elif path is not None:
            self._waiting = (self._chats.current_id, ask)
            if models.loading_path is None:
                models.load(path)
            self._say(self.tr("The model is loaded first; the reply comes then."))
        else:
            words = self.tr("Load a model first, then try again.")
            self._notice.say(words, self.tr("Open a model folder…"), self.model_wanted.emit)

    @Slot()
    def _on_model(self) -> None:
        if self._models.loading_path is not None or self._waiting is None:
            return
        (chat, ask), self._waiting = self._waiting, None
        if self._models.is_ready and chat == self._chats.current_id:
            self._notice.hide()  # it has said that this will come
            ask()

    @Slot()
    def show_setup(self) -> None:
        """Shows the settings of the open chat."""
        chats, defaults = self._chats, self._defaults
        self._panel.show_setup(
            ChatSetup(
                sampling=chats.sampling,
                is_own=chats.has_own_sampling,
                system_prompt=chats.system_prompt,
                defaults=defaults.sampling,
                has_kept=defaults.has_own_sampling,
                is_recommended=self._models.is_ready and defaults.recommended != SamplingSettings(),
                model_name=self._model_name(),
            )
        )
        can_switch = defaults.can_switch_thinking and self._models.is_ready
        self._page.context_row.show_thinking(can_switch, defaults.thinks)

    # -- wiring -------------------------------------------------------------------------------------------------------

    def _connect_setup(self) -> None:
        chats, panel, sampling = self._chats, self._panel, self._panel.sampling
        sampling.sampling_changed.connect(chats.set_sampling)
        sampling.mode_chosen.connect(self._keep_mode)
        sampling.keep_requested.connect(self._keep_defaults)
        sampling.forget_requested.connect(self._forget_defaults)
        panel.system_prompt_changed.connect(chats.set_system_prompt)
        chats.setup_changed.connect(self.show_setup)
        chats.opened.connect(self._show_last_seed)
        chats.branch_changed.connect(self._show_last_seed)
        chats.reply_started.connect(self._show_seed)
        self._models.state_changed.connect(self.show_setup)
        self._defaults.changed.connect(self.show_setup)
        self._page.context_row.thinking_chosen.connect(self._defaults.set_thinking)

    def _connect_presets(self) -> None:
        bar, presets = self._panel.presets, self.presets
        bar.chosen.connect(self._choose_preset)
        bar.save_requested.connect(self._save_preset)
        bar.save_changes_requested.connect(self._save_changes)
        bar.rename_requested.connect(presets.rename)
        bar.delete_requested.connect(presets.delete)
        bar.import_requested.connect(self._import)
        bar.export_requested.connect(self._export)
        presets.listed.connect(bar.show_list)
        presets.deleted.connect(self._offer_undo)
        presets.said.connect(self._say)
        presets.failed.connect(self._say)

    def _connect_context(self) -> None:
        context, page = self.context, self._page
        page.composer.changed.connect(self._on_draft)
        context.changed.connect(self._show_context)
        context.cut_changed.connect(page.transcript.set_cut)
        page.context_row.start_with.returnPressed.connect(self._send_or_write)
        page.full_notice.cut_accepted.connect(self._accept_cut)
        page.transcript.cut_requested.connect(self._retry_cut)
        page.transcript.larger_context_requested.connect(self._show_context_choice)
        self._show_context()

    @Slot()
    def _on_draft(self) -> None:
        self._is_held = False
        self.context.set_draft(self._page.composer.content)

    @Slot()
    def _send_or_write(self) -> None:
        """Enter in the reply's first words sends the message, or goes to where it is still to be written."""
        composer = self._page.composer
        if not composer.is_empty:
            composer.submit()
        else:
            composer.input.setFocus()

    @Slot()
    def _show_context(self) -> None:
        state = self.context.state
        self._page.context_row.show_state(state)
        self._page.full_notice.show_state(state)

    @Slot()
    def _accept_cut(self) -> None:
        was_held, composer = self._is_held, self._page.composer
        composer.input.setFocus()
        self.context.accept_cut()
        if was_held:
            composer.submit()

    @Slot()
    def _retry_cut(self) -> None:
        """Whatever is being written: the reply that failed is meant."""
        self.context.allow_cut()
        self._page.composer.input.setFocus()
        self.retry()

    @Slot()
    def _show_context_choice(self) -> None:
        if not self._panel.isVisible():
            self._page.model_bar.inspector_toggled.emit()
        self._panel.load_panel.context.setFocus()

    @Slot(bool)
    def _keep_mode(self, shows_all: bool) -> None:
        self._preferences.update(all_sampling=shows_all)

    @Slot()
    def _keep_defaults(self) -> None:
        self._panel.flush()
        self._defaults.keep(self._chats.sampling, self._chats.system_prompt)
        self._chats.set_sampling(None)  # the chat is like the defaults now, and follows them
        self._say(self.tr("New chats with {0} begin with these settings.").format(self._model_name()))
        self.defaults_kept.emit()

    def _model_name(self) -> str:
        """As people know it; '' while none is ready."""
        info = self._models.info
        if info is None or not self._models.is_ready:
            return ""
        return self.tr("the demo model") if self._models.is_demo else info.name

    @Slot()
    def _forget_defaults(self) -> None:
        self._defaults.forget()

    @Slot(list)
    def _show_last_seed(self, branch: list[StoredMessage]) -> None:
        seeds = (each.stats.seed for each in reversed(branch) if each.stats is not None)
        self._panel.sampling.show_seed(next(seeds, None))

    @Slot(int, object)
    def _show_seed(self, _message_id: int, event: GenerationStarted) -> None:
        self._panel.sampling.show_seed(event.seed)

    @Slot(str)
    def _choose_preset(self, name: str) -> None:
        self._panel.flush()
        self.presets.choose(name)

    @Slot(str)
    def _save_preset(self, name: str) -> None:
        self._panel.flush()
        self.presets.save_as(name)

    @Slot()
    def _save_changes(self) -> None:
        self._panel.flush()
        self.presets.save_changes()

    @Slot(object)
    def _offer_undo(self, preset: Preset) -> None:
        words = self.tr("The preset “{0}” is deleted.").format(preset.name)
        self._notice.say(words, self.tr("Undo"), lambda: self.presets.save(preset))

    @Slot()
    def _import(self) -> None:
        title = self.tr("Import a preset")
        picked, _ = QFileDialog.getOpenFileName(self._panel.window(), title, str(Path.home()), FILTER)
        if picked:
            self.presets.import_file(Path(picked))

    @Slot()
    def _export(self) -> None:
        self._panel.flush()
        name = self._panel.presets.list.currentData() or self.tr("Preset")
        start = str(Path.home() / f"{name}.json")
        picked, _ = QFileDialog.getSaveFileName(self._panel.window(), self.tr("Export a preset"), start, FILTER)
        if picked:
            self.presets.export(Path(picked))

    @Slot(str)
    def _say(self, words: str) -> None:
        self._notice.say(words)
