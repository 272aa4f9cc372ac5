"""The models of the browser as a Qt list: starters or what a search found, filtered; a row says more once it is known.

Knows nothing of painting, and asks nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from PySide6.QtCore import QAbstractListModel, QCoreApplication, QModelIndex, QObject, QPersistentModelIndex, Qt

from app.controllers.browser_state import Judged, Phase, Results
from app.figures import count as figure
from app.figures import local
from app.views.vram.verdicts import tokens_words, verdict_role, verdict_words
from engine.fit.estimate import Verdict
from engine.fit.offers import JudgedOffer
from engine.fit.starters import StarterModel
from engine.hub.size_hint import billions_of_weights
from engine.hub.types import Gated, ModelSummary, RepoId

Index = QModelIndex | QPersistentModelIndex

ROW_ROLE = int(Qt.ItemDataRole.UserRole)
LOW_BITS = 3.0  # the rate at which a model is thought of before anything but its name is known
OVERHEAD_BYTES = 2_000_000_000  # beside the weights: buffers, kernels, a short context


@dataclass(frozen=True)
class SizeClass:
    """Models between two sizes, in billions of weights."""

    least: float = 0.0
    most: float = float("inf")


SIZE_CLASSES = (SizeClass(), SizeClass(0, 4), SizeClass(4, 10), SizeClass(10, 20), SizeClass(20, 40), SizeClass(40))


@dataclass(frozen=True)
class ListFilter:
    """What is shown of a list.

    Attributes:
        free_bytes: of the card that models must fit; None shows all.
    """

    free_bytes: int | None = None
    size: SizeClass = SIZE_CLASSES[0]
    vision_only: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it lets everything through."""
        return self == ListFilter()


@dataclass(frozen=True)
class HubRow:
    """One row.

    Attributes:
        line: what is known of it from the list.
        note: how it fits, once that is known.
        note_role: of the palette, beside the words.
    """

    repo: RepoId
    title: str
    line: str
    note: str = ""
    note_role: str = "muted"
    has_vision: bool = False

    @property
    def words(self) -> str:
        """All of it, to be read aloud."""
        return ". ".join(part for part in (self.title, self.line, self.note) if part)


class HubModelList(QAbstractListModel):
    """Rows that pass the filter."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._all: tuple[HubRow, ...] = ()
        self._rows: list[HubRow] = []
        self._judged: Judged = {}
        self._filter = ListFilter()
        self._are_starters = False

    @property
    def num_found(self) -> int:
        """Rows before the filter."""
        return len(self._all)

    @property
    def filter(self) -> ListFilter:
        return self._filter

    def show(self, results: Results) -> None:
        """Lists starters or what was found."""
        self._are_starters = results.phase is Phase.STARTERS
        if self._are_starters:
            self._all = tuple(_starter_row(each) for each in results.starters)
        else:
            self._all = tuple(_found_row(each) for each in results.models)
        self._reset()

    def set_filter(self, wanted: ListFilter) -> None:
        """Shows more or fewer of the same."""
        if wanted != self._filter:
            self._filter = wanted
            self._reset()

    def show_judged(self, judged: Judged) -> None:
        """Adds how models fit, where that is known; starters are put in order once all of them are judged."""
        self._judged = judged
        rows = self._wanted_rows()
        if [row.repo for row in rows] != [row.repo for row in self._rows]:
            self._reset()
            return
        for number, (row, noted) in enumerate(zip(self._rows, rows)):
            if noted != row:
                self._rows[number] = noted
                self.dataChanged.emit(self.index(number, 0), self.index(number, 0))

    def row_at(self, index: Index) -> HubRow | None:
        """The row of an index, None for an invalid one."""
        return self._rows[index.row()] if index.isValid() and index.row() < len(self._rows) else None

    def index_of(self, repo: RepoId | None) -> QModelIndex:
        """The index of a repository, invalid when it is not listed."""
        for number, row in enumerate(self._rows):
            if row.repo == repo:
                return self.index(number, 0)
        return QModelIndex()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = self.row_at(index)
        if row is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return row.title
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return row.words
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{row.repo}\n{row.line}"
        return row if role == ROW_ROLE else None

    def _reset(self) -> None:
        self.beginResetModel()
        self._rows = self._wanted_rows()
        self.endResetModel()

    def _wanted_rows(self) -> list[HubRow]:
        ranked = self._order()
        ordered = sorted(self._all, key=lambda row: ranked.index(row.repo)) if ranked else self._all
        return [self._noted(row) for row in ordered if self._passes(row)]

    def _order(self) -> list[RepoId]:
        """Starters as they suit the card: the largest that fit first, what is too big last; empty for other lists."""
        if not self._are_starters or any(row.repo not in self._judged for row in self._all):
            return []
        return sorted((row.repo for row in self._all), key=lambda repo: _suitability(self._judged[repo]))

    def _noted(self, row: HubRow) -> HubRow:
        offers = self._judged.get(row.repo)
        if not offers:
            return row
        note, role = _note(offers)
        return replace(row, note=note, note_role=role)

    def _passes(self, row: HubRow) -> bool:
        wanted = self._filter
        billions = billions_of_weights(row.repo.name)
        if wanted.vision_only and not row.has_vision:
            return False
        if wanted.size != SIZE_CLASSES[0] and not (
            billions is not None and wanted.size.least <= billions < wanted.size.most
        ):
            return False
        return wanted.free_bytes is None or self._may_fit(row, billions, wanted.free_bytes)

    def _may_fit(self, row: HubRow, billions: float | None, free_bytes: int) -> bool:
        """By its sizes where they are known, else by the size in its name; what tells nothing stays."""
        offers = self._judged.get(row.repo)
        if offers:
            return any(each.estimate.fits for each in offers)
        return billions is None or billions * 1e9 * LOW_BITS / 8 + OVERHEAD_BYTES <= free_bytes


def publishers(models: Sequence[ModelSummary]) -> list[str]:
    """The publishers of a list, those with most models first."""
    counts: dict[str, int] = {}
    for model in models:
        counts[model.repo.owner] = counts.get(model.repo.owner, 0) + 1
    return sorted(counts, key=lambda owner: (-counts[owner], owner.casefold()))


def downloads_words(count: int) -> str:
    """How often a model was fetched."""
    return _tr("1 download") if count == 1 else _tr("{0} downloads").format(figure(count))


def likes_words(count: int) -> str:
    """How many people marked a model."""
    return _tr("1 like") if count == 1 else _tr("{0} likes").format(figure(count))


def starter_words(starter: StarterModel) -> str:
    """What a model to start with is good for."""
    return QCoreApplication.translate("Starters", starter.about)


def _starter_row(starter: StarterModel) -> HubRow:
    return HubRow(starter.repo, starter.title, starter_words(starter))


def _found_row(model: ModelSummary) -> HubRow:
    parts = [
        model.repo.owner,
        downloads_words(model.downloads),
        likes_words(model.likes),
    ]
    if model.last_modified:
        parts.append(model.last_modified[:10])
    if model.has_vision:
        parts.append(_tr("vision"))
    if model.gated is not Gated.NO:
        parts.append(_tr("gated"))
    if model.is_private:
        parts.append(_tr("private"))
    note = _tr("made from {0}").format(model.base_model) if model.base_model else ""
    return HubRow(model.repo, model.repo.name, " · ".join(parts), note, has_vision=model.has_vision)


def _suitability(offers: Sequence[JudgedOffer]) -> tuple[int, int]:
    """The key to sort by: the smaller, the better a model uses the card."""
    best = next((each for each in offers if each.is_recommended), None)
    size = round(min(each.offer.download_bytes / max(each.offer.sort_bits, 1.0) for each in offers))
    if best is None:
        return 2, size
    return (1, size) if best.estimate.verdict is Verdict.TIGHT else (0, -size)


def _note(offers: Sequence[JudgedOffer]) -> tuple[str, str]:
    best = next((each for each in offers if each.is_recommended), None)
    if best is not None:
        verdict = best.estimate.verdict
        bits = best.offer.sort_bits
        words = _tr("{0} bits: {1}, context up to {2}").format(
            local(f"{bits:g}"), verdict_words(verdict).lower(), tokens_words(best.contexts.get(16, 0))
        )
        return words, verdict_role(verdict)
    if all(each.offer.obstacle for each in offers):
        return _tr("Espalier cannot run it"), "muted"
    if any(tokens for each in offers for tokens in each.contexts.values()):
        return _tr("Fits with a short context"), verdict_role(Verdict.TIGHT)
    return _tr("Too big for this card"), verdict_role(Verdict.TOO_BIG)


def _tr(text: str) -> str:
    return QCoreApplication.translate("HubModelList", text)
