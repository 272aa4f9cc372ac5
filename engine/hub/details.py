"""What a page about one repository shows before anything of it is downloaded, for as few requests as there can be.

Two requests and one for each bitrate: the branches, one `config.json` (the variants of a repository share all of it but
the section about their bits), and what lies in each branch. The card and the exact size of each tensor are asked for
when somebody looks at them. Knows nothing of cards' memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.hub.client import HubClient
from engine.hub.errors import BadAnswerError, NotFoundError
from engine.hub.types import ModelSummary, RepoId, Variant
from engine.hub.variants import CONFIG, config_of, list_variants, with_config


@dataclass(frozen=True)
class RepositoryDetails:
    """A repository's variants.

    Attributes:
        variants: the highest rate first; empty while it has no weights.
        config: the `config.json` of one of them; empty where none can be read.
    """

    variants: tuple[Variant, ...]
    config: Mapping[str, Any] = field(default_factory=dict)


def details_of(client: HubClient, repo: RepoId, summary: ModelSummary | None = None) -> RepositoryDetails:
    """Asks for a repository's variants and the shape of its model.

    Args:
        summary: of a search, which knows whether `main` is worth a request.

    Raises:
        HubError: no good answer.
    """
    known = summary.main_has_weights if summary is not None else None
    variants = list_variants(client, repo, main_has_weights=known)
    for i, variant in enumerate(variants):
        if variant.file(CONFIG) is None:
            continue
        try:
            config = config_of(client, variant)
        except (BadAnswerError, NotFoundError):
            continue
        # It is here, so it says more about its own branch than the hub's digest of it did.
        return RepositoryDetails((*variants[:i], with_config(variant, config), *variants[i + 1 :]), config)
    return RepositoryDetails(variants)
