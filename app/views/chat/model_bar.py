"""The bar over the page: which model is loaded, its progress while it loads, and the buttons for it.

Knows nothing of how a model is loaded.
"""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from app.figures import count, device_words, local
from app.theme.theme import Theme
from app.theme.tokens import SPACE_4, SPACE_8, SPACE_12
from app.views.widgets import ElidedLabel, IconButton, of_total_text, push_button
from engine.events import LoadProgress, ModelInfo


class ModelBar(QWidget):
    """Signals:
    folder_requested, cancel_requested, unload_requested: buttons for the model.
    list_toggled, inspector_toggled: buttons for the panels at the sides.
    """

    folder_requested = Signal()
    cancel_requested = Signal()
    unload_requested = Signal()
    list_toggled = Signal()
    inspector_toggled = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.name = ElidedLabel()
        self.name.setFont(theme.font("heading"))
        self.details = ElidedLabel()
        self.details.setFont(theme.font("small"))
        self.details.setProperty("kind", "muted")
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName(self.tr("Load progress"))
        self.list_button = IconButton(theme, "list", self.tr("Show or hide the conversations"))
        self.list_button.clicked.connect(self.list_toggled)
        self.open_button = IconButton(theme, "folder", self.tr("Open a model folder"), word=self.tr("Open folder…"))
        self.open_button.clicked.connect(self.folder_requested)
        self.unload_button = IconButton(theme, "eject", self.tr("Unload the model"), word=self.tr("Unload"))
        self.unload_button.clicked.connect(self.unload_requested)
        self.cancel_button = push_button(self.tr("Cancel"), self.cancel_requested.emit)
        self.inspector_button = IconButton(theme, "inspector", self.tr("Show or hide the settings of model and chat"))
        self.inspector_button.clicked.connect(self.inspector_toggled)
        words = QVBoxLayout()
        words.setSpacing(SPACE_4)
        words.addStretch(1)
        words.addWidget(self.name)
        words.addWidget(self.details)
        words.addWidget(self.progress)
        words.addStretch(1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(SPACE_8, SPACE_8, SPACE_8, SPACE_8)
        layout.setSpacing(SPACE_4)
        layout.addWidget(self.list_button)
        layout.addSpacing(SPACE_4)
        layout.addLayout(words, 1)
        layout.addSpacing(SPACE_12)
        for button in (self.cancel_button, self.open_button, self.unload_button, self.inspector_button):
            layout.addWidget(button, 0, Qt.AlignmentFlag.AlignVCenter)
        self.setFixedHeight(60)
        self.show_none()

    def show_none(self) -> None:
        """No model."""
        self._show(self.tr("No model"), self.tr("Open a folder to load one"), loading=False, loaded=False)

    def show_loading(self, name: str, cancelling: bool) -> None:
        """A load has begun, or is being cancelled."""
        words = self.tr("Cancelling…") if cancelling else self.tr("Opening the files…")
        self._show(name, words, loading=True, loaded=False)
        self.cancel_button.setEnabled(not cancelling)
        if not cancelling:
            self.progress.setRange(0, 0)

    def show_progress(self, progress: LoadProgress, on_card: bool) -> None:
        """How far the load is; `on_card`: most likely on a GPU."""
        self.details.set_whole_text(progress_text(progress, on_card))
        self.progress.setRange(0, 1000)
        self.progress.setValue(round(1000 * progress.done / max(progress.total, 1)))

    def show_unloading(self) -> None:
        """The model is being dropped."""
        self.details.set_whole_text(self.tr("Unloading…"))
        self.unload_button.setEnabled(False)

    def show_model(self, info: ModelInfo, is_demo: bool) -> None:
        """A model is loaded."""
        context = self.tr("context {0}").format(count(info.context_tokens))
        parts = [local(info.format), device_words(info.device_name), context]
        name = self.tr("Demo model") if is_demo else info.name
        self._show(name, " · ".join(parts), loading=False, loaded=True)

    def set_compact(self, compact: bool) -> None:
        """Without words on the buttons when the window is narrow."""
        style = Qt.ToolButtonStyle.ToolButtonIconOnly if compact else Qt.ToolButtonStyle.ToolButtonTextBesideIcon
        self.open_button.setToolButtonStyle(style)
        self.unload_button.setToolButtonStyle(style)

    def _show(self, name: str, details: str, loading: bool, loaded: bool) -> None:
        self.name.set_whole_text(name)
        self.details.set_whole_text(details)
        self.progress.setVisible(loading)
        self.cancel_button.setVisible(loading)
        self.open_button.setVisible(not loading)
        self.unload_button.setVisible(loaded)
        self.unload_button.setEnabled(loaded)


def progress_text(progress: LoadProgress, on_card: bool) -> str:
    """The words of a load's progress, such as "Reading 120 of 500 MB"."""
    if progress.phase == "reading" and progress.unit == "bytes":
        return _tr("Reading {0}").format(of_total_text(progress.done, progress.total))
    if progress.unit == "kernels":
        counts = (progress.done, progress.total)
        if on_card:
            return _tr("Preparing for your GPU (first time only): {0} of {1}").format(*counts)
        return _tr("Preparing for your machine (first time only): {0} of {1}").format(*counts)
    if progress.phase == "warming up":
        return _tr("Warming up")
    return _tr("Preparing {0}").format(of_total_text(progress.done, progress.total))


def _tr(text: str) -> str:
    return QCoreApplication.translate("ModelBar", text)
