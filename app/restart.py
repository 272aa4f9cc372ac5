"""Ends the window and opens it again, as another language needs. Knows nothing of why.

Downloads go on by themselves in the new window, and a message that was begun is kept. A reply that is being written
would be cut off, so the user is asked first.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, QProcess, Slot

from app.controllers.conversation import ConversationController
from app.controllers.models import ModelController
from app.theme.theme import Theme
from app.views.confirm import ConfirmDialog
from app.views.main_window import MainWindow


class Restart(QObject):
    """Attributes:
    is_wanted: the program is to be started again when this window has ended.
    model: what the new window is to load.
    refusal: what is said if the system does not start it; made while the window's language is there.
    """

    def __init__(
        self, window: MainWindow, theme: Theme, chats: ConversationController, models: ModelController,
        parent: QObject | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._window, self._theme, self._chats, self._models = window, theme, chats, models
        self.is_wanted = False
        self.model: Path | None = None
        self.refusal = self.tr("The system did not start Espalier again. Please start it yourself.")

    @Slot()
    def ask(self) -> None:
        """Starts again, at once where nothing is lost by it."""
        if not self._chats.busy:
            self._begin()
            return
        loss = self.tr("The reply that is being written stops; what there is of it is kept.")
        dialog = ConfirmDialog(
            self._theme, self.tr("Restart now?"), loss, self.tr("Restart"), self._begin, self._window
        )
        dialog.keep_button.setText(self.tr("Not now"))
        dialog.open()

    def _begin(self) -> None:
        self.is_wanted = True
        self.model = self._models.info.path if self._models.info is not None else self._models.loading_path
        self._window.close()


def start_again(model: Path | None) -> bool:
    """Starts this program anew, with the model that was loaded; False when the system does not let it."""
    program, *arguments = restart_command(sys.executable, sys.orig_argv, model)
    started, _ = QProcess.startDetached(program, arguments, str(Path.cwd()))
    return bool(started)


def restart_command(python: str, arguments: Sequence[str], model: Path | None) -> list[str]:
    """The command line of a start like this one; of two folders to open the last one counts."""
    opened = ["--open", str(model)] if model is not None else []
    return [python, *arguments[1:], *opened]
