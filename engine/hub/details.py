"""What a page about one repository shows before anything of it is downloaded, for as few requests as there can be.

Two requests and one for each bitrate: the branches, one `config.json` (the variants of a repository share all of it but
the section about their bits), and what lies in each branch. The card and the exact size of each tensor are asked for
when somebody looks at them. Knows nothing of cards' memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from engine.hub.client import HubClient
from engine.hub.errors import AccessDeniedError, BadAnswerError, NotFoundError
from engine.hub.types import ModelSummary, RepoId, Variant
from engine.hub.variants import CONFIG, Branch, NameHint, branches_of, config_of, listing_of, order, with_config

MAX_BRANCHES = 60  # that are looked into: more than any repository of one model has
CARD = "README.md"


@dataclass(frozen=True)
class RepositoryDetails:
    """A repository's variants.

    Attributes:
        variants: the highest rate first; empty while it has no weights.
        config: the `config.json` of one of them; empty where none can be read.
        card_commit: where its card is looked for; '' where there is no branch at all.
        refusal: why its files are closed to this user, if they are; then there is no config.
    """

    variants: tuple[Variant, ...]
    config: Mapping[str, Any] = field(default_factory=dict)
    card_commit: str = ""
    refusal: AccessDeniedError | None = None


def details_of(client: HubClient, repo: RepoId, summary: ModelSummary | None = None) -> RepositoryDetails:
    """Asks for a repository's variants and the shape of its model.

    Args:
        summary: of a search, which knows whether `main` is worth a request.

    Raises:
        HubError: no good answer.
    """
    *_, whole = arriving_details(client, repo, summary)
    return whole


def arriving_details(
    client: HubClient, repo: RepoId, summary: ModelSummary | None = None
) -> Iterator[RepositoryDetails]:
    """The same bit by bit: after the list of branches and after each of them. Raises as `details_of`."""
    branches = branches_of(client, repo)
    details = RepositoryDetails((), card_commit=_card_commit(branches))
    yield details
    has_weights = summary.main_has_weights if summary is not None else None
    wanted = [branch for branch in branches if has_weights is not False or branch.name != "main"]
    for branch in sorted(wanted, key=lambda each: -(NameHint.of(each.name).bits or 0.0))[:MAX_BRANCHES]:
        try:
            variant = listing_of(client, repo, branch)
        except NotFoundError:
            continue  # deleted since the branches were listed
        if variant.weight_files:
            details = _with_variant(client, details, variant)
            yield details


def _with_variant(client: HubClient, details: RepositoryDetails, variant: Variant) -> RepositoryDetails:
    config, refusal = details.config, details.refusal
    is_wanted = not config or variant.bits is None  # by the hub's digest, which says less than the file itself
    if is_wanted and refusal is None and variant.file(CONFIG) is not None:
        try:
            own = config_of(client, variant)
            config, variant = config or own, with_config(variant, own)
        except AccessDeniedError as error:
            refusal = error
        except (BadAnswerError, NotFoundError):
            pass
    variants = tuple(sorted((*details.variants, variant), key=order))
    return replace(details, variants=variants, config=config, refusal=refusal)


def _card_commit(branches: tuple[Branch, ...]) -> str:
    """Of main, where cards usually are, else of any branch."""
    commits = {branch.name: branch.commit for branch in branches}
    return commits.get("main") or next(iter(commits.values()), "")
