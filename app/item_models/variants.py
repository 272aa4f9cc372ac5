"""The variants of one repository as a Qt table: rate, size, largest contexts, verdict. Knows nothing of painting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QFont

from app.error_words import error_words
from app.figures import file_amount, local
from app.theme.theme import Theme
from app.views.vram.verdicts import needs_words, tokens_words, verdict_role, verdict_words
from engine.fit.estimate import CACHE_WIDTHS
from engine.fit.offers import JudgedOffer

Index = QModelIndex | QPersistentModelIndex
BITS, SIZE, FIRST_CONTEXT, VERDICT = 0, 1, 2, 2 + len(CACHE_WIDTHS)
NONE = "–"


class VariantTable(QAbstractTableModel):
    """One row for each variant, the highest rate first."""

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._offers: tuple[JudgedOffer, ...] = ()
        self._names, self._helps = self._heads()

    def show(self, offers: Sequence[JudgedOffer]) -> None:
        """Replaces the rows; where the same variants come in the same order, only what they say changes."""
        names = [each.offer.branch for each in offers]
        is_same = names == [each.offer.branch for each in self._offers]
        if is_same:
            self._offers = tuple(offers)
            if names:
                self.dataChanged.emit(self.index(0, 0), self.index(len(names) - 1, VERDICT))
            return
        self.beginResetModel()
        self._offers = tuple(offers)
        self.endResetModel()

    def offer_at(self, index: Index) -> JudgedOffer | None:
        """The variant of a row."""
        return self._offers[index.row()] if index.isValid() and index.row() < len(self._offers) else None

    def index_of(self, branch: str) -> QModelIndex:
        """The first cell of a variant's row, invalid when there is none."""
        for number, each in enumerate(self._offers):
            if each.offer.branch == branch:
                return self.index(number, 0)
        return QModelIndex()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self._offers)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else VERDICT + 1

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._names[section]
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._helps[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        judged = self.offer_at(index)
        if judged is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(judged, index.column())
        if role == Qt.ItemDataRole.AccessibleTextRole:
            name = self._names[index.column()].replace("\n", " ")
            return f"{name}: {self._text(judged, index.column())}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._help(judged)
        if role == Qt.ItemDataRole.ForegroundRole and index.column() == VERDICT:
            return self._theme.colour(verdict_role(judged.estimate.verdict))
        if role == Qt.ItemDataRole.FontRole and judged.is_recommended:
            font = QFont(self._theme.font("body"))
            font.setWeight(QFont.Weight.DemiBold)
            return font
        return None

    def _heads(self) -> tuple[list[str], list[str]]:
        widths = [
            self.tr("fp16") if bits == CACHE_WIDTHS[0] else self.tr("{0} bits").format(bits) for bits in CACHE_WIDTHS
        ]
        names = [
            self.tr("Variant"),
            self.tr("Download"),
            *(self.tr("Context\n{0}").format(width) for width in widths),
            self.tr("With 8k context"),
        ]
        helps = [
            self.tr("Bits for each weight: more is more exact and larger."),
            self.tr("What is fetched from the hub."),
            *(self.tr("The longest context that fits with a cache of {0}.").format(width) for width in widths),
            self.tr("Whether it fits the card with a context of 8k and an fp16 cache."),
        ]
        return names, helps

    def _text(self, judged: JudgedOffer, column: int) -> str:
        offer = judged.offer
        if column == BITS:
            return offer.branch if offer.bits is None else self.tr("{0} bits").format(local(f"{offer.bits:.4g}"))
        if column == SIZE:
            return file_amount(offer.download_bytes)
        if column == VERDICT:
            words = verdict_words(judged.estimate.verdict)
            return self.tr("{0}, recommended").format(words) if judged.is_recommended else words
        tokens = judged.contexts.get(CACHE_WIDTHS[column - FIRST_CONTEXT], 0)
        return tokens_words(tokens) if tokens else NONE

    def _help(self, judged: JudgedOffer) -> str:
        offer = judged.offer
        head = "" if offer.head_bits is None else self.tr(", head with {0} bits").format(offer.head_bits)
        lines = [self.tr("Branch {0}{1}").format(offer.branch, head), needs_words(judged.estimate)]
        return "\n".join([*lines, *([error_words(offer.obstacle)] if offer.obstacle else [])])
