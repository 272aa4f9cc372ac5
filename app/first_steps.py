"""What the first page says: which of the models that come listed with the program suit this computer's card.

Joins the model browser's judgement with the empty chat page. Knows nothing of how models are judged or fetched.
"""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Slot

from app.controllers.load_settings import LoadSettings
from app.figures import file_amount, local
from app.model_pages import ModelPages
from app.views.chat.empty_state import EmptyState
from app.views.chat.fit_suggestions import Suggestion
from app.views.main_window import MainWindow
from app.views.pages import Page
from app.views.vram.verdicts import verdict_words
from engine.fit.estimate import Verdict
from engine.fit.offers import JudgedOffer
from engine.fit.starters import StarterModel
from engine.hub.types import RepoId

MOST = 3
GOOD = (Verdict.EASILY, Verdict.FITS)


class FirstSteps(QObject):
    """Follows the list of models to start with and the card; nobody calls it."""

    def __init__(
        self, window: MainWindow, pages: ModelPages, settings: LoadSettings, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._window, self._pages, self._browser = window, pages, pages.browser
        self._settings = settings
        self._page: EmptyState = window.parts.chat.empty
        self._soon = QTimer(self, interval=0, singleShot=True)  # judgements come one model at a time
        self._soon.timeout.connect(self._show)
        controller, card = self._browser.controller, self._browser.card
        controller.results_changed.connect(self._soon.start)
        controller.judged_changed.connect(self._soon.start)
        card.choices_changed.connect(self._soon.start)
        self._page.model_chosen.connect(self._open)
        self._page.find_requested.connect(self._find)

    @Slot()
    def _show(self) -> None:
        found = [self._suggestion(starter, offer) for starter, offer in self._best()]
        self._page.fits.show_suggestions(self._heading() if found else "", tuple(found))

    def _best(self) -> list[tuple[StarterModel, JudgedOffer]]:
        """The largest models that fit well, each in the variant to take."""
        controller = self._browser.controller
        found = []
        for starter in reversed(controller.results.starters):  # they come smallest first
            judged = controller.judged.get(starter.repo, ())
            offer = next((each for each in judged if each.is_recommended), None)
            if offer is not None and offer.estimate.verdict in GOOD:
                found.append((starter, offer))
        return found[:MOST]

    def _heading(self) -> str:
        card = self._browser.card
        if card.card_missing:
            words = self.tr("No card of this computer can run models, so they run on the processor, slowly.")
            return words + " " + self.tr("These would run well on a card such as {0}:").format(card.choice.label)
        own = self._settings.expected_card
        return self.tr("Your {0} runs these well:").format(own.short_name if own is not None else card.choice.label)

    def _suggestion(self, starter: StarterModel, judged: JudgedOffer) -> Suggestion:
        offer = judged.offer
        parts = (
            self.tr("{0} bits").format(local(f"{offer.bits:.4g}")) if offer.bits is not None else offer.branch,
            self.tr("{0} to download").format(file_amount(offer.download_bytes)),
            verdict_words(judged.estimate.verdict),
        )
        return Suggestion(starter.repo, starter.title, " · ".join(parts), starter.about)

    @Slot()
    def _find(self) -> None:
        self._window.show_page(Page.MODELS)
        self._pages.models_page.show_tab(self._browser.page)

    @Slot(object)
    def _open(self, repo: RepoId) -> None:
        self._find()
        self._browser.controller.open(repo)
        self._browser.page.show_details()
