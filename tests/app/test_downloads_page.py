"""The downloads page in a whole window, against a hub on loopback."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from app.model_pages import ModelPages
from app.views.confirm import ConfirmDialog
from app.views.downloads.row import DownloadCard
from app.views.downloads.words import reason_text, state_text, time_text
from app.views.pages import Page
from engine.hub.endpoint import Endpoint
from engine.hub.model_store import verify_model
from engine.hub.transfer.events import DownloadProgress
from engine.hub.transfer.pace import BackOff
from engine.hub.transfer.placing import plan_download
from engine.hub.transfer.plan import DownloadPlan
from engine.hub.transfer.settings import TransferSettings
from engine.hub.types import RepoId
from tests.app.driver import Window
from tests.fakes.file_hub import COMMIT, Fault, FileHub, serving

QUICK = TransferSettings(margin_bytes=0, report_s=0.02, silence_s=0.5, read_s=2.0, back_off=BackOff(0.4, 0.4))
SHARD = "model.safetensors"
SLOW = Fault(drip_s=0.0004)


@pytest.fixture
def hub() -> Iterator[FileHub]:
    files = {"config.json": b"{}", "tokenizer.json": b"[]" * 500, SHARD: os.urandom(1 << 20)}
    with serving(FileHub(files, frozenset({SHARD}))) as running:
        yield running


@pytest.fixture
def open_pages(open_window: Callable[..., Window], hub: FileHub, tmp_path: Path) -> Callable[[], Window]:
    def endpoint(_address: str, _proxy: str, offline: bool) -> Endpoint:
        return replace(hub.endpoint, offline=offline)

    def open_one() -> Window:
        window = open_window(load=False, endpoint_of=endpoint, transfer=QUICK, models_folder=tmp_path / "models")
        window.app.window.show_page(Page.DOWNLOADS)
        return window

    return open_one


def press(window: Window, button: QWidget) -> None:
    window.until(button.isVisible)
    assert button.isEnabled()
    window.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def pages(window: Window) -> ModelPages:
    return window.app.model_pages


def plan(hub: FileHub, tmp_path: Path, name: str = "model") -> DownloadPlan:
    return plan_download(replace(hub.variant, repo=RepoId("org", name)), tmp_path / "models")


def cards(window: Window) -> list[DownloadCard]:
    page = pages(window).downloads_page
    shown = [row.download_id for row in pages(window).download_model.rows]
    return [page.cards[each] for each in shown if each in page.cards]  # the rest is still being built


def add(window: Window, *plans: DownloadPlan) -> list[DownloadCard]:
    before = len(cards(window))
    for each in plans:
        pages(window).downloads.add(each)
    window.until(lambda: len(cards(window)) == before + len(plans))
    return cards(window)[before:]


def has(card: DownloadCard, words: str) -> Callable[[], bool]:
    return lambda: words in card.state.text()


def test_an_empty_page_leads_to_the_models(open_pages: Callable[[], Window]) -> None:
    window = open_pages()
    page = pages(window).downloads_page
    assert page.empty.isVisible()
    press(window, page.find_button)
    assert pages(window).models_page.isVisible()


def test_a_model_comes_and_can_be_chatted_with(open_pages: Callable[[], Window], hub: FileHub, tmp_path: Path) -> None:
    window = open_pages()
    wanted = plan(hub, tmp_path)
    (card,) = add(window, wanted)
    window.until(has(card, "Downloaded and verified"))
    assert wanted.path_of(wanted.files[2]).read_bytes() == hub.files[SHARD]
    notice = window.app.window.notice
    window.until(notice.isVisible)
    assert "org/model@4.0bpw is downloaded and verified." in notice._text.text()
    press(window, notice.button)
    window.ready()
    assert window.script.loads[-1].path == wanted.folder
    assert window.app.chat.isVisible()
    window.qtbot.keyClick(window.app.window, Qt.Key.Key_3, Qt.KeyboardModifier.ControlModifier)
    press(window, card.remove_button)
    window.until(lambda: not cards(window))
    assert wanted.folder.is_dir()


def test_pause_resume_and_the_files(open_pages: Callable[[], Window], hub: FileHub, tmp_path: Path) -> None:
    hub.fail(SHARD, SLOW)
    window = open_pages()
    (card,) = add(window, plan(hub, tmp_path))
    window.until(has(card, "Transferring"))
    press(window, card.files_button)
    names = {name.text(): words for name, words in card._file_words}
    assert set(names) == set(hub.files)
    window.until(lambda: "verified" in names["config.json"].text() and "transferring" in names[SHARD].text())
    press(window, card.pause_button)
    window.until(has(card, "Paused"))
    assert card.pause_button.isHidden()
    press(window, card.resume_button)
    window.until(has(card, "Downloaded and verified"))
    assert {request.headers.get("range") for request in hub.log if request.path == SHARD} != {None}


def test_cancel_says_what_goes_and_asks_first(open_pages: Callable[[], Window], hub: FileHub, tmp_path: Path) -> None:
    hub.fail(SHARD, SLOW)
    window = open_pages()
    wanted = plan(hub, tmp_path)
    (card,) = add(window, wanted)
    window.until(has(card, "Transferring"))
    press(window, card.cancel_button)
    dialog = pages(window).downloads_page.findChild(ConfirmDialog)
    assert dialog is not None
    assert f"of 1.0 MB have come. They are deleted from {wanted.folder}." in dialog.text
    press(window, dialog.keep_button)
    assert cards(window) == [card]
    press(window, card.cancel_button)
    dialog = pages(window).downloads_page.findChildren(ConfirmDialog)[-1]
    press(window, dialog.act_button)
    window.until(lambda: not cards(window))
    window.until(lambda: not wanted.folder.exists())
    assert pages(window).downloads_page.empty.isVisible()


def test_a_stall_is_said_with_its_reason(open_pages: Callable[[], Window], hub: FileHub, tmp_path: Path) -> None:
    hub.fail(SHARD, *[Fault(status=503)] * 4)
    window = open_pages()
    (card,) = add(window, plan(hub, tmp_path))
    window.until(has(card, "Stalled, retrying in"))
    window.until(lambda: "answers 503" in card.reason.text())
    assert card.retry_button.isVisible()
    window.until(has(card, "Downloaded and verified"), 15_000)
    assert card.reason.isHidden()


def test_a_failure_has_a_way_out(open_pages: Callable[[], Window], hub: FileHub, tmp_path: Path) -> None:
    hub.token = "secret"
    window = open_pages()
    (card,) = add(window, plan(hub, tmp_path))
    window.until(has(card, "Failed"))
    assert card.reason.text()
    assert card.way_out.text()
    assert card.page_button.isVisible()
    press(window, card.token_button)
    field = window.app.settings_page.hub.token
    window.until(lambda: not field.visibleRegion().isEmpty())
    assert window.app.window.page is Page.SETTINGS
    assert field.hasFocus()
    window.app.window.show_page(Page.DOWNLOADS)
    hub.token = ""
    press(window, card.retry_button)
    window.until(has(card, "Downloaded and verified"))
    assert card.reason.isHidden()
    assert card.token_button.isHidden()


def test_other_failures_ask_for_no_token(open_pages: Callable[[], Window], hub: FileHub, tmp_path: Path) -> None:
    wanted = plan(hub, tmp_path)
    wanted.folder.parent.mkdir(parents=True)
    wanted.folder.write_text("a file where the folder should be")
    window = open_pages()
    (card,) = add(window, wanted)
    window.until(has(card, "Failed"))
    assert card.token_button.isHidden()


def test_the_list_comes_back_after_a_restart(open_pages: Callable[[], Window], hub: FileHub, tmp_path: Path) -> None:
    hub.always = SLOW
    first = open_pages()
    running, waiting, paused = add(first, *(plan(hub, tmp_path, name) for name in ("a", "b", "c")))
    press(first, paused.pause_button)
    first.until(has(paused, "Paused"))
    first.until(lambda: "Transferring" in running.state.text() and hub.sent_for(SHARD) > 100)
    assert "Waiting" in waiting.state.text()
    first.app.close()
    assert first.app.threads_stopped
    hub.always = None
    second = open_pages()
    second.until(lambda: len(cards(second)) == 3)
    names = [card.name.text() for card in cards(second)]
    assert names == ["org/a@4.0bpw", "org/b@4.0bpw", "org/c@4.0bpw"]
    second.until(lambda: "Paused" in cards(second)[2].state.text())
    second.until(lambda: all("Downloaded" in card.state.text() for card in cards(second)[:2]), 15_000)
    assert "Paused" in cards(second)[2].state.text()


def test_rows_move_in_the_queue(open_pages: Callable[[], Window], hub: FileHub, tmp_path: Path) -> None:
    hub.always = SLOW
    window = open_pages()
    add(window, *(plan(hub, tmp_path, name) for name in ("a", "b", "c")))
    last = cards(window)[2]
    assert not last.down_button.isEnabled()
    press(window, last.up_button)
    window.until(lambda: [card.name.text()[4] for card in cards(window)] == ["a", "c", "b"])
    layout = pages(window).downloads_page._cards
    assert layout.indexOf(last) == 1
    saved = json.loads((tmp_path / "data" / "downloads.json").read_text())
    assert [each["plan"]["repo"] for each in saved["downloads"]] == ["org/a", "org/c", "org/b"]


def test_the_offline_switch_holds_and_going_online_resumes(
    open_pages: Callable[[], Window], hub: FileHub, tmp_path: Path
) -> None:
    hub.fail(SHARD, SLOW)
    window = open_pages()
    (card,) = add(window, plan(hub, tmp_path))
    window.until(lambda: "Transferring" in card.state.text() and hub.sent_for(SHARD) > 10)
    pages(window).hub.set_offline(True)
    window.until(has(card, "Waiting"))
    page = pages(window).downloads_page
    assert page.offline_row.isVisible()
    asked = len(hub.log)
    window.qtbot.wait(200)
    assert len(hub.log) == asked
    press(window, page.online_button)
    window.until(has(card, "Downloaded and verified"), 15_000)
    assert not page.offline_row.isVisible()


def test_what_the_offline_switch_holds_goes_on_after_a_restart(
    open_pages: Callable[[], Window], hub: FileHub, tmp_path: Path
) -> None:
    hub.fail(SHARD, SLOW)
    first = open_pages()
    held, paused = add(first, *(plan(hub, tmp_path, name) for name in ("a", "b")))
    press(first, paused.pause_button)
    first.until(lambda: "Transferring" in held.state.text() and hub.sent_for(SHARD) > 10)
    pages(first).hub.set_offline(True)
    first.until(has(held, "Waiting"))
    first.app.close()
    second = open_pages()
    second.until(lambda: len(cards(second)) == 2)
    press(second, pages(second).downloads_page.online_button)
    second.until(has(cards(second)[0], "Downloaded and verified"), 15_000)
    assert "Paused" in cards(second)[1].state.text()  # by the user, and not by the switch


def test_while_offline_nothing_begins_at_the_start(
    open_pages: Callable[[], Window], hub: FileHub, tmp_path: Path
) -> None:
    hub.always = SLOW
    first = open_pages()
    add(first, plan(hub, tmp_path))
    first.until(lambda: hub.sent_for(SHARD) > 10)
    first.app.preferences.update(offline=True)
    first.app.close()
    asked = len(hub.log)
    second = open_pages()
    second.until(lambda: len(cards(second)) == 1)
    second.qtbot.wait(300)
    assert len(hub.log) == asked
    assert "Waiting" in cards(second)[0].state.text()
    hub.always = None
    press(second, pages(second).downloads_page.online_button)
    second.until(has(cards(second)[0], "Downloaded and verified"), 15_000)


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_model_that_turns_out_damaged_is_offered_no_more(
    open_pages: Callable[[], Window], hub: FileHub, tmp_path: Path, is_restarted: bool
) -> None:
    window = open_pages()
    wanted = plan(hub, tmp_path)
    (card,) = add(window, wanted)
    window.until(has(card, "Downloaded and verified"))
    path = wanted.path_of(wanted.files[2])
    path.write_bytes(b"x" + path.read_bytes()[1:])
    if is_restarted:
        window.app.close()
        assert not verify_model(wanted.folder, lambda _done, _total: None).is_whole
        window = open_pages()
        window.until(lambda: len(cards(window)) == 1)
        (card,) = cards(window)
    else:
        pages(window).library.refresh()
        window.until(lambda: pages(window).library.model_at(wanted.folder) is not None)
        pages(window).library.verify(wanted.folder)
    window.until(has(card, "Paused"))
    assert card.load_button.isHidden()
    press(window, card.resume_button)
    window.until(has(card, "Downloaded and verified"))
    assert path.read_bytes() == hub.files[SHARD]


def test_what_was_begun_is_found_again_without_the_list(
    open_pages: Callable[[], Window], hub: FileHub, tmp_path: Path
) -> None:
    hub.always = SLOW
    first = open_pages()
    wanted = plan(hub, tmp_path)
    add(first, wanted)
    first.until(lambda: hub.sent_for(SHARD) > 10)
    first.app.close()
    (tmp_path / "data" / "downloads.json").unlink()
    hub.always = None
    second = open_pages()
    second.until(lambda: len(cards(second)) == 1)
    (card,) = cards(second)
    assert "Paused" in card.state.text()  # it waits for the user
    second.until(card.resume_button.isVisible)
    press(second, card.resume_button)
    second.until(has(card, "Downloaded and verified"))
    assert wanted.path_of(wanted.files[2]).read_bytes() == hub.files[SHARD]


def test_words() -> None:
    running = DownloadProgress("x", "downloading", 3_100_000_000, 7_400_000_000, 52e6)
    assert state_text(running) == "Transferring · 3.1 of 7.4 GB · 52.0 MB/s · 83 s left"
    silent = replace(running, phase="downloading", bytes_per_s=0.0)
    assert state_text(silent).endswith("0 B/s · time left unknown")
    dripping = replace(running, bytes_per_s=19.0)
    assert state_text(dripping).endswith("19 B/s · time left unknown")
    stalled = replace(running, phase="stalled", retry_s=7.6, message="stalled, retrying in 8 s: hub answers 500")
    assert state_text(stalled).startswith("Stalled, retrying in 8 s · ")
    assert reason_text(stalled) == "hub answers 500"
    verifying = replace(running, phase="verifying", verify_done_bytes=2 * 10**9, verify_total_bytes=4 * 10**9)
    assert state_text(verifying) == "Verifying · 2.0 of 4.0 GB"
    assert [time_text(seconds) for seconds in (0.2, 59, 100, 4000)] == ["1 s", "59 s", "2 min", "1 h 6 min"]
    assert [time_text(hours * 3600) for hours in (47, 49, 230)] == ["47 h 0 min", "2 days", "10 days"]
    assert COMMIT
