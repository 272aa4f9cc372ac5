"""The noise is Philox-4x32-10 as published, and Gumbel."""

from __future__ import annotations

import numpy as np
import pytest

from engine.sampling.draw import gumbel_noise, philox_4x32, random_words

ONES = 0xFFFFFFFF


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((ONES,) * 4, (ONES,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_published_vectors(counter: tuple[int, ...], key: tuple[int, int], expected: tuple[int, ...]) -> None:
    words = philox_4x32(tuple(np.array([word], np.uint64) for word in counter), key)
    assert tuple(int(word[0]) for word in words) == expected


def test_a_token_keeps_its_word_in_any_company() -> None:
    everyone = random_words(5, 17, np.arange(1001))
    some = np.array([1000, 3, 4, 999])
    assert (random_words(5, 17, some) == everyone[some]).all()
    assert len(set(everyone.tolist())) > 990


def test_noise_is_gumbel() -> None:
    """Mean is Euler's constant, variance pi squared over 6; five standard errors."""
    noise = gumbel_noise(random_words(1, 2, np.arange(200_000)))
    assert abs(noise.mean() - 0.57722) < 5 * 1.2825 / np.sqrt(len(noise))
    assert abs(noise.var() - np.pi**2 / 6) < 0.04
    extremes = gumbel_noise(np.array([0, ONES], np.uint64))
    assert np.isfinite(extremes).all()
    assert extremes[1] < 22.9
