"""What stands between a chosen variant and its download: what speaks against it, in words, and the button.

Knows nothing of how a download is made.
"""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from app.theme.theme import Theme
from app.theme.tokens import SPACE_8, SPACE_12, SPACE_16
from app.views.widgets import label, panel, push_button, set_state


@dataclass(frozen=True)
class DownloadOffer:
    """What can be downloaded.

    Attributes:
        words: what it is: "4.0bpw, 5.1 GB".
        warnings: what speaks against it; the user may still.
        obstacle: why it cannot be downloaded at all, '' when it can.
        state: what became of it, '' before it was asked for.
        follow: the word on the button once there is a state: what can be done with it now.
        is_busy: it is being planned.
    """

    words: str = ""
    warnings: tuple[str, ...] = ()
    obstacle: str = ""
    state: str = ""
    follow: str = ""
    is_busy: bool = False


class DownloadBar(QFrame):
    """Signals:
    download_requested: fetch what is offered.
    follow_requested: go on with what is here or on its way.
    """

    download_requested = Signal()
    follow_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "panel")
        self._theme = theme
        self.banner = panel("banner")
        self.warning = label(theme, font="small", wrap=True)
        self.warning.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        inside = QHBoxLayout(self.banner)
        inside.setContentsMargins(SPACE_12, SPACE_8, SPACE_12, SPACE_8)
        inside.addWidget(self.warning)
        self.words = label(theme, wrap=True)
        self.button = push_button(self.tr("Download"), self._on_click, "primary")
        self._offer = DownloadOffer()
        row = QHBoxLayout()
        row.setSpacing(SPACE_12)
        row.addWidget(self.words, 1)
        row.addWidget(self.button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_16, SPACE_12, SPACE_16, SPACE_12)
        layout.setSpacing(SPACE_8)
        layout.addWidget(self.banner)
        layout.addLayout(row)

    def show_offer(self, offer: DownloadOffer | None) -> None:
        """Shows what the button would do; None hides the bar."""
        self.setVisible(offer is not None)
        if offer is None:
            return
        self._offer = offer
        said = "" if offer.state else "\n".join((*offer.warnings, *([offer.obstacle] if offer.obstacle else [])))
        self.banner.setVisible(bool(said))
        self.warning.setText(said)
        self.words.setText(offer.state or offer.words)
        word = self.tr("Download anyway") if offer.warnings else self.tr("Download")
        self.button.setText(offer.follow if offer.state else self.tr("Preparing…") if offer.is_busy else word)
        self.button.setEnabled(bool(offer.state) or not (offer.obstacle or offer.is_busy))
        self.button.setToolTip("" if offer.state else offer.obstacle)
        self.button.setAccessibleDescription(f"{offer.words}. {said}".strip())
        set_state(self.button, "kind", "" if offer.warnings and not offer.state else "primary")

    @Slot()
    def _on_click(self) -> None:
        (self.follow_requested if self._offer.state else self.download_requested).emit()
