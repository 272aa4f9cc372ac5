"""The downloads as a Qt list: a name, a plan and the latest progress for each. Knows nothing of how it is drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Slot

from app.controllers.downloads import DownloadList
from engine.hub.transfer.events import DownloadProgress
from engine.hub.transfer.plan import DownloadPlan

ROW_ROLE = Qt.ItemDataRole.UserRole
_NO_INDEX = QModelIndex()


@dataclass(frozen=True)
class DownloadRow:
    """One download."""

    plan: DownloadPlan
    progress: DownloadProgress

    @property
    def download_id(self) -> str:
        return self.progress.download_id


class DownloadListModel(QAbstractListModel):
    """Rows in the queue's order."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.rows: tuple[DownloadRow, ...] = ()

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = _NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self.rows)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = self.rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return row.plan.name
        return row if role == ROW_ROLE else None

    @Slot(object)
    def show_list(self, found: DownloadList) -> None:
        """Takes another list; what is being transferred keeps the progress it had."""
        known = {row.download_id: row.progress for row in self.rows}
        rows = []
        for entry in found.entries:
            fresh = DownloadProgress(entry.download_id, "queued", 0, entry.plan.total_bytes)
            progress = found.at_rest.get(entry.download_id) or known.get(entry.download_id, fresh)
            before = known.get(entry.download_id)
            if before is not None and before.files and not progress.files:  # at rest nobody tells of single files
                progress = replace(progress, files=before.files)
            rows.append(DownloadRow(entry.plan, progress))
        if [row.download_id for row in rows] != [row.download_id for row in self.rows]:
            self.beginResetModel()
            self.rows = tuple(rows)
            self.endResetModel()
            return
        for number, row in enumerate(rows):
            self._replace(number, row)

    @Slot(object)
    def show_progress(self, progress: DownloadProgress) -> None:
        """Takes how one download stands; one that is not listed is left out."""
        for number, row in enumerate(self.rows):
            if row.download_id == progress.download_id:
                self._replace(number, replace(row, progress=progress))

    def _replace(self, number: int, row: DownloadRow) -> None:
        if row != self.rows[number]:
            self.rows = (*self.rows[:number], row, *self.rows[number + 1 :])
            self.dataChanged.emit(self.index(number), self.index(number), [ROW_ROLE])
