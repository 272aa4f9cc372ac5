"""A download's state in words: phase, amounts, speed, time left. Knows nothing of widgets."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from app.error_words import error_words
from app.figures import count, file_amount
from engine.hub.transfer.events import DownloadProgress, FileProgress
from engine.units import FILE_GB

DAYS_FROM_S = 48 * 3600
_UNITS = ((FILE_GB, "GB", 1), (10**6, "MB", 1), (10**3, "kB", 0), (1, "B", 0))


def done_of_total_text(done_bytes: int, total_bytes: int) -> str:
    """Two sizes of files in one unit, such as "3.1 of 7.4 GB"."""
    size, unit, digits = next((each for each in _UNITS if total_bytes >= each[0]), _UNITS[-1])
    return _tr("{0} of {1} {2}").format(count(done_bytes / size, digits), count(total_bytes / size, digits), unit)


def time_text(seconds: float) -> str:
    """A time to wait without figures that nobody needs: "3 days", "2 h 10 min", "8 min", "40 s"."""
    whole = max(round(seconds), 1)
    if whole >= DAYS_FROM_S:
        return _tr("{0} days").format(round(whole / 86400))
    if whole >= 3600:
        return _tr("{0} h {1} min").format(whole // 3600, whole % 3600 // 60)
    return _tr("{0} min").format(-(-whole // 60)) if whole >= 90 else _tr("{0} s").format(whole)


def phase_text(progress: DownloadProgress) -> str:
    """The phase alone, with the seconds to the next try while nothing comes."""
    if progress.phase == "stalled":
        return _tr("Stalled, retrying in {0} s").format(round(progress.retry_s))
    return {
        "queued": _tr("Waiting"),
        "checking": _tr("Checking what is there"),
        "downloading": _tr("Transferring"),
        "verifying": _tr("Verifying"),
        "paused": _tr("Paused"),
        "done": _tr("Downloaded and verified"),
        "failed": _tr("Failed"),
        "cancelled": _tr("Cancelled"),
    }[progress.phase]


def state_text(progress: DownloadProgress) -> str:
    """One line: "Transferring · 3.1 of 7.4 GB · 52.0 MB/s · 8 min left"."""
    parts = [phase_text(progress)]
    if progress.phase == "verifying" and progress.verify_total_bytes:
        parts.append(done_of_total_text(progress.verify_done_bytes, progress.verify_total_bytes))
    elif progress.phase == "done":
        parts.append(file_amount(progress.total_bytes))
    else:
        parts.append(done_of_total_text(progress.done_bytes, progress.total_bytes))
    if progress.phase == "downloading":
        parts.append(_tr("{0}/s").format(file_amount(progress.bytes_per_s)))
        left = progress.seconds_left
        parts.append(_tr("{0} left").format(time_text(left)) if left is not None else _tr("time left unknown"))
    return " · ".join(parts)


def reason_text(progress: DownloadProgress) -> str:
    """Why nothing comes, or why it failed; '' while all is well."""
    if progress.phase == "stalled":
        return error_words(progress.message.partition(": ")[2] or progress.message)
    return error_words(progress.message) if progress.phase == "failed" else ""


def file_text(file: FileProgress) -> str:
    """One file's phase and amount."""
    phase = {
        "waiting": _tr("waiting"),
        "downloading": _tr("transferring"),
        "stalled": _tr("stalled"),
        "verifying": _tr("verifying"),
        "done": _tr("verified"),
    }[file.phase]
    if file.phase == "done":
        return f"{file_amount(file.total_bytes)} · {phase}"
    done = file.verified_bytes if file.phase == "verifying" else file.done_bytes
    return f"{done_of_total_text(done, file.total_bytes)} · {phase}"


def share_of(progress: DownloadProgress) -> float:
    """How much of the bar is filled, 0 to 1: of the checking while that is what happens, else of the bytes."""
    if progress.phase == "verifying" and progress.verify_total_bytes:
        return progress.verify_done_bytes / progress.verify_total_bytes
    return progress.done_bytes / progress.total_bytes if progress.total_bytes else 1.0


def _tr(text: str) -> str:
    return QCoreApplication.translate("Downloads", text)
