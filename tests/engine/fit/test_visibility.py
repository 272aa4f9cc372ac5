"""What CUDA shows of several cards, for every form of its two variables."""

from __future__ import annotations

import pytest

from engine.fit.visibility import engine_devices

UUIDS = ["GPU-aa11-0001", "GPU-aa22-0002", "GPU-bb33-0003"]
A, B, C = (f"cuda:{uuid}" for uuid in UUIDS)
ON_BUS = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


def devices(visible: str | None, order: str | None = "PCI_BUS_ID", *, complete: bool = True) -> list[str]:
    values = {"CUDA_DEVICE_ORDER": order, "CUDA_VISIBLE_DEVICES": visible}
    environment = {name: value for name, value in values.items() if value is not None}
    return engine_devices(UUIDS, environment, complete=complete)


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        (None, ["cuda:0", "cuda:1", "cuda:2"]),
        ("1", ["", "cuda:0", ""]),
        ("2,0", ["cuda:1", "", "cuda:0"]),
        (" 2 , 1 ", ["", "cuda:1", "cuda:0"]),
        ("0,1,2,3", ["cuda:0", "cuda:1", "cuda:2"]),
        ("1,7,0", ["", "cuda:0", ""]),
        ("0,-1,1", ["cuda:0", "", ""]),
        ("1,x,0", ["", "cuda:0", ""]),
        ("1gpu,2", ["", "cuda:0", "cuda:1"]),
        ("1,1", ["", "", ""]),
        ("", ["", "", ""]),
        ("-1", ["", "", ""]),
        ("none", ["", "", ""]),
        ("1,GPU-aa11-0001", ["", "cuda:0", ""]),
    ],
)
def test_a_list_of_numbers(visible: str | None, expected: list[str]) -> None:
    assert devices(visible) == expected


@pytest.mark.parametrize("order", [None, "FASTEST_FIRST", "PCI_BUS_ID"])
@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        ("GPU-bb33-0003", ["", "", "cuda:0"]),
        ("GPU-bb33-0003,GPU-aa11-0001", ["cuda:1", "", "cuda:0"]),
        ("GPU-b, GPU-aa2", ["", "cuda:1", "cuda:0"]),
        ("GPU-b,GPU-aa,GPU-aa2", ["", "", "cuda:0"]),
        ("GPU-aa2,GPU-cc", ["", "cuda:0", ""]),
        ("GPU-aa2,0", ["", "cuda:0", ""]),
        ("GPU-aa2,GPU-aa22", ["", "", ""]),
        ("GPU-cc", ["", "", ""]),
        ("MIG-1234", ["", "", ""]),
        ("MIG-GPU-aa11-0001/1/0,GPU-aa11-0001", ["", "", ""]),
    ],
)
def test_a_list_of_uuids_does_not_depend_on_the_order(visible: str, expected: list[str], order: str | None) -> None:
    assert devices(visible, order) == expected


@pytest.mark.parametrize("order", [None, "FASTEST_FIRST"])
def test_numbers_in_another_order_are_not_guessed(order: str | None) -> None:
    assert devices(None, order) == [A, B, C]
    assert devices("1", order) == [A, B, C]
    assert devices("", order) == ["", "", ""]
    assert engine_devices(UUIDS[:1], {}) == ["cuda:0"]
    assert engine_devices(UUIDS[:1], {"CUDA_VISIBLE_DEVICES": "1"}) == [""]


def test_with_a_card_missing_numbers_are_not_guessed_either() -> None:
    assert devices(None, complete=False) == [A, B, C]
    assert devices("GPU-bb", complete=False) == ["", "", "cuda:0"]


def test_no_cards() -> None:
    assert engine_devices([], ON_BUS) == []
