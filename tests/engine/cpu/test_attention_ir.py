"""The inner loops of attention by themselves, at odd sizes, on wide and on narrow registers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numba import njit

from engine.cpu import attention_ir, exl3_ir, vector_ir
from engine.cpu.attention_ir import dot_lines, largest_of, multiply_rows
from engine.cpu.exl3_ir import MICRO_ROWS, PANEL_COLUMNS, multiply_panel

Array = np.ndarray[Any, Any]
MARGIN = 16  # NaN around everything that may be read or written


def wide() -> Callable[..., None]:
    """A kernel of its own for each test: the width of the host is looked up when it is compiled."""

    def kernel(x, x_stride, source, source_stride, out, out_stride, steps, rows, columns):  # type: ignore[no-untyped-def]
        multiply_rows(
            x, MARGIN, x_stride, source, MARGIN, source_stride, 0, out, MARGIN, out_stride, steps, rows, columns
        )

    compiled: Callable[..., None] = njit(kernel)
    return compiled


def framed(values: Array, stride: int, filler: float) -> Array:
    """A matrix flat with its rows `stride` apart, `filler` between and around them."""
    lines = np.full((values.shape[0], stride), filler, values.dtype)
    lines[:, : values.shape[1]] = values
    margin = np.full(MARGIN, filler, values.dtype)
    return np.concatenate([margin, lines.ravel(), margin])


def product(kernel: Callable[..., None], rows: int, steps: int, columns: int, halves: bool) -> tuple[Array, Array]:
    """What the kernel adds to a matrix, and the same in float64."""
    random = np.random.default_rng(rows * 1000 + steps + columns)
    x = random.standard_normal((rows, steps), np.float32)
    source = random.standard_normal((steps, columns)).astype(np.float16 if halves else np.float32)
    before = random.standard_normal((rows, columns), np.float32)
    out = framed(before, columns + 7, np.nan)
    flat = framed(source, columns + 5, np.nan)
    kernel(framed(x, steps + 3, np.nan), steps + 3, flat.view(np.uint16) if halves else flat, columns + 5,
           out, columns + 7, steps, rows, columns)  # fmt: skip
    lines = out[MARGIN:-MARGIN].reshape(rows, -1)
    assert np.isnan(lines[:, columns:]).all(), "nothing beside the output is written"
    assert np.isnan(np.concatenate([out[:MARGIN], out[-MARGIN:]])).all()
    return lines[:, :columns], before + x.astype(np.float64) @ source.astype(np.float64)


@pytest.mark.parametrize("halves", [True, False])
def test_products_of_any_size(halves: bool) -> None:
    kernel = wide()
    for rows in (1, 2, 3, 4, 5, 7, 8, 11):
        for steps, columns in ((1, 16), (80, 64), (33, 80), (64, 256), (255, 112)):
            got, truth = product(kernel, rows, steps, columns, halves)
            np.testing.assert_allclose(got, truth, rtol=0, atol=1e-4)


def test_narrow_registers_give_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = [(rows, 48, columns, halves) for rows in (1, 4, 6) for columns in (64, 80) for halves in (True, False)]
    on_wide = [product(wide(), *size)[0] for size in sizes]
    narrow = [range(vector, vector + 1) for vector in range(4)]
    monkeypatch.setattr(attention_ir, "vectors_at_once", lambda count: narrow[:count])
    for size, expected in zip(sizes, on_wide, strict=True):
        assert np.array_equal(product(wide(), *size)[0], expected)


@pytest.mark.parametrize(
    ("feature", "parts"), [(True, [range(4), range(4, 6)]), (False, [range(i, i + 1) for i in range(6)])]
)
def test_how_many_vectors_fit(feature: bool, parts: list[range], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_ir, "host_has", lambda name: feature)
    assert vector_ir.vectors_at_once(6) == parts


@pytest.mark.parametrize("integer", [False, True])
def test_a_fresh_panel_product_ignores_what_was_there(integer: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    steps, random = 20, np.random.default_rng(1)
    if integer:  # two int16 inputs in each step
        acts, panel = (random.integers(-90, 90, size).astype(np.int16) for size in ((6, 2 * steps), (steps, 64, 2)))
        truth = 0.5 * np.einsum("msk,snk->mn", acts.reshape(6, steps, 2).astype(float), panel.astype(float))
        weights = panel.reshape(steps, 128).view(np.int32).ravel()
    else:
        acts, weights = (random.standard_normal(size, np.float32) for size in ((6, steps), steps * 64))
        truth = acts.astype(float) @ weights.reshape(steps, 64).astype(float)
    scales = np.full(6, 0.5, np.float32)

    def compiled(is_integer: bool) -> Callable[..., None]:
        if is_integer:

            def kernel(acts, panel, out, fresh, scales, steps):  # type: ignore[no-untyped-def]
                multiply_panel(acts, 0, 2 * steps, panel, out, 0, PANEL_COLUMNS, scales, 0, 1, steps, True, True)
                multiply_panel(acts, 0, 2 * steps, panel, fresh, 0, PANEL_COLUMNS, scales, 0, 1, steps, True, False)
        else:

            def kernel(acts, panel, out, fresh, scales, steps):  # type: ignore[no-untyped-def]
                multiply_panel(acts, 0, steps, panel, out, 0, PANEL_COLUMNS, scales, 0, 1, steps, False, True)
                multiply_panel(acts, 0, steps, panel, fresh, 0, PANEL_COLUMNS, scales, 0, 1, steps, False, False)

        made: Callable[..., None] = njit(kernel)
        return made  # fmt: skip

    results = []
    for parts in ([range(4)], [range(vector, vector + 1) for vector in range(4)]):
        monkeypatch.setattr(exl3_ir, "vectors_at_once", lambda count, parts=parts: parts)
        written, added = np.full(MICRO_ROWS * 64, np.nan, np.float32), np.ones(MICRO_ROWS * 64, np.float32)
        compiled(integer)(acts.ravel(), weights, written, added, scales, steps)
        np.testing.assert_allclose(written.reshape(6, 64), truth, rtol=0, atol=1e-4)
        np.testing.assert_allclose(added.reshape(6, 64), truth + 1, rtol=0, atol=1e-4)
        results.append(written)
    assert np.array_equal(*results)


def test_dots_with_sixteen_lines() -> None:
    @njit  # type: ignore[misc]
    def kernel(x, first, lines, count, out):  # type: ignore[no-untyped-def]
        dot_lines(x, first, lines, count, out, 3)

    random = np.random.default_rng(2)
    for count in (16, 64, 96, 256):
        x, lines = random.standard_normal(count, np.float32), random.standard_normal((16, count), np.float32)
        out = np.full(16 + 6, np.nan, np.float32)
        kernel(np.concatenate([np.full(5, np.nan, np.float32), x]), 5, lines.ravel(), count, out)
        np.testing.assert_allclose(out[3:19], lines.astype(float) @ x.astype(float), rtol=0, atol=2e-5)
        assert np.isnan(out[:3]).all()
        assert np.isnan(out[19:]).all()


def test_the_largest_passes_over_nan() -> None:
    @njit  # type: ignore[misc]
    def kernel(values, first, count):  # type: ignore[no-untyped-def]
        return largest_of(values, first, count)

    values = np.random.default_rng(3).standard_normal(80).astype(np.float32)
    values[[0, 40, 79]] = 100.0, np.nan, 50.0
    for place in range(16, 64):
        values[place] = 9.0 if place != 40 else np.nan
        assert kernel(values, 16, 48) == np.nanmax(values[16:64])
        values[place] = -1.0
    assert kernel(np.full(16, -np.inf, np.float32), 0, 16) == -np.inf
    assert kernel(np.full(16, np.nan, np.float32), 0, 16) == -np.inf
