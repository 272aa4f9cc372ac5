"""What the model browser shows, as values: the list of models, and the details of one. Knows nothing of Qt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from engine.errors import EngineError
from engine.fit.offers import JudgedOffer
from engine.fit.starters import StarterModel
from engine.hub.search import Sort
from engine.hub.types import ModelSummary, RepoId


@dataclass(frozen=True)
class Wish:
    """What is looked for.

    Attributes:
        by_name: sorted by name here, for the hub does not.
        author: a publisher, '' for all.
    """

    text: str = ""
    sort: Sort = Sort.DOWNLOADS
    by_name: bool = False
    author: str = ""


class Phase(Enum):
    """Where the list stands."""

    STARTERS = "starters"
    SEARCHING = "searching"
    FOUND = "found"
    FAILED = "failed"


@dataclass(frozen=True)
class Results:
    """The list.

    Attributes:
        error: why a search brought nothing.
    """

    phase: Phase = Phase.STARTERS
    wish: Wish = field(default_factory=Wish)
    models: tuple[ModelSummary, ...] = ()
    starters: tuple[StarterModel, ...] = ()
    error: EngineError | None = None


@dataclass(frozen=True)
class ModelCardText:
    """A model's card.

    Attributes:
        text: safe Markdown; '' when there is none.
    """

    text: str = ""
    is_loading: bool = False
    error: EngineError | None = None


@dataclass(frozen=True)
class Details:
    """One repository.

    Attributes:
        branch: that was asked for, '' for whichever is best.
        offers: judged for the card, the highest rate first.
        is_loading: more may come.
        error: why the hub's answer is missing; the offers are then those of the starter list, if any.
        refusal: why its files are closed to this user.
        page: its address on the hub.
        plan_error: why a download could not be begun.
        is_planning: one is being begun.
    """

    repo: RepoId
    summary: ModelSummary | None = None
    starter: StarterModel | None = None
    branch: str = ""
    offers: tuple[JudgedOffer, ...] = ()
    is_loading: bool = False
    error: EngineError | None = None
    refusal: EngineError | None = None
    page: str = ""
    card: ModelCardText | None = None
    plan_error: EngineError | None = None
    is_planning: bool = False

    @property
    def is_from_list(self) -> bool:
        """Whether the sizes are those of the list that comes with the program."""
        return bool(self.offers) and all(each.offer.variant is None for each in self.offers)

    def offer(self, branch: str) -> JudgedOffer | None:
        """The offer of a branch."""
        return next((each for each in self.offers if each.offer.branch == branch), None)

    @property
    def first_choice(self) -> str:
        """The branch to mark at first: the one asked for, the recommended one, else the smallest."""
        if self.offer(self.branch) is not None:
            return self.branch
        best = next((each for each in self.offers if each.is_recommended), None)
        if best is not None:
            return best.offer.branch
        return min(self.offers, key=lambda each: each.offer.download_bytes).offer.branch if self.offers else ""


# Of starters and of what was opened before: what fits the card.
Judged = Mapping[RepoId, tuple[JudgedOffer, ...]]
