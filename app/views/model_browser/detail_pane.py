"""One repository: what it is, its variants beside the card, the memory that one of them takes, its card, the download.

Knows nothing of how any of it is found out.
"""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, Qt, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from app.controllers.browser_state import Details
from app.item_models.hub_models import downloads_words, likes_words, starter_words
from app.item_models.variants import VariantTable
from app.theme.theme import Theme
from app.theme.tokens import SPACE_4, SPACE_8, SPACE_12, SPACE_16
from app.views.chat.error_card import ErrorCard
from app.views.model_browser.card_view import CardView
from app.views.model_browser.download_bar import DownloadBar, DownloadOffer
from app.views.model_browser.variant_view import VariantView
from app.views.vram.planner import VramPlanner
from app.views.widgets import IconButton, clear_layout, label, push_button, set_state, thin_line
from engine.errors import EngineError
from engine.fit.estimate import CardMemory
from engine.hub.transfer.plan import MAIN_BRANCH
from engine.hub.types import Gated, ModelSummary


class DetailPane(QFrame):
    """Signals:
    back_requested: return to the list, in a narrow window.
    variant_chosen: a branch that the user looks at.
    card_wanted: the model card is looked at and not there yet.
    alone_chosen: whether other programs are left out of the account.
    download_requested: the branch to fetch.
    retry_requested: ask the hub again.
    token_wanted: go to where a token is entered.
    """

    back_requested = Signal()
    variant_chosen = Signal(str)
    card_wanted = Signal()
    alone_chosen = Signal(bool)
    download_requested = Signal(str)
    retry_requested = Signal()
    token_wanted = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "panel")
        self.theme = theme
        self._details: Details | None = None
        self._branch = ""
        self._is_users_choice = False
        self._errors_shown: tuple[EngineError | None, ...] = ()
        self.back = IconButton(theme, "back", self.tr("Back to the list"))
        self.back.clicked.connect(self.back_requested)
        self.title = label(theme, font="heading", wrap=True)
        self.title.setAccessibleName(self.tr("Name of the model"))
        self.title.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.page_button = push_button(self.tr("Open its page"), self._open_page)
        self.facts = label(theme, font="small", kind="muted", wrap=True)
        self.state = label(theme, kind="muted", wrap=True)
        self.table = VariantTable(theme, self)
        self.variants = VariantView(theme, self.table)
        self.variants.chosen.connect(self._on_variant)
        self.planner = VramPlanner(theme)
        self.basis = label(theme, font="small", kind="muted", wrap=True)
        self.alone = QPushButton(self.tr("Leave other programs out"))
        self.alone.setProperty("kind", "choice")
        self.alone.setCheckable(True)
        self.alone.setToolTip(self.tr("Judges as if every other program that uses the card were closed."))
        self.alone.toggled.connect(self.alone_chosen)
        self.card = CardView(theme)
        self.tabs = {name: self._tab(word) for name, word in self._tab_words()}
        self.bar = DownloadBar(theme)
        self.bar.download_requested.connect(self._on_download)
        self._scroll, self._body, self._fit = QScrollArea(), QWidget(), QWidget()
        self._hint = label(theme, self.tr("Choose a model to see its variants and what fits."), kind="muted")
        self._errors = QVBoxLayout()
        self._lay_out()
        self.show_details(None)

    @property
    def branch(self) -> str:
        """The variant that is looked at."""
        return self._branch

    @property
    def shows_card(self) -> bool:
        """Whether the model card is looked at."""
        return self.tabs["card"].isChecked()

    def show_details(self, details: Details | None) -> None:
        """Shows a repository; the variant that the user chose stays chosen while it is the same one."""
        is_new = details is None or self._details is None or details.repo != self._details.repo
        self._details = details
        self._body.setVisible(details is not None)
        self._hint.setVisible(details is None)
        if details is None:
            self.bar.show_offer(None)
            return
        if is_new:
            self._branch = ""
            self.tabs["variants"].setChecked(True)
            self._scroll.verticalScrollBar().setValue(0)
        self._show_head(details)
        self._show_errors(details)
        self.table.show(details.offers)
        if details.offer(self._branch) is None or not self._is_users_choice:
            self._branch = details.first_choice
            self._is_users_choice = False
        self.variants.mark(self._branch)
        self.state.setText(self._state_words(details))
        self.state.setVisible(bool(self.state.text()))
        self.card.show_card(details.card)
        self._show_tab()

    def show_memory(self, memory: CardMemory, basis: str, has_others: bool) -> None:
        """Shows the variant that is looked at on a card; `basis` names the card and what else is on it."""
        judged = self._details.offer(self._branch) if self._details is not None else None
        self.basis.setText(basis)
        self.alone.setVisible(has_others)
        if judged is not None:
            self.planner.show_model(judged.offer.model, memory, judged.contexts)

    def show_offer(self, offer: DownloadOffer | None) -> None:
        """Shows what can be downloaded."""
        self.bar.show_offer(offer)

    def set_narrow(self, is_narrow: bool) -> None:
        """Shows the way back to the list, which is not beside it."""
        self.back.setVisible(is_narrow)

    def _show_head(self, details: Details) -> None:
        starter = details.starter
        self.title.setText(starter.title if starter is not None else details.repo.name)
        parts = [str(details.repo), *_facts(details.summary)]
        if starter is not None:
            parts.append(starter_words(starter))
        self.facts.setText(" · ".join(parts))
        self.page_button.setVisible(bool(details.page))
        self.page_button.setToolTip(details.page)

    def _state_words(self, details: Details) -> str:
        if details.is_loading and details.offers:
            return self.tr("Asking the hub for more…")
        if details.is_loading:
            return self.tr("Asking the hub…")
        if details.is_from_list and details.error is not None:
            return self.tr("The sizes are those of the list that came with Espalier.")
        if not details.offers and details.error is None:
            return self.tr("There are no files of a model here yet. Its owner may still be uploading them.")
        if details.branch not in ("", MAIN_BRANCH) and details.error is None and details.offer(details.branch) is None:
            return self.tr("There is no variant {0} here. These are all that there are.").format(details.branch)
        return ""

    def _show_errors(self, details: Details) -> None:
        errors = (details.error, details.refusal, details.plan_error)
        if errors == self._errors_shown:
            return
        self._errors_shown = errors
        clear_layout(self._errors)
        for error in errors:
            if error is not None:
                self._errors.addWidget(self._error_card(error, is_refusal=error is details.refusal))

    def _error_card(self, error: EngineError, *, is_refusal: bool) -> ErrorCard:
        card = ErrorCard(self.theme, error.message, error.way_out)
        card.retry_button.setText(self.tr("Try again"))
        card.retry_requested.connect(self.retry_requested)
        if is_refusal:
            card.offer(self.tr("Enter a token"), self.token_wanted.emit)
            for button in card.findChildren(QPushButton):
                set_state(button, "kind", "")  # the first thing to do is the next one
            card.offer(self.tr("Open its page"), self._open_page)
        return card

    def _show_tab(self) -> None:
        details = self._details
        has_offers = details is not None and bool(details.offers)
        self.card.setVisible(self.shows_card)
        for widget in (self.variants, self._fit):
            widget.setVisible(has_offers and not self.shows_card)
        if self.shows_card and details is not None and details.card is None:
            self.card_wanted.emit()

    @Slot()
    def _on_tab(self) -> None:
        self._show_tab()

    @Slot(str)
    def _on_variant(self, branch: str) -> None:
        self._branch = branch
        self._is_users_choice = True
        self.variant_chosen.emit(branch)

    @Slot()
    def _on_download(self) -> None:
        self.download_requested.emit(self._branch)

    @Slot()
    def _open_page(self) -> None:
        if self._details is not None and self._details.page:
            QDesktopServices.openUrl(QUrl(self._details.page))

    def _tab_words(self) -> tuple[tuple[str, str], ...]:
        return (("variants", self.tr("Variants")), ("card", self.tr("Model card")))

    def _tab(self, word: str) -> QPushButton:
        button = push_button(word, self._on_tab, "choice")
        button.setCheckable(True)
        button.setAutoExclusive(True)
        return button

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(SPACE_8)
        head.addWidget(self.back, 0, Qt.AlignmentFlag.AlignTop)
        head.addWidget(self.title, 1)
        head.addWidget(self.page_button, 0, Qt.AlignmentFlag.AlignTop)
        tabs = QHBoxLayout()
        tabs.setSpacing(SPACE_4)
        for button in self.tabs.values():
            tabs.addWidget(button)
        tabs.addStretch(1)
        self._errors.setSpacing(SPACE_8)
        fit = QVBoxLayout(self._fit)
        fit.setContentsMargins(0, SPACE_8, 0, 0)
        fit.setSpacing(SPACE_8)
        basis = QHBoxLayout()
        basis.setSpacing(SPACE_8)
        basis.addWidget(self.basis, 1)
        basis.addWidget(self.alone)
        fit.addLayout(basis)
        fit.addWidget(self.planner)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(SPACE_16, SPACE_12, SPACE_16, SPACE_16)
        column.setSpacing(SPACE_12)
        column.addLayout(head)
        column.addWidget(self.facts)
        column.addLayout(self._errors)
        column.addLayout(tabs)
        column.addWidget(self.state)
        column.addWidget(self.variants)
        column.addWidget(self._fit)
        column.addWidget(self.card)
        column.addStretch(1)
        self._scroll.setWidget(inside)
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        body = QVBoxLayout(self._body)
        body.setContentsMargins(0, 0, 0, 0)
        body.setSpacing(0)
        body.addWidget(self._scroll, 1)
        body.addWidget(thin_line())
        body.addWidget(self.bar)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._body)
        layout.addWidget(self._hint, 1)


def _facts(summary: ModelSummary | None) -> list[str]:
    """What a search tells of a model, in words."""
    if summary is None:
        return []
    facts = [downloads_words(summary.downloads), likes_words(summary.likes)]
    if summary.base_model:
        facts.append(_tr("made from {0}").format(summary.base_model))
    if summary.last_modified:
        facts.append(_tr("changed {0}").format(summary.last_modified[:10]))
    if summary.has_vision:
        facts.append(_tr("sees pictures"))
    if summary.gated is not Gated.NO:
        facts.append(_tr("gated: its terms are accepted on its page"))
    return facts


def _tr(text: str) -> str:
    return QCoreApplication.translate("DetailPane", text)
