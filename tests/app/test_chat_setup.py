"""The settings of the open chat: a control for every field, modes, presets, seed, thinking, a model's defaults."""

from __future__ import annotations

import typing
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractSpinBox, QApplication, QLineEdit, QPlainTextEdit

from app.storage.presets import Preset, preset_as_json
from app.theme.theme import Theme
from app.views.chat_setup.editors import EDITORS, NumbersEditor, OptionalEditor, SwitchEditor, WordsEditor
from app.views.chat_setup.setting_field import SettingField
from engine.requests import SamplingSettings, setting
from tests.app.driver import Window
from tests.fakes.fake_session import FAKE_SEED

SIMPLE = {"temperature", "top_p", "repetition_penalty", "seed", "max_new_tokens"}


def panel(window: Window) -> Any:
    return window.app.inspector.sampling


def click(window: Window, button: Any) -> None:
    window.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_every_sampling_setting_has_a_control_with_help_range_and_default(window: Window) -> None:
    made = panel(window).fields
    assert set(made) == {each.name for each in fields(SamplingSettings)}
    for spec in fields(SamplingSettings):
        field = made[spec.name]
        assert spec.metadata["label"]
        assert spec.metadata["help"][-1] == "."
        words = field.editor.toolTip()
        assert spec.metadata["help"] in words
        assert words == field.editor.accessibleDescription()
        assert "The model's own: " in words
        if spec.metadata["high"] is not None:
            assert "From " in words
        assert field.editor.accessibleName() == spec.metadata["label"]


def test_every_type_of_a_setting_has_an_editor() -> None:
    kinds = typing.get_type_hints(SamplingSettings)
    assert {kinds[each.name] for each in fields(SamplingSettings)} <= set(EDITORS)


def test_a_new_field_has_its_control_for_free(qapp: QApplication, qtbot: Any) -> None:
    @dataclass(frozen=True)
    class More:
        dry_multiplier: float = setting(
            0.8, label="Dry", low=0.0, high=5.0, usual=(0.0, 2.0), help="Punishes repeated runs."
        )

    field = SettingField(Theme(qapp, "dark"), fields(More)[0], float)
    qtbot.addWidget(field)
    assert field.help_text() == "Punishes repeated runs. From 0 to 5. Default: 0.8."
    field.set_value(1.5)
    assert field.value() == 1.5


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", 1.25), ("top_k", 7), ("seed", 2**62), ("seed", None), ("ignore_eos", True),
        ("stop_strings", ("\nUser:", "END", "a\\n\\b")), ("stop_token_ids", (2, 128_009)),
        ("presence_penalty", -1.5), ("max_new_tokens", 1_000_000),
    ],
)  # fmt: skip
def test_editors_show_and_read_the_same(window: Window, name: str, value: Any) -> None:
    field = panel(window).fields[name]
    field.set_value(value)
    assert field.value() == value
    assert type(field.value()) is type(value)


def test_each_editor_reports_what_the_user_does(window: Window) -> None:
    made = panel(window).fields
    stops, ids, box, seed = (made[n].editor for n in ("stop_strings", "stop_token_ids", "ignore_eos", "seed"))
    assert isinstance(stops, WordsEditor)
    assert isinstance(ids, NumbersEditor)
    assert isinstance(box, SwitchEditor)
    assert isinstance(seed, OptionalEditor)
    click(window, panel(window).all_button)
    window.qtbot.keyClicks(stops, "END")
    window.qtbot.keyClick(stops, Qt.Key.Key_Return)
    window.qtbot.keyClicks(stops, "\\nUser:")
    window.until(lambda: window.app.chats.sampling.stop_strings == ("END", "\nUser:"))
    window.qtbot.keyClicks(ids, "7, 9")
    window.qtbot.keyClick(ids, Qt.Key.Key_Return)
    assert window.app.chats.sampling.stop_token_ids == (7, 9)
    box.setFocus()
    window.qtbot.keyClick(box, Qt.Key.Key_Space)
    assert window.app.chats.sampling.ignore_eos
    click(window, box)
    assert not window.app.chats.sampling.ignore_eos
    window.qtbot.keyClicks(seed, "99999999999999999999999")
    window.qtbot.keyClick(seed, Qt.Key.Key_Return)
    assert window.app.chats.sampling.seed == 2**63 - 1


def test_stop_texts_belong_to_the_chat(window: Window) -> None:
    click(window, panel(window).all_button)
    window.qtbot.keyClicks(panel(window).fields["stop_strings"].editor, "END")
    window.say("hello")  # being typed still
    assert window.script.requests[-1].sampling.stop_strings == ("END",)
    chat = window.app.chats.current_id
    window.app.new_chat()
    assert window.app.chats.sampling.stop_strings == ()
    assert chat is not None
    window.app.chats.open(chat)
    assert panel(window).fields["stop_strings"].value() == ("END",)


def test_a_setting_goes_back_by_its_own_button(window: Window) -> None:
    field = panel(window).fields["temperature"]
    assert not field.reset_button.isVisible()
    field.editor.setValue(1.5)
    assert field.reset_button.accessibleName() == "Temperature: back to 0.5"
    click(window, field.reset_button)
    assert window.app.chats.sampling.temperature == 0.5
    assert not field.reset_button.isVisible()


def test_a_value_between_two_decimals_survives_a_change_of_another(window: Window) -> None:
    window.app.chats.set_sampling(SamplingSettings(min_p=0.0123))
    panel(window).fields["temperature"].editor.setValue(1.5)
    assert window.app.chats.sampling == SamplingSettings(min_p=0.0123, temperature=1.5)


def test_simple_shows_five_settings_and_the_mode_is_remembered(open_window: Callable[..., Window]) -> None:
    window = open_window()
    shown = {name for name, field in panel(window).fields.items() if field.isVisible()}
    assert shown == SIMPLE
    click(window, panel(window).all_button)
    assert all(field.isVisible() for field in panel(window).fields.values())
    window.app.close()
    again = open_window()
    assert panel(again).all_button.isChecked()
    assert all(field.isVisible() for field in panel(again).fields.values())


def test_the_wheel_changes_nothing(window: Window) -> None:
    for field in panel(window).fields.values():
        if isinstance(field.editor, QAbstractSpinBox):
            assert type(field.editor).wheelEvent is not QAbstractSpinBox.wheelEvent


def test_the_seed_of_a_reply_is_shown_and_can_be_used_again(window: Window) -> None:
    setup = panel(window)
    assert not setup.seed_words.isVisible()
    window.say("hello")
    assert str(FAKE_SEED) in setup.seed_words.text()
    click(window, setup.again_button)
    assert window.app.chats.sampling.seed == FAKE_SEED
    window.app.chats.regenerate()
    window.until(lambda: not window.app.chats.busy)
    assert window.script.requests[-1].sampling.seed == FAKE_SEED
    click(window, setup.random_button)
    assert window.app.chats.sampling.seed is None
    chat = window.app.chats.current_id
    assert chat is not None
    window.app.new_chat()
    assert not setup.seed_words.isVisible()
    window.app.chats.open(chat)
    assert str(FAKE_SEED) in setup.seed_words.text()


# -- defaults of a model ----------------------------------------------------------------------------------------------


def test_what_is_kept_for_a_model_begins_its_new_chats(open_window: Callable[..., Window]) -> None:
    window = open_window()
    setup = panel(window)
    assert "recommends" in setup.whose.text()
    setup.fields["temperature"].editor.setValue(1.5)
    window.app.inspector.system_prompt.setPlainText("Be short.")
    assert "of its own" in setup.whose.text()
    click(window, setup.keep_button)
    assert "keep for" in setup.whose.text()
    window.app.new_chat()
    assert window.app.chats.sampling.temperature == 1.5
    assert window.app.inspector.system_prompt.toPlainText() == "Be short."
    window.say("hello")
    assert window.script.requests[-1].messages[0].content == "Be short."
    window.app.close()
    again = open_window()
    assert again.app.chats.sampling.temperature == 1.5
    assert again.app.inspector.system_prompt.toPlainText() == "Be short."
    click(again, panel(again).forget_button)
    assert again.app.chats.sampling.temperature == 0.5
    assert "recommends" in panel(again).whose.text()
    assert not panel(again).forget_button.isVisible()


def test_a_model_without_a_recommendation_is_said_to_have_none(open_window: Callable[..., Window], script: Any) -> None:
    script.recommended = SamplingSettings()
    window = open_window()
    assert panel(window).whose.text() == "These are the usual settings."
    assert "Default: 0.8" in panel(window).fields["temperature"].editor.toolTip()


def test_a_stored_chat_keeps_its_prompt_when_the_model_gets_another(window: Window) -> None:
    window.say("hello")
    chat = window.app.chats.current_id
    assert chat is not None
    window.app.new_chat()
    window.app.inspector.system_prompt.setPlainText("Be short.")
    click(window, panel(window).keep_button)
    window.app.chats.open(chat)
    assert window.app.chats.system_prompt == ""


# -- thinking and the first words -------------------------------------------------------------------------------------


def test_thinking_is_switched_where_the_template_has_a_switch(open_window: Callable[..., Window], script: Any) -> None:
    script.thinks_by_default = True
    window = open_window()
    button = window.app.chat.context_row.thinking_button
    assert button.isVisible()
    assert button.isChecked()
    window.say("hello")
    assert window.script.requests[-1].thinking is None
    click(window, button)
    window.say("again")
    assert window.script.requests[-1].thinking is False
    window.app.close()
    again = open_window()
    assert not again.app.chat.context_row.thinking_button.isChecked()
    click(again, again.app.chat.context_row.thinking_button)
    assert again.app.chat_defaults.thinking is None


def test_no_switch_no_button(window: Window) -> None:
    assert not window.app.chat.context_row.thinking_button.isVisible()


def test_a_reply_starts_with_the_users_words_once(window: Window) -> None:
    row = window.app.chat.context_row
    click(window, row.start_button)
    assert row.start_with.hasFocus()
    window.app.chat.composer.input.setPlainText("hello")
    window.qtbot.keyClicks(row.start_with, "Well, ")
    window.qtbot.keyClick(row.start_with, Qt.Key.Key_Return)
    window.until(lambda: not window.app.chats.busy)
    assert window.script.requests[-1].begun == "Well, "
    assert window.app.chats.branch()[-1].content.startswith("Well, A bicycle")
    assert not row.start_with.isVisible()
    window.say("again")
    assert window.script.requests[-1].begun == ""


# -- presets ----------------------------------------------------------------------------------------------------------


def texts_of_menu(window: Window) -> list[str]:
    menu = window.app.inspector.presets.menu()
    texts = [action.text() for action in menu.actions() if action.text()]
    menu.deleteLater()
    return texts


def act(window: Window, text: str) -> None:
    menu = window.app.inspector.presets.menu()
    next(action for action in menu.actions() if action.text() == text).trigger()
    menu.deleteLater()


def keep(window: Window, name: str) -> None:
    act(window, "Keep as a new preset…")
    window.qtbot.keyClicks(window.app.inspector.presets.name, name)
    window.qtbot.keyClick(window.app.inspector.presets.name, Qt.Key.Key_Return)


def choose(window: Window, name: str) -> None:
    bar = window.app.inspector.presets.list
    bar.setCurrentIndex(bar.findData(name))
    bar.activated.emit(bar.currentIndex())


def test_a_preset_is_kept_chosen_changed_renamed_and_deleted(open_window: Callable[..., Window]) -> None:
    window = open_window()
    bar = window.app.inspector.presets
    window.app.inspector.system_prompt.setPlainText("Answer in rhymes.")
    panel(window).fields["temperature"].editor.setValue(1.5)
    keep(window, "Poet")
    assert bar.list.currentText() == "Poet"
    window.app.new_chat()
    assert bar.list.currentText() == "No preset"
    window.app.close()
    window = open_window()
    bar = window.app.inspector.presets
    choose(window, "Poet")
    assert window.app.chats.system_prompt == "Answer in rhymes."
    assert window.app.chats.sampling.temperature == 1.5
    assert window.app.inspector.system_prompt.toPlainText() == "Answer in rhymes."
    panel(window).fields["temperature"].editor.setValue(0.9)
    assert bar.list.currentText() == "Poet (changed)"
    act(window, "Keep changes in “Poet”")
    assert bar.list.currentText() == "Poet"
    act(window, "Rename “Poet”…")
    bar.name.setText("Bard")
    click(window, bar.accept_button)
    assert bar.list.currentText() == "Bard"
    assert bar.list.findData("Poet") == -1
    window.say("hello")
    chat = window.app.chats.current_id
    window.app.new_chat()
    assert chat is not None
    window.app.chats.open(chat)
    assert bar.list.currentText() == "Bard"  # recognised by what it holds
    act(window, "Delete “Bard”")
    assert bar.list.findData("Bard") == -1
    assert window.app.chats.sampling.temperature == 0.9
    click(window, window.app.window.notice.button)
    assert bar.list.currentText() == "Bard"


def test_presets_are_handed_on(window: Window, tmp_path: Path) -> None:
    presets = window.app.control.presets
    window.app.inspector.system_prompt.setPlainText("Answer in rhymes.")
    window.app.inspector.flush()
    keep(window, "Poet")
    presets.export(tmp_path / "poet.json")
    panel(window).fields["temperature"].editor.setValue(0.1)
    act(window, "Keep changes in “Poet”")
    presets.import_file(tmp_path / "poet.json")
    assert window.app.inspector.presets.list.currentText() == "Poet (2)"  # nothing of ours was overwritten
    assert window.app.chats.sampling.temperature == 0.5
    presets.import_file(tmp_path / "poet.json")
    names = [window.app.inspector.presets.list.itemData(i) for i in range(window.app.inspector.presets.list.count())]
    assert names == ["", "Poet", "Poet (2)"]  # the second time it was there already


def test_a_bad_file_is_refused_with_a_sentence(window: Window, tmp_path: Path) -> None:
    said: list[str] = []
    window.app.control.presets.failed.connect(said.append)
    bad = tmp_path / "bad.json"
    bad.write_text(preset_as_json(Preset("Hot")).replace("0.8", "80"))
    before = window.app.chats.sampling
    window.app.control.presets.import_file(bad)
    assert said == ["bad.json: temperature is 80. Choose a value from 0.0 to 5.0. Nothing was imported."]
    assert window.app.chats.sampling == before
    assert window.app.window.notice.isVisible()


def test_a_folder_that_cannot_be_written_is_said(window: Window, tmp_path: Path) -> None:
    said: list[str] = []
    window.app.control.presets.failed.connect(said.append)
    (tmp_path / "data" / "presets").write_text("a file in the way")
    keep(window, "Poet")
    window.app.control.presets.export(tmp_path / "missing" / "poet.json")
    assert len(said) == 2
    assert "could not be kept" in said[0]
    assert "could not be written" in said[1]


def test_names_with_signs_of_menus_and_an_empty_name(window: Window) -> None:
    keep(window, "Q & A")
    assert "Delete “Q && A”" in texts_of_menu(window)
    act(window, "Keep as a new preset…")
    bar = window.app.inspector.presets
    assert not bar.accept_button.isEnabled()
    window.qtbot.keyClicks(bar.name, "   ")
    window.qtbot.keyClick(bar.name, Qt.Key.Key_Return)
    assert bar.name_row.isVisible()
    click(window, bar.cancel_button)
    assert not bar.name_row.isVisible()


def test_every_editor_is_reached_by_tab(window: Window) -> None:
    click(window, panel(window).all_button)
    editors = {field.editor for field in panel(window).fields.values()}
    window.app.inspector.system_prompt.setFocus()
    seen = set()
    for _ in range(60):
        window.qtbot.keyClick(QApplication.focusWidget() or window.app.window, Qt.Key.Key_Tab)
        seen.add(QApplication.focusWidget())
    assert editors <= seen
    assert all(isinstance(each, (QAbstractSpinBox, QLineEdit, QPlainTextEdit, SwitchEditor)) for each in editors)


def test_the_demo_is_not_called_by_its_folder(open_window: Callable[..., Window]) -> None:
    window = open_window(load=False, demo=True)
    window.ready()
    assert "the demo model" in window.app.inspector.sampling.whose.text()
    assert "demo_model" not in window.app.inspector.sampling.whose.text()
