"""The first page: what the card can run, the demo, a way to more models, a folder."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtWidgets import QPushButton

from app.views.pages import Page
from tests.app.driver import Window
from tests.fakes.fake_nvml import GIB, FakeCard, FakeDriver

Open = Callable[..., Window]


def suggestions(window: Window) -> list[QPushButton]:
    """Those on the page once every model of the list is judged."""
    fits, controller = window.app.chat.empty.fits, window.app.model_pages.browser.controller
    window.until(lambda: len(controller.judged) == len(controller.results.starters) > 0, 20_000)
    window.until(lambda: 1 <= len(fits.buttons) <= 3)
    window.qtbot.wait(50)
    return list(fits.buttons)


def test_without_a_model_the_page_says_what_the_card_runs(open_window: Open, driver: FakeDriver) -> None:
    driver.init_error = ""
    driver.cards.append(FakeCard())
    window = open_window(load=False, demo=False)
    fits = window.app.chat.empty.fits
    buttons = suggestions(window)
    window.until(lambda: "runs these well" in fits.heading.text())
    assert driver.cards[0].name.replace("NVIDIA GeForce ", "") in fits.heading.text()
    assert fits.isVisible()
    for button in buttons:
        assert "to download · Fits" in button.text()
        assert button.accessibleDescription().endswith(".")
    words = [each.text() for each in window.app.chat.empty.findChildren(QPushButton) if each.isVisible()]
    assert "Open a folder…" in words
    assert "Find a model" in words


def test_a_larger_card_gets_larger_models(open_window: Open, driver: FakeDriver) -> None:
    driver.init_error = ""
    driver.cards.append(FakeCard(total_bytes=6 * GIB, used_bytes=0))
    window = open_window(load=False)
    window.until(lambda: "runs these well" in window.app.chat.empty.fits.heading.text())
    small = [each.text() for each in suggestions(window)]
    driver.cards[0] = FakeCard(total_bytes=24 * GIB, used_bytes=0)
    window.app.window.close()
    window = open_window(load=False)
    window.until(lambda: "runs these well" in window.app.chat.empty.fits.heading.text())
    large = [each.text() for each in suggestions(window)]
    assert small != large


def test_without_a_card_it_says_so_and_plans_for_a_usual_one(open_window: Open) -> None:
    window = open_window(load=False)
    suggestions(window)
    fits = window.app.chat.empty.fits
    window.until(lambda: "on the processor, slowly" in fits.heading.text())
    assert "on a card such as RTX" in fits.heading.text()


def test_a_click_shows_the_model_and_the_button_the_list(open_window: Open) -> None:
    window = open_window(load=False)
    button = suggestions(window)[0]
    repo = window.app.chat.empty.fits.buttons[button].key
    button.click()
    assert window.app.window.page is Page.MODELS
    details = window.app.model_pages.browser.controller.details
    assert details is not None
    assert details.repo == repo
    window.app.window.show_page(Page.CHAT)
    window.app.chat.empty.fits.find_button.click()
    assert window.app.model_pages.browser.page.isVisible()


def test_beside_the_demo_they_stand_too_but_not_beside_a_model_of_ones_own(open_window: Open) -> None:
    window = open_window(load=False, demo=True)
    window.ready()
    assert window.app.models.is_demo
    suggestions(window)
    assert window.app.chat.empty.fits.isVisible()
    window.app.load(window.model)
    window.until(lambda: window.app.models.is_ready and not window.app.models.is_demo)
    assert not window.app.chat.empty.fits.isVisible()


@pytest.mark.parametrize("width", [480, 700])
def test_a_small_window_stays_small(open_window: Open, width: int) -> None:
    window = open_window(load=False, demo=True, width=width)
    window.ready()
    suggestions(window)
    window.app.window.resize(width, 420)
    window.qtbot.wait(30)
    assert (window.app.window.width(), window.app.window.height()) == (width, 420)
