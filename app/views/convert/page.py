"""The Convert page: what is to be converted and how, or the conversion in hand. Knows nothing of how it is done."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from app.controllers.conversion import Phase, Progress
from app.theme.theme import Theme
from app.views.confirm import ConfirmDialog
from app.views.convert.progress_card import ProgressCard
from app.views.convert.rate_card import RateCard
from app.views.convert.source_card import SourceCard
from app.views.convert.start_card import StartCard
from app.views.convert.words import kept_text
from app.views.page_column import ColumnPage
from app.views.widgets import label


class ConvertPage(ColumnPage):
    """Either the three cards of choices, or the conversion in hand."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        words = self.tr(
            "Makes a smaller EXL3 model out of an original one, at the bitrate that fits your card. That takes from "
            "minutes to hours; it can be paused and goes on after a restart."
        )
        self.intro = label(theme, words, kind="muted", wrap=True)
        self.source = SourceCard(theme)
        self.rate = RateCard(theme)
        self.start = StartCard(theme)
        self.progress = ProgressCard(theme)
        self.column.addWidget(label(theme, self.tr("Convert"), font="title"))
        self.column.addWidget(self.intro)
        for part in (self.source, self.rate, self.start, self.progress):
            self.column.addWidget(part)
        self.column.addStretch(1)
        self._is_ready = False
        self.show_progress(Progress())

    def show_ready(self, is_ready: bool) -> None:
        """Whether the source can be converted, so that there is something to choose."""
        self._is_ready = is_ready
        is_free = self.source.isVisibleTo(self)
        self.rate.setVisible(is_free and is_ready)
        self.start.setVisible(is_free and is_ready)

    def show_progress(self, progress: Progress) -> None:
        """Shows the conversion in hand, or the choices when there is none."""
        is_free = progress.phase is Phase.NONE
        self.intro.setVisible(is_free)
        self.source.setVisible(is_free)
        self.progress.setVisible(not is_free)
        self.show_ready(self._is_ready)
        self.progress.show_progress(progress)

    def ask_cancel(self, progress: Progress, cancel: Callable[[], object]) -> None:
        """Says what goes, and asks."""
        conversion = progress.conversion
        assert conversion is not None
        words = self.tr("What is finished is deleted from {0}. To keep it for later, pause instead.")
        kept = kept_text(progress)
        text = f"{kept}. {words}" if kept else words
        title = self.tr("Cancel the conversion to {0}?").format(conversion.target.name)
        ConfirmDialog(
            self._theme, title, text.format(conversion.work), self.tr("Cancel and delete"), cancel, self
        ).open()  # fmt: skip
