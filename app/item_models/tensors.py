"""The tensors of a conversion as a Qt table: block, tensor, bits, error. Knows nothing of painting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from app.views.convert.words import error_text, module_text, tensor_text
from engine.quantizer.progress import ModuleReport, TensorReport

Index = QModelIndex | QPersistentModelIndex
MODULE, TENSOR, BITS, ERROR = range(4)
SORT_ROLE = Qt.ItemDataRole.UserRole


class TensorTable(QAbstractTableModel):
    """One row for each tensor, in the model's order."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[tuple[str, TensorReport], ...] = ()
        self._heads = (self.tr("Part"), self.tr("Tensor"), self.tr("Bits"), self.tr("Error"))

    def show(self, modules: Sequence[ModuleReport]) -> None:
        """Replaces the rows."""
        self.beginResetModel()
        self._rows = tuple((module.name, tensor) for module in modules for tensor in module.tensors)
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self._heads)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self._heads[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        module, tensor = self._rows[index.row()]
        column = index.column()
        if role == SORT_ROLE:  # first: a sort asks for thousands
            return (index.row(), tensor.key, tensor.bits, tensor.error)[column]
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(module, tensor, column)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{self._heads[column]}: {self._text(module, tensor, column)}"
        return tensor.key if role == Qt.ItemDataRole.ToolTipRole else None

    def _text(self, module: str, tensor: TensorReport, column: int) -> str:
        if column == MODULE:
            return module_text(module)
        if column == TENSOR:
            return tensor_text(tensor.key)
        return str(tensor.bits) if column == BITS else error_text(tensor.error)
