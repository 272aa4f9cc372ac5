"""Images in the window: every way in, their place in draft, store and request, and what a blind model says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import QColor, QGuiApplication, QImage
from PySide6.QtWidgets import QApplication, QFileDialog, QPushButton

from app.pictures import costs
from app.storage.turns import split_turn
from app.views.chat.messages import ReplyMessage, UserMessage
from app.views.pages import Page
from engine.errors import InvalidRequestError
from engine.vision.registry import read_image_settings
from tests.app.driver import Window
from tests.app.dropping import drag_over, drop, mime
from tests.fakes.fake_session import BLIND

Open = Callable[..., Window]
PATIENCE_MS = 30_000  # each image starts a process


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Three images of different kinds and sizes."""
    folder = tmp_path / "Bilder 🌳"
    folder.mkdir()
    made = []
    for name, colour, size in (
        ("red.png", "red", (300, 200)),
        ("green.jpg", "green", (40, 900)),
        ("blue.webp", "blue", (9, 5)),
    ):
        made.append(folder / name)
        PIL.Image.new("RGB", size, colour).save(made[-1])
    return made


@pytest.fixture
def seeing(open_window: Open, script: Any) -> Window:
    script.why_blind = ""
    return open_window()


def wait_read(window: Window, count: int) -> None:
    tray = window.app.chat.composer.tray
    window.until(lambda: len(tray.pictures) == count and not tray.is_reading, PATIENCE_MS)


def add(window: Window, *paths: Path) -> None:
    before = len(window.app.chat.composer.tray.pictures)
    window.app.chat.composer.add_files(paths)
    wait_read(window, before + len(paths))


def words(window: Window) -> list[str]:
    return [each.words for each in window.app.chat.composer.tray.pictures]


def user_message(window: Window, place: int = 0) -> UserMessage:
    found = [each for each in window.app.chat.transcript.message_widgets if isinstance(each, UserMessage)]
    return found[place]


def test_dropped_files_are_added_in_order_and_sent(seeing: Window, files: list[Path]) -> None:
    app, composer = seeing.app, seeing.app.chat.composer
    app.window.show_page(Page.SETTINGS)
    data = mime(*files)
    assert drag_over(seeing.app.window, data)
    overlay = app.window._overlay
    assert overlay.isVisible()
    assert "images" in overlay.words
    drop(seeing.app.window, data)
    assert not overlay.isVisible()
    assert app.window.page is Page.CHAT
    wait_read(seeing, 3)
    assert words(seeing) == ["red.png", "green.jpg", "blue.webp"]
    assert "3 images, about" in composer.tray.words.text()
    assert "300 × 200 pixels, about 64 tokens" not in composer.tray.row.tiles[0].toolTip()  # an estimate from its size
    assert "300 × 200 pixels, about" in composer.tray.row.tiles[0].toolTip()
    composer.tray.row.tiles[1].setFocus()
    seeing.qtbot.keyClick(composer.tray.row.tiles[1], Qt.Key.Key_Delete)
    assert words(seeing) == ["red.png", "blue.webp"]
    seeing.say("What colours?")
    message = seeing.script.requests[-1].messages[-1]
    assert message.content == "What colours?"
    assert [path.read_bytes() for path in message.images] == [files[0].read_bytes(), files[2].read_bytes()]
    assert composer.is_empty
    shown = user_message(seeing)
    assert shown.pictures is not None
    assert [tile.accessibleName() for tile in shown.pictures.tiles] == [
        "Image 1 of 2: red.png", "Image 2 of 2: blue.webp",
    ]  # fmt: skip
    assert shown.text_widgets()[0].toPlainText() == "What colours?"
    assert "2 images. What colours?" in shown.accessibleDescription()
    assert [each.title for each in app.store.conversations()] == ["What colours?"]
    shown.copy()
    assert QGuiApplication.clipboard().text() == "What colours?"


def test_images_are_pasted_as_bytes_as_pixels_and_as_files(seeing: Window, files: list[Path]) -> None:
    field, clipboard = seeing.app.chat.composer.input, QGuiApplication.clipboard()
    field.setFocus()
    picture = QImage(20, 10, QImage.Format.Format_RGB32)
    picture.fill(QColor("red"))
    clipboard.setImage(picture)
    seeing.qtbot.keyClick(field, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    wait_read(seeing, 1)
    clipboard.setMimeData(mime(files[1]))
    field.paste()
    wait_read(seeing, 2)
    data = QMimeData()
    data.setData("image/webp", files[2].read_bytes())
    clipboard.setMimeData(data)
    field.paste()
    wait_read(seeing, 3)
    data = QMimeData()  # a spreadsheet offers its cells as words and as a picture
    data.setText("1 2 3")
    data.setImageData(picture)
    clipboard.setMimeData(data)
    field.paste()
    assert field.toPlainText() == "1 2 3"
    assert words(seeing) == ["Pasted image", "green.jpg", "Pasted image"]


def test_images_are_chosen_with_the_button_or_its_keys(
    seeing: Window, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def choose(*arguments: Any) -> tuple[list[str], str]:
        asked.append(arguments[3])
        return [str(files[1]), str(files[0])], ""

    monkeypatch.setattr(QFileDialog, "getOpenFileNames", choose)
    seeing.app.chat.composer.attach_button.click()
    wait_read(seeing, 2)
    assert words(seeing) == ["green.jpg", "red.png"]
    assert "*.avif" in asked[0]
    seeing.app.actions["add_images"].trigger()
    wait_read(seeing, 4)


def test_what_is_no_image_is_told_and_holds_the_message_back(seeing: Window, tmp_path: Path, files: list[Path]) -> None:
    composer = seeing.app.chat.composer
    broken = tmp_path / "broken.png"
    broken.write_bytes(files[0].read_bytes()[:60])
    text = tmp_path / "notes.txt"
    text.write_text("no image")
    composer.add_files([broken, text, files[0]])
    seeing.until(lambda: not composer.tray.is_reading, PATIENCE_MS)
    assert composer.tray.words.text().startswith("broken.png is damaged or incomplete")
    assert "notes.txt is not an image that can be read here" in composer.tray.row.tiles[1].toolTip()
    composer.set_text("Look")
    composer.submit()
    assert seeing.script.requests == []
    assert not composer.button.isEnabled()
    for _ in range(2):
        composer.tray.row.tiles[0].removed.emit()
    composer.submit()
    seeing.until(lambda: len(seeing.script.requests) == 1)
    assert len(seeing.script.requests[0].messages[-1].images) == 1


def test_enter_while_an_image_is_read_sends_it_when_it_is_there(seeing: Window, files: list[Path]) -> None:
    composer = seeing.app.chat.composer
    composer.set_text("Look")
    composer.add_files(files[:1])
    composer.submit()
    assert seeing.script.requests == []
    seeing.until(lambda: len(seeing.script.requests) == 1, PATIENCE_MS)
    assert len(seeing.script.requests[0].messages[-1].images) == 1


def test_of_an_animated_image_the_first_frame_is_used_and_said_so(seeing: Window, tmp_path: Path) -> None:
    frames = [PIL.Image.new("RGB", (30, 30), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    add(seeing, tmp_path / "a.gif")
    tray = seeing.app.chat.composer.tray
    assert "first frame" in tray.words.text()
    assert "first frame" in tray.row.tiles[0].accessibleDescription()
    pixmap = seeing.app.desk.pixmap(tray.pictures[0].name)
    assert pixmap is not None
    assert pixmap.toImage().pixelColor(15, 15).red() > 200


def test_a_draft_with_images_outlives_other_chats_and_the_window(
    open_window: Open, script: Any, files: list[Path]
) -> None:
    script.why_blind = ""
    first = open_window()
    first.say("A chat")
    chat = first.app.chats.current_id
    assert chat is not None
    add(first, files[0])
    first.app.chat.composer.set_text("half a thought")
    first.app.new_chat()
    assert first.app.chat.composer.is_empty
    add(first, files[1])
    first.app.chats.open(chat)
    assert (words(first), first.app.chat.composer.input.toPlainText()) == (["red.png"], "half a thought")
    first.app.close()
    second = open_window()
    second.until(lambda: second.app.chats.current_id == chat)
    assert (words(second), second.app.chat.composer.input.toPlainText()) == (["red.png"], "half a thought")
    second.app.chat.composer.submit()
    second.until(lambda: len(script.requests) == 2)
    assert len(script.requests[1].messages[-1].images) == 1
    second.app.new_chat()
    assert words(second) == ["green.jpg"]


def test_an_image_that_is_read_late_goes_to_the_chat_it_was_added_to(seeing: Window, files: list[Path]) -> None:
    seeing.say("A chat")
    chat = seeing.app.chats.current_id
    assert chat is not None
    seeing.app.chat.composer.add_files(files[:1])
    seeing.app.new_chat()
    seeing.until(lambda: bool(seeing.app.store.draft(chat)), PATIENCE_MS)
    assert seeing.app.chat.composer.is_empty
    seeing.app.chats.open(chat)
    assert words(seeing) == ["red.png"]


def test_a_blind_model_says_why_and_keeps_the_images(window: Window, files: list[Path]) -> None:
    composer, notice = window.app.chat.composer, window.app.chat.sight_notice
    assert BLIND in composer.attach_button.toolTip()
    assert BLIND in composer.attach_button.accessibleDescription()
    composer.attach_button.click()
    assert notice.isVisible()
    assert notice.words.text() == BLIND
    notice.findChildren(QPushButton)[-1].click()
    add(window, files[0])
    assert "stay in your message" in notice.words.text()
    composer.set_text("What is this?")
    composer.submit()
    assert window.script.requests == []
    assert words(window) == ["red.png"]
    assert composer.input.toPlainText() == "What is this?"
    assert notice.isAncestorOf(QApplication.focusWidget())
    ways = {each.text(): each for each in notice.findChildren(QPushButton) if each.isVisible()}
    assert {"Find a model that sees", "Remove the images", "Close"} <= set(ways)
    window.script.why_blind = ""
    window.app.models.reload()
    window.until(lambda: window.app.models.info is not None and window.app.models.info.sees)
    assert not notice.isVisible()
    composer.submit()
    window.until(lambda: len(window.script.requests) == 1)


def test_editing_takes_images_out_and_puts_others_in(seeing: Window, files: list[Path]) -> None:
    add(seeing, *files[:2])
    seeing.say("Both")
    message = user_message(seeing)
    message.start_editing()
    editor = message.editor
    assert editor is not None
    assert editor.tray is not None
    assert editor.field.toPlainText() == "Both"
    assert [each.words for each in editor.tray.pictures] == ["red.png", "green.jpg"]
    editor.tray.remove(0)
    editor.add_pictures([])
    QGuiApplication.clipboard().setMimeData(mime(files[2]))
    editor.field.paste()
    seeing.until(lambda: editor.tray is not None and len(editor.tray.pictures) == 2, PATIENCE_MS)
    editor.field.setPlainText("Others")
    seeing.app.preferences.update(theme="light" if seeing.app.theme.colours.background == "#14171A" else "dark")
    editor = user_message(seeing).editor  # all messages are written again, and what was changed is still there
    assert editor is not None
    assert editor.tray is not None
    assert [each.words for each in editor.tray.pictures] == ["green.jpg", "blue.webp"]
    editor.save_button.click()
    seeing.until(lambda: len(seeing.script.requests) == 2 and not seeing.app.chats.busy)
    sent = seeing.script.requests[-1].messages[-1]
    assert (sent.content, [each.suffix for each in sent.images]) == ("Others", [".jpeg", ".webp"])
    seeing.app.chats.step_version(seeing.app.chats.branch()[0].id, -1)
    assert [each.words for each in user_message(seeing).turn.pictures] == ["red.png", "green.jpg"]
    seeing.app.chats.regenerate()
    seeing.until(lambda: len(seeing.script.requests) == 3)
    assert len(seeing.script.requests[-1].messages[-1].images) == 2


def test_an_image_without_words_names_the_chat_and_is_sent(seeing: Window, files: list[Path]) -> None:
    add(seeing, files[0])
    seeing.app.chat.composer.submit()
    seeing.until(lambda: len(seeing.script.requests) == 1)
    assert seeing.script.requests[0].messages[-1].content == ""
    assert [each.title for each in seeing.app.store.conversations()] == ["Image: red.png"]


def test_looking_at_images_is_told_and_what_was_not_seen_too(seeing: Window, files: list[Path]) -> None:
    add(seeing, *files)
    seeing.script.encode_s = 0.2
    seeing.say("Look", wait=False)
    reply = lambda: seeing.app.chat.transcript.message_widgets[-1]  # noqa: E731
    seeing.until(lambda: isinstance(reply(), ReplyMessage) and "Looking at 2 of 3 images" in reply().meta.text())
    seeing.until(lambda: not seeing.app.chats.busy)
    seeing.script.why_blind = BLIND
    seeing.app.models.reload()
    seeing.until(lambda: seeing.app.models.info is not None and not seeing.app.models.info.sees)
    seeing.say("And now?")
    assert "3 images not seen" in reply().meta.text()
    assert split_turn(seeing.app.chats.branch()[0].content).pictures


def test_an_error_about_an_image_names_it_and_lets_it_be_changed(seeing: Window, files: list[Path]) -> None:
    add(seeing, files[0])
    name = seeing.app.chat.composer.tray.pictures[0].name
    seeing.script.image_error = InvalidRequestError(f"{name} is 1 x 9000 pixels.", "Cut it.")
    seeing.say("Look")
    reply = seeing.app.chat.transcript.message_widgets[-1]
    assert isinstance(reply, ReplyMessage)
    assert reply.error_card is not None
    assert "red.png is 1 x 9000 pixels." in reply.error_card.accessibleName()
    button = next(each for each in reply.error_card.findChildren(QPushButton) if each.text() == "Edit your message")
    button.click()
    editor = user_message(seeing).editor
    assert editor is not None
    assert editor.tray is not None
    assert editor.tray.num_pictures == 1


def test_the_context_counts_images_and_a_chat_keeps_its_detail(
    open_window: Open, script: Any, files: list[Path]
) -> None:
    script.why_blind = ""
    window = open_window()
    app = window.app
    add(window, files[0])
    window.until(lambda: app.control.context.state.image_tokens == 64)
    assert "images 64" in app.chat.context_row.words.text()
    app.window.resize(app.window.minimumSize())
    assert "images" not in app.chat.context_row.words.text()
    assert "images take 64 of them" in app.chat.context_row.words.toolTip()
    app.window.resize(1200, 800)
    panel = app.inspector.image_detail
    entries = [panel.list.itemText(place) for place in range(panel.list.count())]
    assert entries == [
        "Automatic: up to 1,024 tokens", "Low: up to 256 tokens", "Medium: up to 1,024 tokens",
        "Original: up to 1,280 tokens",
    ]  # fmt: skip
    assert panel.list.currentIndex() == 0
    assert script.counts[-1].image_pixels == 1024 * 784  # a quarter of the context
    panel.list.setCurrentIndex(1)
    panel.list.activated.emit(1)
    window.say("Look")
    assert script.requests[-1].image_pixels == 256 * 784
    window.until(lambda: script.counts[-1].image_pixels == 256 * 784)
    chat = app.chats.current_id
    assert chat is not None
    app.new_chat()
    assert panel.list.currentIndex() == 0
    app.chats.open(chat)
    assert panel.list.currentIndex() == 1
    script.image_budget = None
    app.models.reload()
    window.until(lambda: len(script.loads) == 2 and app.models.is_ready)
    assert panel.isHidden()


def test_the_address_of_an_image_alone_is_never_followed(seeing: Window) -> None:
    data = QMimeData()
    data.setUrls([QUrl("https://example.org/cat.png")])
    data.setHtml('<IMG src="https://example.org/cat.png">')
    assert drag_over(seeing.app.window, data)
    drop(seeing.app.window, data)
    assert seeing.app.chat.composer.is_empty
    assert "nothing is fetched" in seeing.app.window.notice._text.text()


def test_a_blind_model_leads_to_one_that_sees(
    open_window: Open, monkeypatch: pytest.MonkeyPatch, script: Any, files: list[Path]
) -> None:
    monkeypatch.setattr(costs, "_sees", lambda folder: folder.name == "demo_model")
    window = open_window(demo=True)
    notice = window.app.chat.sight_notice
    window.app.chat.composer.add_files(files[:1])

    def ways() -> dict[str, QPushButton]:
        return {each.text(): each for each in notice.findChildren(QPushButton) if each.isVisible()}

    window.until(lambda: "Load the demo model" in ways())
    script.why_blind = ""
    ways()["Load the demo model"].click()
    window.until(lambda: window.app.models.is_demo and window.app.models.is_ready)
    assert not notice.isVisible()
    script.why_blind = BLIND
    window.app.models.load(window.model)
    window.until(lambda: notice.isVisible(), PATIENCE_MS)
    ways()["Find a model that sees"].click()
    assert window.app.window.page is Page.MODELS
    assert window.app.model_pages.browser.page.filters.vision.isChecked()
    window.app.window.show_page(Page.CHAT)
    ways()["Remove the images"].click()
    assert window.app.chat.composer.is_empty
    assert not notice.isVisible()


def test_tokens_are_those_of_the_model_s_own_files(
    open_window: Open, script: Any, model_folder: Path, files: list[Path]
) -> None:
    vision = {"patch_size": 14, "spatial_merge_size": 2, "temporal_patch_size": 2}
    config = {"architectures": ["Qwen2_5_VLForConditionalGeneration"], "vision_config": vision}
    sizes = {"patch_size": 14, "merge_size": 2, "temporal_patch_size": 2, "min_pixels": 3136, "max_pixels": 12845056}
    (model_folder / "config.json").write_text(json.dumps(config))
    (model_folder / "preprocessor_config.json").write_text(
        json.dumps(sizes | {"image_processor_type": "Qwen2VLImageProcessor"})
    )
    settings = read_image_settings(model_folder)
    assert settings is not None
    script.why_blind = ""
    window = open_window()
    tray = window.app.chat.composer.tray
    window.app.chat.composer.add_files(files[:1])
    exact = settings.rules.plan(300, 200).num_tokens
    window.until(lambda: f"about {exact} tokens" in tray.words.text(), PATIENCE_MS)
    window.app.chats.set_image_pixels(56 * 56)
    cheaper = settings.rules.plan(300, 200, 56 * 56).num_tokens
    assert cheaper < exact
    assert f"about {cheaper} tokens" in tray.words.text()
