"""The words for how a model fits a card. Knows nothing of how that is found out."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from app.figures import count, local, memory_amount
from engine.fit.estimate import Estimate, Verdict


def verdict_words(verdict: Verdict) -> str:
    """A verdict as it stands alone: "Fits easily"."""
    return {
        Verdict.EASILY: _tr("Fits easily"),
        Verdict.FITS: _tr("Fits"),
        Verdict.TIGHT: _tr("Tight"),
        Verdict.TOO_BIG: _tr("Too big"),
        Verdict.WEIGHTS_ONLY: _tr("Weights only"),
    }[verdict]


def verdict_role(verdict: Verdict) -> str:
    """The palette's role that goes with the words, never instead of them."""
    return {
        Verdict.EASILY: "accent",
        Verdict.FITS: "accent",
        Verdict.TIGHT: "warning",
        Verdict.TOO_BIG: "danger",
        Verdict.WEIGHTS_ONLY: "muted",
    }[verdict]


def needs_words(estimate: Estimate) -> str:
    """What is needed beside what there is, and how sure that is."""
    needed, free = memory_amount(estimate.plan.total_bytes), memory_amount(estimate.memory.free_bytes)
    error = memory_amount(estimate.error_bytes)
    if estimate.fits:
        return _tr("{0} needed, {1} free, estimate ± {2}").format(needed, free, error)
    missing = memory_amount(-estimate.spare_bytes)
    return _tr("{0} needed, {1} free: {2} missing, estimate ± {3}").format(needed, free, missing, error)


def tokens_words(tokens: int) -> str:
    """A length of context as people say it, rounded down: "32k", "1.5k", "640"."""
    if tokens < 1024:
        return count(tokens)
    tenths = tokens * 10 // 1024
    return f"{tenths // 10}k" if tenths >= 100 or tenths % 10 == 0 else local(f"{tenths / 10:.1f}k")


def _tr(text: str) -> str:
    return QCoreApplication.translate("Verdicts", text)
