"""Makes one honest line of what several files do: the phase, the speed, what is waited for."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from engine.errors import EngineError
from engine.hub.errors import is_about_token
from engine.hub.transfer.events import DownloadProgress, Phase
from engine.hub.transfer.file_state import FileState, Snapshot
from engine.hub.transfer.pace import SpeedMeter
from engine.hub.transfer.plan import DownloadPlan
from engine.hub.transfer.settings import TransferSettings


class Reporter:
    """Looks at the files' states and emits events; belongs to the download's thread.

    Args:
        states: of the files, filled when they are known.
    """

    def __init__(
        self, download_id: str, plan: DownloadPlan, states: Sequence[FileState], speed: SpeedMeter,
        settings: TransferSettings, emit: Callable[[DownloadProgress], None],
    ) -> None:  # fmt: skip
        self._download_id = download_id
        self._plan = plan
        self._states = states
        self._speed = speed
        self._settings = settings
        self._emit = emit
        self._asked_at: float | None = None  # since when some file waits for bytes

    def report(self, phase: Phase | None = None, error: EngineError | None = None) -> None:
        """Emits where the download stands now.

        Args:
            phase: of the whole, None to tell it from the files.
            error: why it failed.
        """
        now = time.monotonic()
        looks = [state.snapshot() for state in self._states]
        message, retry_s = "", 0.0
        if phase is None:
            phase, message, retry_s = self._judge(looks, now)
        is_verifying = phase == "verifying"
        self._emit(
            DownloadProgress(
                self._download_id,
                phase,
                0 if phase == "cancelled" else sum(look.done_bytes for look in looks),
                self._plan.total_bytes,
                self._speed.bytes_per_s(now) if phase in ("downloading", "verifying", "stalled") else 0.0,
                error.message if error is not None else message,
                error.way_out if error is not None else "",
                retry_s,
                sum(look.hashed_bytes for look in looks) if is_verifying else 0,
                sum(look.verify_bytes for look in looks) if is_verifying else 0,
                tuple(state.as_event() for state in self._states),
                needs_token=error is not None and is_about_token(error),
            )
        )

    def _judge(self, looks: list[Snapshot], now: float) -> tuple[Phase, str, float]:
        """Phase, message and seconds to the next try, from the files at work."""
        phases = {look.phase for look in looks}
        is_verifying = _are_verified(looks)
        if "downloading" not in phases:
            self._asked_at = None
        elif self._asked_at is None:
            self._asked_at = now
        if self._asked_at is not None:
            silent_s = now - max(self._speed.last_byte_at, self._asked_at)
            if is_verifying and silent_s > 1:
                return "verifying", "", 0.0
            if silent_s < self._settings.silence_s:
                return "downloading", "", 0.0
            left = max(0.0, self._settings.read_s - silent_s)
            return "stalled", f"nothing came for {silent_s:.0f} s, connecting anew in {left:.0f} s", left
        if is_verifying:
            return "verifying", "", 0.0
        waiting = [look for look in looks if look.phase == "stalled"]
        if not waiting:
            return "downloading", "", 0.0
        first = min(waiting, key=lambda look: look.retry_at)
        left = max(0.0, first.retry_at - now)
        return "stalled", f"stalled, retrying in {left:.0f} s: {first.message}", left


def _are_verified(looks: Sequence[Snapshot]) -> bool:
    """Whether hashing is what happens; a small file that is only being put into its place does not count as that."""
    busy = [look for look in looks if look.phase == "verifying"]
    is_all = all(look.phase in ("verifying", "done") for look in looks)
    return bool(busy) and (is_all or any(look.hashed_bytes < look.verify_bytes for look in busy))
