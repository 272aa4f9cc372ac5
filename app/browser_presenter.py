"""Joins the model browser's page with its controller and with the card that models are judged for.

Puts into words what speaks for and against a download. Knows nothing of how models are found or fetched.
"""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.controllers.browser import BrowserController
from app.controllers.browser_state import Details, Phase, Wish
from app.controllers.downloads import DownloadList
from app.controllers.model_library import Library
from app.controllers.plan_card import PlanCard
from app.error_words import error_words
from app.figures import file_amount, local, memory_amount
from app.item_models.hub_models import HubModelList, ListFilter, publishers
from app.views.model_browser.download_bar import DownloadOffer
from app.views.model_browser.page import ModelBrowserPage
from app.views.vram.verdicts import needs_words
from engine.fit.estimate import Verdict
from engine.fit.offers import JudgedOffer, Offer
from engine.hub.model_store import InstalledModel
from engine.hub.queue_store import QueueEntry
from engine.hub.types import RepoId, RepoRef

LOOK_MS = 250  # on a row, before the hub is asked about it


class BrowserPresenter(QObject):
    """Follows the page and the controller; nobody calls it.

    Signals:
        token_wanted: the user wants to enter a token.
    chat_wanted: the folder of a model that is on this computer.
    downloads_wanted: the user wants to see what is being downloaded.
    """

    token_wanted = Signal()
    chat_wanted = Signal(object)
    downloads_wanted = Signal()

    def __init__(
        self, page: ModelBrowserPage, model: HubModelList, browser: BrowserController, card: PlanCard,
    ) -> None:  # fmt: skip
        super().__init__(page)
        self._page = page
        self._model = model
        self._browser = browser
        self._card = card
        self._looked_at: RepoId | None = None
        self._pasted: RepoRef | None = None
        self._downloads: dict[tuple[RepoId, str], QueueEntry] = {}
        self._installed: tuple[InstalledModel, ...] = ()
        self._look_timer = QTimer(self, interval=LOOK_MS, singleShot=True)
        self._look_timer.timeout.connect(self._look)
        self._measure_timer = QTimer(self, interval=LOOK_MS, singleShot=True)
        self._measure_timer.timeout.connect(self._measure)
        self._connect_list()
        self._connect_details()
        self._show_cards()
        self._show_results()
        self._show_details()

    def _connect_list(self) -> None:
        filters, found, browser = self._page.filters, self._page.list, self._browser
        filters.wished.connect(self._search)
        filters.cleared.connect(browser.show_starters)
        filters.filter_changed.connect(self._filter)
        filters.card_chosen.connect(self._card.choose)
        found.walked_to.connect(self._walk_to)
        found.opened.connect(self._open)
        found.popular_requested.connect(filters.search_now)
        found.starters_requested.connect(self._show_starters)
        found.retry_requested.connect(filters.search_now)
        found.filters_cleared.connect(filters.clear_filters)
        browser.results_changed.connect(self._show_results)
        browser.judged_changed.connect(self._show_judged)
        self._card.choices_changed.connect(self._show_cards)
        self._card.memory_changed.connect(self._on_memory)

    def _connect_details(self) -> None:
        pane, browser = self._page.details, self._browser
        browser.details_changed.connect(self._show_details)
        pane.variant_chosen.connect(self._on_variant)
        pane.card_wanted.connect(browser.load_card)
        pane.alone_chosen.connect(self._card.set_alone)
        pane.download_requested.connect(browser.download)
        pane.retry_requested.connect(browser.reopen)
        pane.token_wanted.connect(self.token_wanted)
        pane.bar.follow_requested.connect(self._follow)

    # The list.

    @Slot(object)
    def _search(self, wish: Wish) -> None:
        self._pasted = None
        self._browser.search(wish)
        self._page.show_list_first()

    @Slot()
    def _show_starters(self) -> None:
        self._page.filters.clear_search()
        self._browser.show_starters()

    @Slot()
    def _show_results(self) -> None:
        results = self._browser.results
        self._model.show(results)
        self._page.list.show_results(results, self._browser.is_offline)
        if results.phase is Phase.FOUND:
            self._page.filters.show_publishers(publishers(results.models))
            self._open_pasted()
        self._mark()

    def _mark(self) -> None:
        details = self._browser.details
        if details is not None:
            self._page.list.mark(details.repo)

    def _open_pasted(self) -> None:
        """The one repository that an address named needs no further click."""
        results = self._browser.results
        ref = self._browser.pasted(results.wish)
        if ref is not None and len(results.models) == 1 and self._pasted != ref:
            self._pasted = ref
            self._browser.open(ref.repo, ref.branch or "")
            self._page.show_details()

    @Slot()
    def _show_judged(self) -> None:
        self._model.show_judged(self._browser.judged)
        self._mark()

    @Slot()
    def _filter(self) -> None:
        filters = self._page.filters
        free = self._card.memory.free_bytes if filters.fits_only else None
        self._model.set_filter(ListFilter(free, filters.size_class, filters.vision_only))
        self._mark()

    @Slot(object)
    def _walk_to(self, repo: RepoId) -> None:
        self._looked_at = repo
        self._look_timer.start()

    @Slot()
    def _look(self) -> None:
        if self._looked_at is not None:
            self._open_if_new(self._looked_at)

    @Slot(object)
    def _open(self, repo: RepoId) -> None:
        self._look_timer.stop()
        self._open_if_new(repo)
        self._page.show_details()

    def _open_if_new(self, repo: RepoId) -> None:
        details = self._browser.details
        if details is None or details.repo != repo or details.error is not None:
            self._browser.open(repo)

    # The card.

    @Slot()
    def _show_cards(self) -> None:
        self._page.filters.show_cards(self._card.choices, self._card.choice.key)
        self._on_memory()

    @Slot()
    def _on_memory(self) -> None:
        self._browser.set_memory(self._card.memory)
        self._filter()
        self._show_memory()
        self._show_offer()

    def _show_memory(self) -> None:
        choice, memory = self._card.choice, self._card.memory
        others = self._card.others_bytes
        if choice.is_here and others:
            basis = self.tr("{0}: {1} in use by other programs now").format(choice.label, memory_amount(others))
        elif choice.is_here:
            basis = choice.label
        else:
            basis = self.tr("{0}, with nothing else on it").format(choice.label)
        self._page.details.show_memory(memory, basis, choice.is_here and others > 0)

    # One repository.

    @Slot()
    def _show_details(self) -> None:
        self._page.details.show_details(self._browser.details)
        self._show_memory()
        self._show_offer()

    @Slot(str)
    def _on_variant(self, _branch: str) -> None:
        self._measure_timer.start()
        self._show_memory()
        self._show_offer()

    @Slot()
    def _measure(self) -> None:
        self._browser.measure(self._page.details.branch)

    def _show_offer(self) -> None:
        details = self._browser.details
        judged = details.offer(self._page.details.branch) if details is not None else None
        if details is None or judged is None:
            self._page.details.show_offer(None)
            return
        offer = judged.offer
        name = offer.branch if offer.bits is None else self.tr("{0} bits").format(local(f"{offer.bits:.4g}"))
        self._page.details.show_offer(
            DownloadOffer(
                self.tr("{0}: {1} to download").format(name, file_amount(offer.download_bytes)),
                self._warnings(details, judged),
                self._obstacle(details),
                *self._state(details.repo, offer),
                is_busy=details.is_planning,
            )
        )

    @Slot(object)
    def show_downloads(self, downloads: DownloadList) -> None:
        """Takes what is being downloaded, or was, so that nothing is offered twice."""
        self._downloads = {(entry.plan.repo, entry.plan.branch): entry for entry in downloads.entries}
        self._show_offer()

    @Slot(object)
    def show_library(self, library: Library) -> None:
        """Takes which models are on this computer, however they came here."""
        self._installed = tuple(each.model for each in library.models)
        self._show_offer()

    def _state(self, repo: RepoId, offer: Offer) -> tuple[str, str]:
        """What became of a variant, and the word for what can be done with it; both '' before it was asked for."""
        if self._here(repo, offer) is not None:
            return self.tr("It is on this computer."), self.tr("Chat with it")
        entry = self._downloads.get((repo, offer.branch))
        if entry is None or entry.state == "done" or _is_newer(offer, entry.plan.commit):
            return "", ""
        return self.tr("It is in your downloads."), self.tr("Show downloads")

    def _here(self, repo: RepoId, offer: Offer) -> InstalledModel | None:
        """The model on this computer that an offer is of; None also for a branch that holds something newer by now."""
        for each in self._installed:
            owner_and_name, _, branch = each.name.partition("@")
            if owner_and_name != str(repo) or _is_newer(offer, each.commit):
                continue
            is_commit = offer.variant is not None and bool(each.commit)  # two branches may hold the same one
            if is_commit or (branch or "main") == offer.branch:
                return each
        return None

    @Slot()
    def _follow(self) -> None:
        details = self._browser.details
        judged = details.offer(self._page.details.branch) if details is not None else None
        if details is None or judged is None:
            return
        here = self._here(details.repo, judged.offer)
        if here is not None:
            self.chat_wanted.emit(here.path)
        else:
            self.downloads_wanted.emit()

    def _obstacle(self, details: Details) -> str:
        if self._browser.is_offline:
            return self.tr("The offline switch is on: switch it off in the settings to download.")
        if details.refusal is not None:
            return self.tr("Its files are closed until its terms are accepted on its page.")
        return ""

    def _warnings(self, details: Details, judged: JudgedOffer) -> tuple[str, ...]:
        """What the user should know before gigabytes are fetched."""
        warnings = []
        choice = self._card.choice
        if choice.obstacle:
            warnings.append(choice.obstacle)
        elif self._card.card_missing:
            warnings.append(self.tr("No card of this computer can run it: {0}").format(self._card.card_missing))
        if details.refusal is not None:
            return tuple(warnings)  # nothing is known of it that could speak against it
        if judged.offer.obstacle:
            warnings.append(
                self.tr("This version of Espalier cannot run it. {0}").format(error_words(judged.offer.obstacle))
            )
        elif judged.estimate.verdict is Verdict.TOO_BIG:
            warnings.append(
                self.tr("Too big for this card with a context of 8k: {0}.").format(needs_words(judged.estimate))
            )
        return tuple(warnings)


def _is_newer(offer: Offer, commit: str) -> bool:
    """Whether the hub's branch holds something else by now than what was fetched at `commit`."""
    return offer.variant is not None and bool(commit) and offer.variant.commit != commit
