"""Downloads a model from a terminal: one line that shows how it goes, plain lines where nobody watches.

Knows the hub and the transfer; where folders and tokens are by default is said by its caller.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from engine.hub.client import HubClient
from engine.hub.errors import HubError, NotFoundError
from engine.hub.model_store import unfinished_downloads
from engine.hub.transfer.download import Download
from engine.hub.transfer.events import DownloadProgress
from engine.hub.transfer.placing import plan_download
from engine.hub.transfer.plan import MAIN_BRANCH, DownloadPlan
from engine.hub.transfer.settings import TransferSettings
from engine.hub.transfer.source import Access
from engine.hub.types import RepoRef, Variant
from engine.hub.variants import branches_of, list_variants, variant_of

PAUSED = 130  # the exit code after Ctrl+C
_LINE_EVERY_S = 10.0  # where the output is no terminal
_UNITS = ((10**9, "GB", 2), (10**6, "MB", 1), (10**3, "kB", 0), (1, "B", 0))


@dataclass(frozen=True)
class DownloadOrder:
    """What the user asked for.

    Attributes:
        model: `owner/name`, `owner/name@branch` or a page's address.
        models_folder: below which the model gets a folder of its own.
    """

    model: str
    models_folder: Path
    access: Access
    settings: TransferSettings = field(default_factory=TransferSettings)


def download_model(order: DownloadOrder, output: TextIO) -> int:
    """Brings the model, or the rest of it.

    Returns:
        0 when it is there, 130 when the user ended it.

    Raises:
        HubError: it cannot be had; what has come is kept.
    """
    plan = _plan(order)
    line = ProgressLine(output)
    output.write(f"{plan.name}: {amount(plan.total_bytes)} to {plan.folder}\n")
    download = Download(plan, order.access, line.show, order.settings)
    with _pausing(download):
        outcome = download.run()
    line.end()
    if outcome == "failed":
        assert download.error is not None
        raise download.error
    if outcome == "paused":
        output.write("Paused. Run the same command again to go on.\n")
        return PAUSED
    output.write(f"Downloaded and verified: {plan.folder}\n")
    return 0


class ProgressLine:
    """Shows a download's events on one line of a terminal, or now and then on a line of its own elsewhere."""

    def __init__(self, output: TextIO) -> None:
        self._output = output
        self._is_terminal = output.isatty()
        self._shown_at = float("-inf")
        self._phase = ""

    def show(self, event: DownloadProgress) -> None:
        text = describe(event)
        if self._is_terminal:
            width = shutil.get_terminal_size().columns - 1
            self._output.write("\r" + text[:width].ljust(width))
            self._output.flush()
        elif event.phase != self._phase or time.monotonic() - self._shown_at >= _LINE_EVERY_S:
            self._output.write(text + "\n")
            self._output.flush()
            self._shown_at = time.monotonic()
        self._phase = event.phase

    def end(self) -> None:
        if self._is_terminal:
            self._output.write("\n")


def describe(event: DownloadProgress) -> str:
    """An event in one line: "downloading  42 %  3.10 of 7.40 GB, 52.0 MB/s, 1 min 23 s left"."""
    if event.phase == "failed":
        return "failed"
    done, total = event.done_bytes, event.total_bytes
    if event.phase == "verifying":
        done, total = event.verify_done_bytes, event.verify_total_bytes
    share = 100 * done // total if total else 100
    text = f"{event.phase}  {share} %  {amount(done)} of {amount(total)}"
    if event.phase == "downloading" and event.bytes_per_s > 0:
        text += f", {amount(event.bytes_per_s)}/s"
        if event.seconds_left is not None:
            text += f", {duration(event.seconds_left)} left"
    return f"{text}, {event.message}" if event.message else text


def amount(num_bytes: float) -> str:
    """Bytes as people write them: "7.40 GB"."""
    size, unit, digits = next((each for each in _UNITS if num_bytes >= each[0]), _UNITS[-1])
    return f"{num_bytes / size:.{digits}f} {unit}"


def duration(seconds: float) -> str:
    """Seconds as people say them: "1 min 23 s"."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 60} min {whole % 60} s" if whole >= 60 else f"{whole} s"


def _plan(order: DownloadOrder) -> DownloadPlan:
    """What was begun and not finished, else what the hub has now."""
    reference = order.access.endpoint.parse(order.model)
    for manifest in unfinished_downloads([order.models_folder]):
        plan = manifest.plan
        if plan.repo == reference.repo and reference.branch in (None, plan.branch):
            return plan
    client = HubClient(order.access.endpoint, lambda: order.access.token or None)
    try:
        return plan_download(_choose(client, reference), order.models_folder)
    finally:
        client.close()


def _choose(client: HubClient, reference: RepoRef) -> Variant:
    """The variant that is meant; raises `HubError` with the choice when several could be."""
    repo = reference.repo
    if reference.branch is not None:
        branches = {branch.name: branch for branch in branches_of(client, repo)}
        if reference.branch not in branches:
            raise NotFoundError(
                f"{repo} has no branch {reference.branch}.", f"Choose one of: {', '.join(branches) or 'none yet'}."
            )
        return variant_of(client, repo, branches[reference.branch])
    variants = list_variants(client, repo)
    if not variants:
        raise NotFoundError(f"{repo} has no weights yet.", "Choose another repository, or try again later.")
    if len(variants) == 1:
        return variants[0]
    for variant in variants:
        if variant.branch == MAIN_BRANCH:
            return variant
    choices = ", ".join(f"{each.branch} ({amount(each.download_bytes)})" for each in variants)
    raise HubError(f"{repo} has {len(variants)} variants: {choices}.", f"Write {repo}@BRANCH.")


@contextlib.contextmanager
def _pausing(download: Download) -> Iterator[None]:
    """While a download runs, Ctrl+C and a request to end pause it, so that it ends in good order."""

    def pause(*_: object) -> None:
        download.pause()

    before = {number: signal.signal(number, pause) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
