"""All sampling settings, or the few that most people want, with where they come from and the seed of the last reply.

The controls are made from the fields of the contract. Knows nothing of the store or of the engine.
"""

from __future__ import annotations

import typing
from dataclasses import dataclass, fields, replace

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from app.theme.theme import Theme
from app.theme.tokens import SPACE_4, SPACE_8, SPACE_12
from app.views.chat_setup.setting_field import SettingField
from app.views.flow import FlowLayout
from app.views.widgets import label, push_button
from engine.requests import SamplingSettings

SEED = "seed"


@dataclass(frozen=True)
class ChatSetup:
    """What the panel shows of a chat.

    Attributes:
        sampling: the settings of the next reply.
        is_own: they are the chat's own, not the defaults.
        system_prompt: what precedes the conversation.
        defaults: what the chat goes back to.
        has_kept: the defaults are the user's for this model, not the model's own.
        is_recommended: the model says which settings suit it.
        model_name: "" without a model.
    """

    sampling: SamplingSettings
    is_own: bool
    system_prompt: str
    defaults: SamplingSettings
    has_kept: bool
    is_recommended: bool
    model_name: str


class SamplingPanel(QWidget):
    """Signals:
    sampling_changed: a `SamplingSettings`, or None for the defaults.
    keep_requested: new chats with this model shall begin with these settings.
    forget_requested: they shall begin with the model's own again.
    mode_chosen: whether all settings are shown.
    """

    sampling_changed = Signal(object)
    keep_requested = Signal()
    forget_requested = Signal()
    mode_chosen = Signal(bool)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._sampling = SamplingSettings()
        self._last_seed: int | None = None
        self._headings: list[QLabel] = []
        self.fields: dict[str, SettingField] = {}
        self.simple_button = push_button(self.tr("Simple"), self._choose_simple, "choice")
        self.all_button = push_button(self.tr("Advanced"), self._choose_all, "choice")
        self._modes = QButtonGroup(self)
        for button in (self.simple_button, self.all_button):
            button.setCheckable(True)
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            self._modes.addButton(button)
        self.simple_button.setToolTip(self.tr("The five settings that most people want"))
        self.all_button.setToolTip(self.tr("Every setting there is"))
        self.whose = label(theme, font="small", kind="muted", wrap=True)
        self.reset_button = push_button(self.tr("Back to defaults"), self._reset)
        self.keep_button = push_button(self.tr("Keep for this model"), self.keep_requested.emit)
        self.keep_button.setToolTip(self.tr("New chats with this model begin with these settings and system prompt"))
        self.forget_button = push_button(self.tr("Use the model's own"), self.forget_requested.emit)
        self.forget_button.setToolTip(self.tr("New chats begin as the model itself recommends"))
        self._seed_row = self._make_seed_row(theme)
        self._lay_out(theme)
        self.show_mode(False)

    def show_setup(self, setup: ChatSetup) -> None:
        """Shows the settings of a chat."""
        self._sampling = setup.sampling
        whose = self.tr("Default")
        if setup.has_kept:
            whose = self.tr("Kept for this model")
        elif setup.is_recommended:
            whose = self.tr("The model's own")
        for name, field in self.fields.items():
            field.set_value(getattr(setup.sampling, name))
            field.set_default(getattr(setup.defaults, name), whose)
        self.reset_button.setEnabled(setup.is_own)
        self.keep_button.setEnabled(bool(setup.model_name))
        self.forget_button.setVisible(setup.has_kept)
        self.whose.setText(self._whose_words(setup))
        self._offer_seeds()

    def show_seed(self, seed: int | None) -> None:
        """Takes the seed of the last reply, so that it can be used again."""
        self._last_seed = seed
        self.seed_words.setText("" if seed is None else self.tr("The last reply had seed {0}.").format(seed))
        self._seed_row.setVisible(seed is not None)
        self._offer_seeds()

    def _offer_seeds(self) -> None:
        self.again_button.setEnabled(self._last_seed is not None and self._sampling.seed != self._last_seed)
        self.random_button.setEnabled(self._sampling.seed is not None)

    def show_mode(self, shows_all: bool) -> None:
        """Shows every setting or the few."""
        self.all_button.setChecked(shows_all)
        self.simple_button.setChecked(not shows_all)
        for field in self.fields.values():
            field.setVisible(shows_all or field.about["is_simple"])
        for heading in self._headings:
            heading.setVisible(shows_all)

    def _lay_out(self, theme: Theme) -> None:
        modes = QHBoxLayout()
        modes.setSpacing(SPACE_4)
        modes.addWidget(self.simple_button)
        modes.addWidget(self.all_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_12)
        layout.addLayout(modes)
        layout.addWidget(self.whose)
        headings = {
            "choice": self.tr("The choice of each token"),
            "repetition": self.tr("Repetition"),
            "end": self.tr("The end of a reply"),
        }
        kinds = typing.get_type_hints(SamplingSettings)
        for group, words in headings.items():
            self._headings.append(label(theme, words, font="small", kind="muted"))
            self._headings[-1].setContentsMargins(0, SPACE_8, 0, 0)
            layout.addWidget(self._headings[-1])
            for spec in fields(SamplingSettings):
                if spec.metadata["group"] != group:
                    continue
                field = SettingField(theme, spec, kinds[spec.name])
                field.changed.connect(self._on_field)
                self.fields[spec.name] = field
                layout.addWidget(field)
                if spec.name == SEED:
                    layout.addWidget(self._seed_row)
        buttons = FlowLayout(gap=SPACE_8)
        for button in (self.reset_button, self.keep_button, self.forget_button):
            buttons.addWidget(button)
        layout.addLayout(buttons)

    def _make_seed_row(self, theme: Theme) -> QWidget:
        row = QWidget()
        self.seed_words = label(theme, font="small", kind="muted", wrap=True)
        self.seed_words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.seed_words.setAccessibleName(self.tr("Seed of the last reply"))
        self.again_button = push_button(self.tr("Use it again"), self._use_again)
        self.random_button = push_button(self.tr("Random"), self._use_random)
        self.again_button.setToolTip(self.tr("The same seed, prompt and settings give the same reply"))
        self.random_button.setToolTip(self.tr("Every reply gets a seed of its own"))
        buttons = FlowLayout(gap=SPACE_8)
        buttons.addWidget(self.again_button)
        buttons.addWidget(self.random_button)
        layout = QVBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_4)
        layout.addWidget(self.seed_words)
        layout.addLayout(buttons)
        row.hide()
        return row

    def _whose_words(self, setup: ChatSetup) -> str:
        if setup.is_own:
            return self.tr("This chat has settings of its own.")
        if setup.has_kept:
            return self.tr("These are the settings that you keep for {0}.").format(setup.model_name)
        if setup.is_recommended:
            return self.tr("These are the settings that {0} recommends.").format(setup.model_name)
        return self.tr("These are the usual settings.")

    @Slot()
    def _on_field(self) -> None:
        field = self.sender()
        if isinstance(field, SettingField):  # the others keep what they have, to the last decimal
            self._set(field.spec_name, field.value())

    def _set(self, name: str, value: object) -> None:
        self._sampling = replace(self._sampling, **{name: value})  # type: ignore[arg-type]
        self.sampling_changed.emit(self._sampling)

    def _set_seed(self, seed: int | None) -> None:
        self.fields[SEED].set_value(seed)
        self._set(SEED, seed)

    @Slot()
    def _use_again(self) -> None:
        self._set_seed(self._last_seed)

    @Slot()
    def _use_random(self) -> None:
        self._set_seed(None)

    @Slot()
    def _choose_simple(self) -> None:
        self.show_mode(False)
        self.mode_chosen.emit(False)

    @Slot()
    def _choose_all(self) -> None:
        self.show_mode(True)
        self.mode_chosen.emit(True)

    @Slot()
    def _reset(self) -> None:
        self.sampling_changed.emit(None)
