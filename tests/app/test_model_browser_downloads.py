"""What the model browser says and does about a download, before it and after: what is here, what fits which card."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QSignalSpy

from app.controllers import browser as browser_controller
from app.controllers.browser_state import Phase
from app.controllers.downloads import DownloadList
from app.controllers.model_library import Library, LibraryModel
from engine.fit.common_cards import COMMON_CARDS
from engine.hub.model_facts import ModelFacts
from engine.hub.model_store import InstalledModel
from engine.hub.queue_store import QueueEntry
from engine.hub.transfer.plan import DownloadPlan
from engine.hub.types import RepoId, Variant
from tests.app.browser_driver import GIB, RTX_4070, Browser, FakeCards, OpenBrowser
from tests.fakes.hub import FakeHub
from tests.fakes.metadata_hub import FakeRepo

BITRATES = RepoId("quantizer", "Bitrates-exl3")


def test_download_hands_on_a_plan_at_one_commit(browser: Browser, tmp_path: Path) -> None:
    browser.search("bitrates")
    browser.open("Bitrates-exl3")
    browser.click_variant(3)
    browser.qtbot.mouseClick(browser.page.details.bar.button, Qt.MouseButton.LeftButton)
    browser.until(lambda: len(browser.plans) == 1)
    [plan] = browser.plans
    assert plan.repo == BITRATES
    assert plan.branch == "3.0bpw"
    assert plan.commit == browser.hub.answers.repos[str(BITRATES)].commit("3.0bpw")
    assert plan.folder == tmp_path / "models" / "quantizer" / "Bitrates-exl3-3.0bpw"
    assert {file.name for file in plan.files} >= {"config.json", "model-00001-of-00002.safetensors"}
    bar, presenter = browser.page.details.bar, browser.parts.presenter
    presenter.show_downloads(DownloadList((QueueEntry("1", plan),)))
    assert "in your downloads" in bar.words.text()
    asked = QSignalSpy(presenter.downloads_wanted)
    browser.qtbot.mouseClick(browser.button(bar, "Show downloads"), Qt.MouseButton.LeftButton)
    assert asked.count() == 1
    presenter.show_downloads(DownloadList((QueueEntry("1", replace(plan, commit="b" * 40)),)))
    assert bar.button.text() == "Download"  # the branch holds something newer
    presenter.show_downloads(DownloadList())
    assert bar.button.text() == "Download"  # it was cancelled
    assert len(browser.plans) == 1


@pytest.mark.parametrize(
    ("name", "commit", "is_here"),
    [
        ("quantizer/Bitrates-exl3@3.0bpw", "of 3.0bpw", True),
        ("quantizer/Bitrates-exl3@3.0bpw", "", True),  # a folder of the user's own says no commit
        ("quantizer/Bitrates-exl3", "of 3.0bpw", True),  # the hub library's cache names the branch it knows
        ("quantizer/Bitrates-exl3@3.0bpw", "older", False),
        ("quantizer/Bitrates-exl3@4.0bpw", "of 4.0bpw", False),
        ("other/Bitrates-exl3@3.0bpw", "of 3.0bpw", False),
    ],
)
def test_what_is_on_this_computer_is_chatted_with(
    browser: Browser, tmp_path: Path, name: str, commit: str, is_here: bool
) -> None:
    repo = browser.hub.answers.repos[str(BITRATES)]
    at = repo.commit(commit.removeprefix("of ")) if commit.startswith("of ") else commit
    model = LibraryModel(InstalledModel(tmp_path, name, "downloaded", 10, at), ModelFacts())
    browser.search("bitrates")
    browser.open("Bitrates-exl3")
    browser.click_variant(3)
    bar, presenter = browser.page.details.bar, browser.parts.presenter
    asked = QSignalSpy(presenter.chat_wanted)
    presenter.show_library(Library((model,)))
    assert ("on this computer" in bar.words.text()) == is_here
    if is_here:
        browser.qtbot.mouseClick(browser.button(bar, "Chat with it"), Qt.MouseButton.LeftButton)
        assert asked.at(0) == [tmp_path]
    presenter.show_library(Library())
    assert bar.button.text() == "Download"  # it was deleted
    assert browser.plans == []


def test_a_download_outlives_a_look_at_another_model(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    browser.search("exl3")
    browser.open("Bitrates-exl3")
    go_on = threading.Event()
    plan = browser_controller.plan_download

    def slow_plan(variant: Variant, folder: Path) -> DownloadPlan:
        assert go_on.wait(10)
        return plan(variant, folder)

    monkeypatch.setattr(browser_controller, "plan_download", slow_plan)
    browser.qtbot.mouseClick(browser.button(browser.page.details.bar, "Download"), Qt.MouseButton.LeftButton)
    browser.open("Demo-exl3")
    browser.qtbot.mouseClick(browser.button(browser.page.details.bar, "Download"), Qt.MouseButton.LeftButton)
    assert browser.page.details.bar.button.text() == "Preparing…"
    browser.open("Bitrates-exl3")
    assert browser.page.details.bar.button.text() == "Preparing…"
    go_on.set()
    browser.until(lambda: {plan.repo.name for plan in browser.plans} == {"Bitrates-exl3", "Demo-exl3"})
    browser.until(lambda: browser.page.details.bar.button.text() == "Download")


def test_a_starter_is_looked_up_before_it_is_downloaded(open_browser_page: OpenBrowser, hub: FakeHub) -> None:
    demo = hub.answers.repos["espalier/Demo-exl3"].branches["4.0bpw"]
    repo = FakeRepo("turboderp/Qwen3-8B-exl3", {"4.0bpw": demo, "5.0bpw": demo})
    hub.answers.repos[repo.name] = repo
    browser = open_browser_page()
    details = browser.open("Qwen3 8B")
    assert [each.offer.branch for each in details.offers] == ["4.0bpw", "5.0bpw"]  # the hub's, not the list's
    assert not details.is_from_list
    browser.qtbot.mouseClick(browser.page.details.bar.button, Qt.MouseButton.LeftButton)
    browser.until(lambda: len(browser.plans) == 1)


def test_a_starter_whose_repository_is_gone_says_so(browser: Browser) -> None:
    details = browser.open("Qwen3 8B")
    assert details.is_from_list
    assert details.error is not None
    browser.says("has no turboderp/Qwen3-8B-exl3", browser.page.details)
    browser.says("sizes are those of the list", browser.page.details)


def test_offline_opens_no_connection_and_the_starters_work(open_browser_page: OpenBrowser) -> None:
    browser = open_browser_page()
    browser.access.set_offline(True)
    browser.until(lambda: "Offline" in browser.page.list.caption.text())
    assert not browser.page.list.popular.isVisible()
    details = browser.open("Llama 3.1 8B Instruct")
    assert len(details.offers) >= 4
    assert details.is_from_list
    browser.says("offline switch", browser.page.details)
    assert not browser.page.details.bar.button.isEnabled()
    assert browser.page.details.planner.estimate is not None
    browser.search("qwen", Phase.FAILED)
    browser.says("offline", browser.page.list)
    assert browser.hub.num_requests == 0
    browser.access.set_offline(False)
    browser.search("bitrates")
    assert browser.names() == ["Bitrates-exl3"]


def test_an_unknown_architecture_says_so_before_the_download(open_browser_page: OpenBrowser, hub: FakeHub) -> None:
    repo = hub.answers.repos["espalier/Demo-exl3"]
    files = {**repo.branches["4.0bpw"], "config.json": b'{"architectures": ["NewForCausalLM"]}'}
    hub.answers.repos["someone/New-8B-exl3"] = FakeRepo("someone/New-8B-exl3", {"main": files})
    browser = open_browser_page()
    browser.search("new-8b")
    browser.open("New-8B-exl3")
    assert browser.rows()[0][-1] == "Weights only"
    assert "NewForCausalLM is not supported" in browser.page.details.bar.warning.text()
    assert browser.page.details.bar.button.text() == "Download anyway"


def test_a_card_that_cannot_run_models_is_named_before_gigabytes_are_fetched(
    open_browser_page: OpenBrowser,
) -> None:
    old = replace(RTX_4070, name="NVIDIA GeForce GTX 1080", compute_capability=(6, 1), memory_total_bytes=8 * GIB)
    browser = open_browser_page(FakeCards((old,)))
    browser.open("Llama 3.2 1B Instruct")
    assert "GTX 1080 has compute capability 6.1" in browser.page.details.bar.warning.text()
    assert browser.page.details.bar.button.text() == "Download anyway"


def test_an_old_driver_is_named(open_browser_page: OpenBrowser) -> None:
    browser = open_browser_page(FakeCards((replace(RTX_4070, driver_version="551.23"),)))
    browser.open("Llama 3.2 1B Instruct")
    assert "driver 551.23" in browser.page.details.bar.warning.text()


def test_without_a_card_the_page_plans_for_one(open_browser_page: OpenBrowser) -> None:
    browser = open_browser_page(FakeCards())
    filters = browser.page.filters
    assert filters.card.currentText() == "RTX 4070, 12 GB"
    assert filters.card.count() == len(COMMON_CARDS)
    browser.open("Qwen3 32B")
    assert browser.rows()[0][-1] == "Too big"
    assert "No NVIDIA driver answered" in browser.page.details.bar.warning.text()
    filters.card.setCurrentIndex(filters.card.findText("RTX A6000, 48 GB"))
    filters.card.activated.emit(filters.card.currentIndex())
    browser.until(lambda: any("recommended" in row[-1] for row in browser.rows()))
    assert browser.rows()[0][-1].startswith("Fits")
    assert "RTX A6000, 48 GB" in browser.page.details.basis.text()


def test_other_programs_count_until_they_are_left_out(open_browser_page: OpenBrowser) -> None:
    browser = open_browser_page(FakeCards((RTX_4070,), used_bytes=6 * GIB))
    browser.until(lambda: browser.parts.card.others_bytes == 6 * GIB)
    browser.open("Llama 3.1 8B Instruct")
    browser.until(lambda: browser.rows()[0][-1] == "Too big")
    planner = browser.page.details.planner
    assert planner.bar.parts[0].name == "other programs"
    assert "6.0 GB in use by other programs" in browser.page.details.basis.text()
    browser.page.details.alone.setFocus()
    browser.qtbot.keyClick(browser.page.details.alone, Qt.Key.Key_Space)
    browser.until(lambda: browser.rows()[0][-1].startswith("Fits"))
    assert planner.bar.parts[0].name == "weights"
