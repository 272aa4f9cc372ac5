"""The model browser, driven by mouse and keyboard against a hub on loopback."""

from __future__ import annotations

import itertools
import threading
from http.server import BaseHTTPRequestHandler

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QApplication, QWidget

from app.controllers.browser_state import Phase
from app.theme.tokens import LIGHT
from app.views.chat.error_card import ErrorCard
from app.views.model_browser.card_view import pieces_of
from engine.hub.types import RepoId
from tests.app.browser_driver import Browser, OpenBrowser
from tests.fakes.hub import RateLimit
from tests.fakes.metadata_hub import Answer

BITRATES = RepoId("quantizer", "Bitrates-exl3")


def test_it_begins_with_models_that_need_no_network(browser: Browser) -> None:
    assert len(browser.names()) >= 6
    assert browser.hub.num_requests == 0
    row = browser.parts.list_model.row_at(browser.parts.list_model.index(0, 0))
    assert row is not None
    assert "fits" in row.note
    assert "until you search" in browser.page.list.caption.text()


def test_starters_stand_in_the_order_in_which_they_suit_the_card(browser: Browser) -> None:
    browser.until(lambda: browser.names()[0] == "Qwen3 8B")  # the largest that fits 12 GB
    assert browser.names()[-2:] == ["Qwen3 32B", "Llama 3.1 70B Instruct"]
    card = browser.page.filters.card
    card.setCurrentIndex(card.findText("RTX 3090, 24 GB"))
    card.activated.emit(card.currentIndex())
    browser.until(lambda: browser.names()[0] == "Qwen3 32B")
    assert browser.names()[-1] == "Llama 3.1 70B Instruct"  # tight


def test_the_list_stays_where_it_is_while_details_come(browser: Browser) -> None:
    browser.search("exl3")
    browser.qtbot.mouseClick(browser.page.filters.fits, Qt.MouseButton.LeftButton)
    view = browser.page.list.view
    browser.click("Model-15B-exl3")
    place = view.verticalScrollBar().value()
    assert place > 0
    browser.until(lambda: not browser.details.is_loading)
    browser.qtbot.wait(50)
    assert view.verticalScrollBar().value() == place
    assert str(view.currentIndex().data()) == "Model-15B-exl3"


def test_a_search_of_a_hundred_costs_three_requests_at_most(browser: Browser) -> None:
    browser.search("exl3")
    assert len(browser.names()) == 100
    assert browser.hub.num_requests <= 3
    assert browser.names()[0] == "Demo-exl3"


def test_details_cost_two_requests_and_one_for_each_variant(browser: Browser) -> None:
    browser.search("exl3")
    before = browser.hub.num_requests
    details = browser.open("Bitrates-exl3")
    assert len(details.offers) == 5
    assert browser.hub.num_requests - before <= 2 + 5
    before = browser.hub.num_requests
    browser.qtbot.mouseClick(browser.page.details.tabs["card"], Qt.MouseButton.LeftButton)
    browser.until(lambda: browser.details.card is not None and not browser.details.card.is_loading)
    assert browser.hub.num_requests - before == 1  # the card, when somebody looks at it


def test_typing_searches_once_after_a_while(browser: Browser) -> None:
    browser.qtbot.keyClicks(browser.page.filters.search, "bitrates")
    assert browser.hub.num_requests == 0
    browser.until(lambda: browser.parts.controller.results.phase is Phase.FOUND)
    assert browser.names() == ["Bitrates-exl3"]
    assert browser.hub.num_requests <= 3
    browser.page.filters.search.clear()
    browser.until(lambda: browser.parts.controller.results.phase is Phase.STARTERS)
    assert len(browser.names()) >= 6


def test_the_table_says_rate_size_contexts_and_verdict_and_marks_one(browser: Browser) -> None:
    browser.search("bitrates")
    browser.open("Bitrates-exl3")
    rows = browser.rows()
    assert [row[0] for row in rows] == ["8 bits", "6 bits", "4 bits", "3 bits", "2 bits"]
    assert rows[0][1].endswith("MB")
    assert rows[0][2] == "2k"  # all that the model was made for
    assert [row[-1] for row in rows].count("Fits easily, recommended") == 1
    assert rows[0][-1] == "Fits easily, recommended"
    assert browser.page.details.branch == "8.0bpw"
    note = browser.parts.list_model.row_at(browser.parts.list_model.index(0, 0))
    assert note is not None
    assert note.note.startswith("8 bits: fits easily")  # the list knows it now too


def test_another_variant_is_measured_by_its_tensors(browser: Browser) -> None:
    browser.search("bitrates")
    browser.open("Bitrates-exl3")
    before = browser.hub.num_requests
    browser.click_variant(2)
    assert browser.page.details.branch == "4.0bpw"
    assert browser.page.details.bar.words.text().startswith("4 bits")
    browser.until(
        lambda: [each.offer.is_exact for each in browser.details.offers] == [False, False, True, False, False]
    )
    assert browser.hub.num_requests > before
    assert browser.page.details.branch == "4.0bpw"


def test_the_preview_follows_the_variant(browser: Browser) -> None:
    browser.open("Llama 3.1 8B Instruct")
    planner = browser.page.details.planner
    weights = {part.name: part.num_bytes for part in planner.bar.parts}["weights"]
    chosen = browser.page.details.branch
    last = len(browser.rows()) - 1
    browser.click_variant(last)
    assert browser.page.details.branch == "3.0bpw" != chosen
    assert {part.name: part.num_bytes for part in planner.bar.parts}["weights"] < weights
    assert "RTX 4070, 12 GB (driver 581.15)" in browser.page.details.basis.text()


def test_pasting_a_name_an_address_or_a_branch_opens_it(browser: Browser) -> None:
    browser.search(f"{browser.hub.url}/quantizer/Bitrates-exl3/tree/3.0bpw")
    browser.until(lambda: browser.parts.controller.details is not None and not browser.details.is_loading)
    assert browser.details.repo == BITRATES
    assert browser.page.details.branch == "3.0bpw"
    browser.search("espalier/Demo-exl3@4.0bpw")
    browser.until(lambda: browser.details.repo.name == "Demo-exl3" and not browser.details.is_loading)
    assert browser.page.details.branch == "4.0bpw"


def test_a_pasted_address_of_another_site_is_told(browser: Browser) -> None:
    browser.search("https://example.org/some/model", Phase.FAILED)
    browser.says("example.org is not the hub", browser.page)


def test_sorting_and_publishers_ask_again(browser: Browser) -> None:
    browser.search("exl3")
    filters = browser.page.filters
    filters.sort.setCurrentIndex(filters.sort.findText("Name"))
    filters.sort.activated.emit(filters.sort.currentIndex())
    browser.until(lambda: browser.names()[0] == "Bitrates-exl3")
    assert browser.names() == sorted(browser.names(), key=str.casefold)
    filters.publisher.setCurrentIndex(filters.publisher.findText("publisher3"))
    filters.publisher.activated.emit(filters.publisher.currentIndex())
    browser.until(lambda: 0 < len(browser.names()) < 20)
    assert all(model.repo.owner == "publisher3" for model in browser.parts.controller.results.models)


def test_filters_hide_and_say_so(browser: Browser) -> None:
    browser.search("exl3")
    filters, found = browser.page.filters, browser.page.list
    browser.qtbot.mouseClick(filters.vision, Qt.MouseButton.LeftButton)
    assert browser.names() == ["Sees-exl3"]
    assert "99 hidden" in found.caption.text()
    browser.qtbot.mouseClick(filters.vision, Qt.MouseButton.LeftButton)
    browser.qtbot.mouseClick(filters.fits, Qt.MouseButton.LeftButton)
    assert "Model-20B-exl3" in browser.names()
    assert "Model-60B-exl3" not in browser.names()
    browser.qtbot.mouseClick(filters.vision, Qt.MouseButton.LeftButton)
    filters.size_choice.setCurrentIndex(5)
    filters.size_choice.activated.emit(5)
    assert browser.names() == []
    assert "hide all of them" in found.words_instead()
    browser.qtbot.mouseClick(browser.button(found, "Clear the filters"), Qt.MouseButton.LeftButton)
    assert len(browser.names()) == 100


def test_nothing_found_says_what_was_searched_and_one_way_on(browser: Browser) -> None:
    browser.search("no such model")
    assert "“no such model”" in browser.page.list.words_instead()
    browser.qtbot.mouseClick(browser.button(browser.page.list, "Show models to start with"), Qt.MouseButton.LeftButton)
    browser.until(lambda: len(browser.names()) >= 6)
    assert browser.page.filters.search.text() == ""


def test_a_gated_model_shows_its_sizes_and_the_way_to_it(browser: Browser) -> None:
    browser.search("gated")
    details = browser.open("Gated-exl3")
    assert details.refusal is not None
    pane = browser.page.details
    browser.says("terms must be accepted", pane)
    assert browser.rows()[0][1].endswith("MB")
    assert not pane.bar.button.isEnabled()
    wanted: list[bool] = []
    browser.parts.presenter.token_wanted.connect(lambda: wanted.append(True))
    browser.qtbot.mouseClick(browser.button(pane, "Enter a token"), Qt.MouseButton.LeftButton)
    assert wanted == [True]
    browser.access.tokens.save("hf_good")
    browser.access.forget_known_token()  # as the settings do; nothing more needs to be clicked
    browser.until(lambda: browser.details.refusal is None and not browser.details.is_loading)
    assert pane.bar.button.isEnabled()
    assert browser.rows()[0][-1] == "Fits easily, recommended"


def test_a_refusal_has_room_in_a_narrow_window(open_browser_page: OpenBrowser) -> None:
    browser = open_browser_page(width=392)  # of a window with 480
    browser.search("gated")
    browser.open("Gated-exl3")
    pane = browser.page.details
    button = browser.button(pane, "Copy details")
    right = button.mapTo(pane, button.rect().bottomRight()).x()
    assert right < pane.width()
    card = pane.findChild(ErrorCard)
    assert card is not None
    buttons = [browser.button(card, word) for word in ("Open its page", "Enter a token", "Try again", "Copy details")]
    for before, after in itertools.pairwise(buttons):
        before.setFocus()
        browser.qtbot.keyClick(before, Qt.Key.Key_Tab)
        assert browser.page.window().focusWidget() is after


def test_a_branch_that_is_not_there_is_said(browser: Browser) -> None:
    browser.search(f"{BITRATES}@9.0bpw")
    browser.until(lambda: browser.parts.controller.details is not None and not browser.details.is_loading)
    browser.says("There is no variant 9.0bpw here.", browser.page.details)
    browser.search(f"{BITRATES}@4.0bpw")
    browser.until(lambda: not browser.details.is_loading and browser.page.details.branch == "4.0bpw")
    assert browser.page.details.state.isHidden()


def test_the_card_is_shown_without_what_it_would_load(browser: Browser) -> None:
    browser.search("bitrates")
    browser.open("Bitrates-exl3")
    browser.qtbot.mouseClick(browser.page.details.tabs["card"], Qt.MouseButton.LeftButton)
    browser.until(lambda: browser.details.card is not None and bool(browser.details.card.text))
    card = browser.page.details.card
    browser.until(lambda: card.is_whole)
    assert browser.details.card is not None
    text = browser.details.card.text
    assert "<script>" not in text
    assert "track.png" not in text
    assert not browser.page.details.variants.isVisible()
    browser.qtbot.mouseClick(browser.page.details.tabs["variants"], Qt.MouseButton.LeftButton)
    assert browser.page.details.variants.isVisible()


def test_another_theme_is_taken_by_all_that_is_shown(browser: Browser) -> None:
    browser.search("bitrates")
    browser.open("Bitrates-exl3")
    browser.qtbot.mouseClick(browser.page.details.tabs["card"], Qt.MouseButton.LeftButton)
    browser.until(lambda: browser.details.card is not None and bool(browser.details.card.text))
    card = browser.page.details.card
    browser.until(lambda: card.is_whole)
    before = card.grab().toImage()
    browser.page.details.theme.choose("light")
    browser.until(lambda: card.is_whole)
    browser.qtbot.wait(50)
    assert card.grab().toImage() != before
    verdict = browser.page.details.planner.verdict.styleSheet()
    assert LIGHT.accent.lower() in verdict


def test_a_rate_limit_is_told_with_its_time(browser: Browser) -> None:
    browser.hub.limit = RateLimit(0)
    browser.search("exl3", Phase.FAILED)
    browser.says("asked too often", browser.page.list)
    browser.says("add a token", browser.page.list)
    browser.hub.limit = None
    assert browser.button(browser.page.list, "Retry").isEnabled()


def test_a_repository_without_files_is_no_error(browser: Browser) -> None:
    browser.search("empty")
    browser.open("Empty-exl3")
    browser.says("no files of a model here yet", browser.page.details)
    assert not browser.page.details.bar.isVisible()
    assert browser.page.details.findChildren(ErrorCard) == []


def test_a_new_search_wins_over_a_slow_one(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, waiting = threading.Event(), threading.Event()
    answers = browser.hub.answers
    usual = answers.answer

    def answer(request: BaseHTTPRequestHandler) -> Answer:
        if "search=gated" in request.path:
            waiting.set()
            browser.hub.lock.release()  # which is held around every answer
            gate.wait(5)
            browser.hub.lock.acquire()
        return usual(request)

    monkeypatch.setattr(answers, "answer", answer)
    browser.page.filters.search.setText("gated")
    browser.page.filters.search_now()
    browser.until(waiting.is_set)
    browser.search("bitrates")
    assert browser.names() == ["Bitrates-exl3"]
    gate.set()
    browser.qtbot.wait(400)
    assert browser.names() == ["Bitrates-exl3"]
    assert browser.page.filters.search.text() == "bitrates"


def test_the_keyboard_walks_from_the_search_to_the_download(browser: Browser) -> None:
    browser.search("bitrates")
    view = browser.page.list.view
    view.setFocus()
    browser.qtbot.keyClick(view, Qt.Key.Key_Down)
    browser.until(lambda: browser.parts.controller.details is not None and not browser.details.is_loading)
    variants = browser.page.details.variants
    variants.setFocus()
    browser.qtbot.keyClick(variants, Qt.Key.Key_Down)
    assert browser.page.details.branch == "6.0bpw"
    seen: list[QWidget | None] = []
    for _ in range(25):
        browser.qtbot.keyClick(QApplication.focusWidget() or browser.page, Qt.Key.Key_Tab)
        seen.append(QApplication.focusWidget())
    pane = browser.page.details
    for wanted in (pane.planner.bar.strip, pane.planner.context, pane.bar.button, pane.tabs["variants"]):
        assert wanted in seen, wanted
    pane.tabs["variants"].setFocus()
    browser.qtbot.keyClick(pane.tabs["variants"], Qt.Key.Key_Right)  # as in every group of which one is chosen
    assert pane.card.isVisible()
    browser.qtbot.keyClick(pane.tabs["card"], Qt.Key.Key_Left)
    assert pane.variants.isVisible()
    pane.planner.bits_buttons[16].setFocus()
    browser.qtbot.keyClick(pane.planner.bits_buttons[16], Qt.Key.Key_Right)
    assert pane.planner.cache_bits == 8
    pane.bar.button.setFocus()
    browser.qtbot.keyClick(pane.bar.button, Qt.Key.Key_Space)
    browser.until(lambda: [plan.branch for plan in browser.plans] == ["6.0bpw"])


def test_everything_that_takes_the_keyboard_has_a_name(browser: Browser) -> None:
    browser.search("bitrates")
    browser.open("Bitrates-exl3")
    nameless = []
    for widget in browser.page.findChildren(QWidget):
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.isVisible():
            interface = QAccessible.queryAccessibleInterface(widget)
            if not interface.text(QAccessible.Text.Name):
                nameless.append((type(widget).__name__, type(widget.parent()).__name__))
    assert nameless == []


@pytest.mark.parametrize("width", [408, 628])
def test_a_narrow_window_shows_list_and_details_in_turn(open_browser_page: OpenBrowser, width: int) -> None:
    browser = open_browser_page(width=width)
    assert browser.page.width() == width
    assert browser.page.list.isVisible()
    assert not browser.page.details.isVisible()
    browser.search("bitrates")
    browser.open("Bitrates-exl3")
    assert browser.page.details.isVisible()
    assert not browser.page.list.isVisible()
    assert browser.page.width() == width
    for widget in (browser.page.details.planner, browser.page.details.variants, browser.page.details.bar.button):
        right = widget.mapTo(browser.page, widget.rect().topRight()).x()
        assert right < width, widget
    browser.qtbot.mouseClick(browser.page.details.back, Qt.MouseButton.LeftButton)
    assert browser.page.list.isVisible()
    browser.click("Bitrates-exl3")  # the row is the current one already
    assert browser.page.details.isVisible()


@pytest.mark.parametrize("width", [928, 1500])
def test_a_wide_window_shows_both(open_browser_page: OpenBrowser, width: int) -> None:
    browser = open_browser_page(width=width)
    assert browser.page.list.isVisible()
    assert browser.page.details.isVisible()
    assert not browser.page.details.back.isVisible()


def test_a_card_is_cut_where_nothing_is_torn() -> None:
    text = "# A\n\nOne two.\n\n- a\n\n- b\n\n```\ncode\n\nmore\n```\n\nEnd.\n"
    pieces = pieces_of(text, letters=1)
    assert "".join(piece + "\n" for piece in pieces).replace("\n", "") == text.replace("\n", "")
    assert any("- a" in piece and "- b" in piece for piece in pieces)
    assert any("code" in piece and "more" in piece for piece in pieces)
    assert len(pieces) >= 4
