"""Finding and watching cards, with a fake driver and with none."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.fit.cards import Card, CardMonitor, find_cards
from tests.fakes.fake_nvml import GIB, FakeCard, FakeDriver
from tests.pace import slowness


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> FakeDriver:
    driver = FakeDriver([FakeCard(), FakeCard("NVIDIA GeForce RTX 2080", "GPU-2080", (7, 5), 8 * GIB)])
    monkeypatch.setitem(sys.modules, "pynvml", driver.as_module())
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return driver


def card(capability: tuple[int, int] = (8, 9), driver_version: str = "580.65.06") -> Card:
    return Card(0, "NVIDIA GeForce RTX 4070", "GPU-1", capability, driver_version, 12 * GIB, "cuda:0")


def test_cards_come_in_the_order_of_the_bus_with_what_the_driver_says(driver: FakeDriver) -> None:
    report = find_cards()
    assert report.problem == ""
    assert [(each.index, each.uuid, each.device) for each in report.cards] == [
        (0, "GPU-4070", "cuda:0"),
        (1, "GPU-2080", "cuda:1"),
    ]
    assert report.cards[0].compute_capability == (8, 9)
    assert report.cards[0].driver_version == "580.65.06"
    assert report.cards[0].label == "RTX 4070, 12 GB"
    assert driver.opened == 0  # the library was closed again


def test_cards_are_numbered_by_their_place_on_the_bus(driver: FakeDriver) -> None:
    driver.cards[0].bus, driver.cards[1].bus = 0x81, 0x21
    assert [(each.index, each.uuid, each.device) for each in find_cards().cards] == [
        (0, "GPU-2080", "cuda:0"),
        (1, "GPU-4070", "cuda:1"),
    ]


def test_a_hidden_card_comes_last_with_the_reason(driver: FakeDriver) -> None:
    driver.cards.append(FakeCard("NVIDIA RTX A4000", "GPU-A4000", (8, 6)))
    environment = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": "2,0"}
    report = find_cards(environment)
    assert [(each.index, each.uuid, each.device) for each in report.cards] == [
        (2, "GPU-A4000", "cuda:0"),
        (0, "GPU-4070", "cuda:1"),
        (1, "GPU-2080", ""),
    ]
    assert [each.obstacle() == "" for each in report.cards] == [True, True, False]
    assert "CUDA_VISIBLE_DEVICES hides the RTX 2080" in report.cards[2].obstacle()


def test_a_driver_that_does_not_start_is_no_cards_and_a_reason(driver: FakeDriver) -> None:
    driver.init_error = "Driver Not Loaded"
    assert find_cards().cards == ()
    assert find_cards().problem == "No NVIDIA driver answered (Driver Not Loaded)."


def test_without_the_package_the_reason_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert "nvidia-ml-py" in find_cards().problem
    assert CardMonitor("GPU-1").read() is None


def test_a_card_that_does_not_answer_hides_no_other(driver: FakeDriver) -> None:
    driver.cards[0].error = "GPU is lost"
    report = find_cards()
    assert [(each.index, each.device) for each in report.cards] == [(1, "cuda:GPU-2080")]  # CUDA may count from it on
    assert report.problem == "Card 0 does not answer (GPU is lost)."
    assert driver.opened == 0


def test_a_driver_without_cards_says_so(driver: FakeDriver) -> None:
    driver.cards.clear()
    assert find_cards().problem == "The NVIDIA driver is installed but counts no card."


@pytest.mark.parametrize("capability", [(8, 0), (8, 6), (8, 9), (9, 0), (12, 0)])
@pytest.mark.parametrize("driver_version", ["580.10", "591.1", "unknown"])
def test_newer_cards_have_no_obstacle(capability: tuple[int, int], driver_version: str) -> None:
    assert card(capability, driver_version).obstacle() == ""


@pytest.mark.parametrize("capability", [(6, 1), (7, 5)])
def test_an_old_card_is_told_what_it_lacks(capability: tuple[int, int]) -> None:
    words = card(capability).obstacle()
    assert f"compute capability {capability[0]}.{capability[1]}" in words
    assert words.endswith("Use the CPU instead.")


@pytest.mark.parametrize("driver_version", ["579.99", "551.23", "99"])
def test_an_old_driver_is_to_be_updated(driver_version: str) -> None:
    words = card(driver_version=driver_version).obstacle()
    assert f"driver {driver_version} of the RTX 4070 is too old: 580 or newer" in words
    assert "Install NVIDIA's current driver" in words


def test_a_monitor_follows_its_card(driver: FakeDriver) -> None:
    monitor = CardMonitor("GPU-2080")
    first = monitor.read()
    assert first is not None
    assert (first.used_bytes, first.load_percent, first.others_bytes) == (3 * GIB, 7, None)
    assert first.total_bytes == 8 * GIB - driver.cards[1].reserved_bytes
    driver.cards[1].used_bytes, driver.cards[1].own_bytes, driver.cards[1].load_percent = 6 * GIB, 4 * GIB, 98
    second = monitor.read()
    assert second is not None
    assert (second.used_bytes, second.load_percent, second.others_bytes) == (6 * GIB, 98, 2 * GIB)
    assert driver.opened == 1
    monitor.close()
    monitor.close()
    assert driver.opened == 0


def test_what_a_driver_hides_is_none(driver: FakeDriver) -> None:
    driver.hides_load = driver.hides_processes = True
    reading = CardMonitor("GPU-4070").read()
    assert reading is not None
    assert (reading.load_percent, reading.others_bytes) == (None, None)


def test_a_monitor_survives_a_driver_that_goes_away(driver: FakeDriver) -> None:
    monitor = CardMonitor("GPU-4070")
    assert monitor.read() is not None
    driver.cards[0].error = "GPU is lost"
    assert monitor.read() is None
    assert driver.opened == 0
    driver.init_error = "Driver Not Loaded"
    driver.cards[0].error = ""
    assert monitor.read() is None
    driver.init_error = ""
    assert monitor.read() is not None
    monitor.close()


def test_an_unknown_card_gives_no_reading_and_leaves_nothing_open(driver: FakeDriver) -> None:
    assert CardMonitor("GPU-gone").read() is None
    assert driver.opened == 0


def test_a_reading_is_cheap(driver: FakeDriver) -> None:
    monitor = CardMonitor("GPU-4070")
    monitor.read()
    before, began_s = driver.calls, time.thread_time()
    for _ in range(200):
        monitor.read()
    assert (time.thread_time() - began_s) / slowness() / 200 < 0.0005  # what our own code adds to the driver's
    assert driver.calls - before == 200 * 4
    monitor.close()


def test_importing_it_brings_neither_nvml_nor_torch(project_root: Path) -> None:
    code = "import sys, engine.fit.cards; print(sorted({'pynvml', 'torch', 'numpy', 'PySide6'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=project_root, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr
