"""What is said of the device before a conversion starts."""

from __future__ import annotations

from app.views.convert.words import needs_text
from engine.quantizer.progress import Estimate


def test_the_card_that_works_is_named_with_its_memory() -> None:
    found = needs_text(Estimate(2 * 10**9, 1, 1, 60.0, card="RTX 4070", card_bytes=3 * 1024**3), None)
    assert found.splitlines()[-1] == "Works on RTX 4070, with at least 3.0 GB of its memory"


def test_why_no_card_works_is_said() -> None:
    note = "RTX 4070 has 1.0 GB of memory free; converting this model needs 4.0 GB."
    found = needs_text(Estimate(2 * 10**9, 1, 1, 60.0, note=note), None)
    assert found.splitlines()[-1] == f"The processor does the work, which takes far longer: {note}"
    assert "Works on" not in found


def test_without_a_card_none_is_mentioned() -> None:
    assert len(needs_text(Estimate(2 * 10**9, 1, 1, 60.0), None).splitlines()) == 3
