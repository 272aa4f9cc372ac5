"""Finding models: searches the hub, looks into a repository, judges it for a card, plans a download.

Everything that waits for the network, the disk or long arithmetic runs beside the window; what comes back is shown if
it is still wanted. Knows nothing of widgets or of how files are transferred.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QCoreApplication, QObject, Signal, Slot

from app.controllers.browser_state import Details, Judged, ModelCardText, Phase, Results, Wish
from app.hub_access import HubAccess
from app.lane import Lane, Question
from engine.errors import EngineError
from engine.fit.estimate import CardMemory
from engine.fit.offers import JudgedOffer, Offer, judge
from engine.fit.starters import StarterModel
from engine.hub.client import HubClient
from engine.hub.details import CARD, RepositoryDetails, arriving_details
from engine.hub.errors import NotFoundError
from engine.hub.model_card import readable_card
from engine.hub.search import SearchQuery, pasted_ref, search, summary_of
from engine.hub.transfer.placing import plan_download
from engine.hub.transfer.plan import DownloadPlan
from engine.hub.types import ModelSummary, RepoId, RepoRef, Variant
from engine.hub.variants import branches_of, tensor_bytes, variant_of

MAX_CARD_BYTES = 2 * 1024 * 1024


class BrowserController(QObject):
    """Keeps what is shown in `results`, `judged` and `details`.

    Args:
        models_folder: where downloads go now.
        read_starters: reads the list that comes with the program, beside the window.

    Signals:
        results_changed: `results` is another.
        judged_changed: `judged` says more, or is for another card.
        details_changed: `details` is another.
        plan_made: a `DownloadPlan` that the user wants.
    plan_failed: an `EngineError`: why one could not be made whose repository is not looked at any more.
    """

    results_changed = Signal()
    judged_changed = Signal()
    details_changed = Signal()
    plan_made = Signal(object)
    plan_failed = Signal(object)

    def __init__(
        self, hub: HubAccess, models_folder: Callable[[], Path],
        read_starters: Callable[[], Sequence[StarterModel]], memory: CardMemory, parent: QObject | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._hub = hub
        self._models_folder = models_folder
        self._read_starters = read_starters
        self._memory = memory
        self._client_lock = threading.Lock()
        self._client: HubClient | None = None
        self._old_clients: list[HubClient] = []
        lanes = ("starters", "search", "details", "sizes", "card", "judge", "judge-list")
        self._lanes = {name: Lane(f"hub-{name}", self) for name in lanes}
        self._plan_lanes: dict[tuple[RepoId, str], Lane] = {}  # what was asked for is not dropped for another
        self._card_commit = ""
        self._arrived: tuple[JudgedOffer, ...] = ()
        self._arrived_for = memory
        self.results = Results()
        self.judged: Judged = {}
        self.details: Details | None = None
        hub.changed.connect(self._on_hub_changed)
        hub.offline_changed.connect(self._on_offline)

    @property
    def is_offline(self) -> bool:
        """Whether the hub may not be asked."""
        return self._hub.is_offline

    def start(self) -> None:
        """Reads the starter list and judges it."""
        self._ask("starters", lambda: iter([tuple(self._read_starters())]), self._take_starters)

    def shut_down(self) -> bool:
        """Ends every thread; False when one hangs in a request."""
        ended = [lane.shut_down() for lane in (*self._lanes.values(), *self._plan_lanes.values())]
        if all(ended):
            for client in (*self._old_clients, *([self._client] if self._client else [])):
                client.close()
        return all(ended)

    def set_memory(self, memory: CardMemory) -> None:
        """Judges everything for another card, or for what is free on it now."""
        if memory == self._memory:
            return
        self._memory = memory
        self._judge_list()
        self._judge_details()

    def show_starters(self) -> None:
        """Goes back to the list that comes with the program."""
        self._lanes["search"].drop()
        self._show(replace(self.results, phase=Phase.STARTERS, wish=Wish(), error=None))

    def search(self, wish: Wish) -> None:
        """Searches the hub, or looks for the one repository that the text names."""
        self._show(replace(self.results, phase=Phase.SEARCHING, wish=wish, error=None))
        self._ask("search", lambda: self._found(wish), self._take_found, self._take_search_error)

    def pasted(self, wish: Wish) -> RepoRef | None:
        """The repository that the text names, if it names one."""
        try:
            return pasted_ref(wish.text, self._hub.endpoint())
        except EngineError:
            return None

    def open(self, repo: RepoId, branch: str = "") -> None:
        """Looks into a repository."""
        summary = next((each for each in self.results.models if each.repo == repo), None)
        starter = next((each for each in self.results.starters if each.repo == repo), None)
        offers = self.judged.get(repo, ())  # of the starter list, or of an earlier look: shown until the hub answers
        self._card_commit, self._arrived = "", ()
        for name in ("sizes", "card", "judge"):
            self._lanes[name].drop()
        self._put(
            Details(
                repo, summary, starter, branch, offers, is_loading=True, page=self._page_of(repo),
                is_planning=self._is_planning(repo),
            )
        )  # fmt: skip
        self._ask("details", lambda: self._looked_into(repo, summary), self._take_details, self._take_details_error,
                  self._end_details)  # fmt: skip

    @Slot()
    def reopen(self) -> None:
        """Asks again, as after a token was entered."""
        if self.details is not None:
            self.open(self.details.repo, self.details.branch)

    def load_card(self) -> None:
        """Asks for the model card, once."""
        details = self.details
        if details is None or (details.card is not None and details.card.error is None):
            return
        self._put(replace(details, card=ModelCardText(is_loading=True)))
        repo, commit = details.repo, self._card_commit
        self._ask("card", lambda: self._card_of(repo, commit), self._take_card, self._take_card_error)

    def measure(self, branch: str) -> None:
        """Asks for the bytes of every tensor of a variant that the user looks at; files stand in until then."""
        judged = self.details.offer(branch) if self.details is not None else None
        variant = judged.offer.variant if judged is not None else None
        if judged is None or variant is None or judged.offer.is_exact or judged.offer.model.spec is None:
            return
        offer = judged.offer
        self._ask("sizes", lambda: self._measured(offer, variant), self._take_sizes)

    def download(self, branch: str) -> None:
        """Plans the download of a variant and hands it on."""
        details = self.details
        judged = details.offer(branch) if details is not None else None
        if details is None or judged is None:
            return
        self._put(replace(details, is_planning=True, plan_error=None))
        repo, variant = details.repo, judged.offer.variant
        lane = self._plan_lanes.setdefault((repo, branch), Lane("hub-plan", self))
        lane.ask(
            Question(
                lambda: self._planned(repo, branch, variant), self._take_plan,
                lambda error: self._take_plan_error(repo, error), lambda: self._end_plan(repo),
            )
        )  # fmt: skip

    # What runs beside the window.

    def _client_now(self) -> HubClient:
        with self._client_lock:
            if self._client is None:
                self._client = HubClient(self._hub.endpoint(), lambda: self._hub.token() or None, self._hub.cache)
            return self._client

    def _found(self, wish: Wish) -> Iterator[tuple[ModelSummary, ...]]:
        client = self._client_now()
        ref = pasted_ref(wish.text, client.endpoint)
        if ref is not None:
            yield (summary_of(client, ref.repo),)
            return
        models = search(client, SearchQuery(wish.text, wish.sort, wish.author))
        if wish.by_name:
            models = tuple(sorted(models, key=lambda each: (each.repo.name.casefold(), each.repo.owner.casefold())))
        yield models

    def _looked_into(self, repo: RepoId, summary: ModelSummary | None) -> Iterator[tuple[Any, ...]]:
        for details in arriving_details(self._client_now(), repo, summary):
            memory = self._memory
            yield details, judge(_offers(details), memory), memory

    def _measured(self, offer: Offer, variant: Variant) -> Iterator[Offer]:
        yield offer.with_tensors(tensor_bytes(self._client_now(), variant))

    def _card_of(self, repo: RepoId, commit: str) -> Iterator[ModelCardText]:
        client = self._client_now()
        if not commit:
            branches = {branch.name: branch.commit for branch in branches_of(client, repo)}
            commit = branches.get("main") or next(iter(branches.values()), "")
        try:
            data = client.file(repo, commit, CARD, MAX_CARD_BYTES) if commit else b""
        except NotFoundError:
            data = b""
        yield ModelCardText(readable_card(data.decode("utf-8", "replace")))

    def _planned(self, repo: RepoId, branch: str, variant: Variant | None) -> Iterator[DownloadPlan]:
        self._hub.endpoint().check_online()
        if variant is None:
            client = self._client_now()
            branches = {each.name: each for each in branches_of(client, repo)}
            if branch not in branches:
                raise NotFoundError(f"{repo} has no variant {branch} any more.", "Choose one that is listed.")
            variant = variant_of(client, repo, branches[branch])
        yield plan_download(variant, self._models_folder())

    # What comes back.

    def _take_starters(self, starters: tuple[StarterModel, ...]) -> None:
        self._show(replace(self.results, starters=starters))
        self._judge_list()

    def _take_found(self, models: tuple[ModelSummary, ...]) -> None:
        self._show(replace(self.results, phase=Phase.FOUND, models=models, error=None))

    def _take_search_error(self, error: EngineError) -> None:
        self._show(replace(self.results, phase=Phase.FAILED, models=(), error=error))

    def _take_details(self, answer: tuple[RepositoryDetails, tuple[JudgedOffer, ...], CardMemory]) -> None:
        arrived, offers, memory = answer
        self._card_commit, self._arrived, self._arrived_for = arrived.card_commit, offers, memory
        details = self.details
        if details is None:
            return
        shown = offers if len(offers) >= len(details.offers) else details.offers  # does not shrink to grow again
        self._put(replace(details, offers=shown, refusal=arrived.refusal))

    def _take_details_error(self, error: EngineError) -> None:
        if self.details is not None:
            self._put(replace(self.details, is_loading=False, error=error))

    def _end_details(self) -> None:
        details = self.details
        if details is None:
            return
        self._put(replace(details, is_loading=False, offers=self._arrived))
        self._note_judged(details.repo, self._arrived)
        if self._arrived_for != self._memory:
            self._judge_details()

    def _take_card(self, card: ModelCardText) -> None:
        if self.details is not None:
            self._put(replace(self.details, card=card))

    def _take_card_error(self, error: EngineError) -> None:
        if self.details is not None:
            self._put(replace(self.details, card=ModelCardText(error=error)))

    def _take_sizes(self, offer: Offer) -> None:
        if self.details is not None and offer.is_exact:
            offers = [offer if each.offer.branch == offer.branch else each.offer for each in self.details.offers]
            self._judge_offers(offers)

    def _take_plan(self, plan: DownloadPlan) -> None:
        self.plan_made.emit(plan)

    def _end_plan(self, repo: RepoId) -> None:
        if self.details is not None and self.details.repo == repo:
            self._put(replace(self.details, is_planning=self._is_planning(repo)))

    def _take_plan_error(self, repo: RepoId, error: EngineError) -> None:
        if self.details is not None and self.details.repo == repo:
            self._put(replace(self.details, is_planning=self._is_planning(repo), plan_error=error))
        else:
            self.plan_failed.emit(error)

    def _is_planning(self, repo: RepoId) -> bool:
        return any(lane.is_busy for (planned, _), lane in self._plan_lanes.items() if planned == repo)

    # Judging, for the card that is planned for.

    def _judge_list(self) -> None:
        memory = self._memory
        known = {starter.repo: starter.offers for starter in self.results.starters}
        known |= {repo: tuple(each.offer for each in offers) for repo, offers in self.judged.items()}

        def work() -> Iterator[tuple[RepoId, tuple[JudgedOffer, ...]]]:
            for repo, offers in known.items():
                yield repo, judge(offers, memory)

        self._ask("judge-list", work, self._take_judged)

    def _take_judged(self, answer: tuple[RepoId, tuple[JudgedOffer, ...]]) -> None:
        self._note_judged(*answer)

    def _note_judged(self, repo: RepoId, offers: tuple[JudgedOffer, ...]) -> None:
        if offers:
            self.judged = {**self.judged, repo: offers}
            self.judged_changed.emit()

    def _judge_details(self) -> None:
        if self.details is not None and self.details.offers:
            self._judge_offers([each.offer for each in self.details.offers])

    def _judge_offers(self, offers: Sequence[Offer]) -> None:
        memory = self._memory
        self._ask("judge", lambda: iter([judge(offers, memory)]), self._take_offers)

    def _take_offers(self, offers: tuple[JudgedOffer, ...]) -> None:
        details = self.details
        if details is not None and {each.offer.branch for each in offers} == {
            each.offer.branch for each in details.offers
        }:
            self._put(replace(details, offers=offers))
            self._note_judged(details.repo, offers)

    # The rest.

    def _ask(
        self, lane: str, work: Callable[[], Iterator[Any]], take: Callable[[Any], object],
        failed: Callable[[EngineError], object] | None = None, ended: Callable[[], object] | None = None,
    ) -> None:  # fmt: skip
        self._lanes[lane].ask(Question(work, take, failed, ended))

    def _show(self, results: Results) -> None:
        self.results = results
        self.results_changed.emit()

    def _put(self, details: Details) -> None:
        self.details = details
        self.details_changed.emit()

    def _page_of(self, repo: RepoId) -> str:
        try:
            return self._hub.endpoint().page_of(repo)
        except EngineError:
            return ""  # the address in the settings is none: what is asked next will tell

    @Slot()
    def _on_hub_changed(self) -> None:
        self._forget_client()
        if self.details is not None and (self.details.refusal or self.details.error):
            self.reopen()  # the token that was missing, or the address that was wrong

    @Slot(bool)
    def _on_offline(self, _offline: bool) -> None:
        self._forget_client()
        self.results_changed.emit()  # what can be done now is different
        self.details_changed.emit()

    def _forget_client(self) -> None:
        with self._client_lock:
            if self._client is not None:
                self._old_clients.append(self._client)
            self._client = None


def _offers(details: RepositoryDetails) -> list[Offer]:
    reason = details.refusal.message if details.refusal is not None else ""
    if not details.config and not reason:
        reason = QCoreApplication.translate("Errors", "Its config.json cannot be read.")
    return [Offer.of(variant, details.config, reason) for variant in details.variants]
