"""Finds EXL3 models on the hub: the tag and the name together, for many publishers set no tag.

A list of a hundred costs two requests, three where the words together find no name. Knows nothing of branches or files.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

from engine.hub.client import HubClient
from engine.hub.endpoint import Endpoint
from engine.hub.errors import BadNameError
from engine.hub.types import Gated, ModelSummary, RepoId, RepoRef

if TYPE_CHECKING:
    from huggingface_hub import ModelInfo
    from huggingface_hub.hf_api import ExpandModelProperty_T, ModelSort_T

TAG = "exl3"
MAX_TEXT = 200
_EXPANDED: list[ExpandModelProperty_T] = [
    "createdAt", "downloads", "gated", "lastModified", "likes", "pipeline_tag", "private", "siblings", "tags",
    "trendingScore", "usedStorage", "disabled",
]  # fmt: skip
_BASE = ("base_model:quantized:", "base_model:")


class Sort(Enum):
    """What comes first in a list; always the largest or newest."""

    DOWNLOADS = "downloads"
    LIKES = "likes"
    NEWEST = "created_at"
    CHANGED = "last_modified"
    TRENDING = "trending_score"


@dataclass(frozen=True)
class SearchQuery:
    """What is looked for.

    Attributes:
        text: words of the model's name; empty for all models.
        author: a publisher, '' for all.
        limit: hits of each request, so at most that many come back.
    """

    text: str = ""
    sort: Sort = Sort.DOWNLOADS
    author: str = ""
    limit: int = 100


def pasted_ref(text: str, endpoint: Endpoint) -> RepoRef | None:
    """The repository that a text in the search box names, if it names one: an address or `owner/name[@branch]`.

    Raises:
        BadNameError: an address that leads elsewhere.
    """
    if "/" not in text:
        return None
    try:
        return endpoint.parse(text)
    except BadNameError:
        if "://" in text:
            raise
        return None


def search(client: HubClient, query: SearchQuery) -> tuple[ModelSummary, ...]:
    """The repositories that carry the tag or the name, without doubles, in the order asked for.

    Raises:
        HubError: no good answer.
    """
    text = query.text.strip()[:MAX_TEXT]
    tagged = _list(client, query, text, has_tag=True)
    named = _list(client, query, f"{text} {TAG}".strip(), has_tag=False)
    if not named and text:
        # A server that takes several words for one text finds no name with them.
        named = [each for each in _list(client, query, text, has_tag=False) if TAG in str(each.repo).lower()]
    merged = {each.repo: each for each in (*named, *tagged)}
    found = sorted(merged.values(), key=lambda each: (_rank(each, query.sort), str(each.repo)), reverse=True)
    return tuple(found[: query.limit])


def summary_of(client: HubClient, repo: RepoId) -> ModelSummary:
    """The same about one repository, tagged or not. Raises `HubError`."""
    return client.ask(lambda api: _summary(api.model_info(str(repo), expand=_EXPANDED), repo))


def _list(client: HubClient, query: SearchQuery, text: str, *, has_tag: bool) -> list[ModelSummary]:
    sort: ModelSort_T = query.sort.value
    return client.ask(
        lambda api: list(
            _summaries(
                api.list_models(
                    filter=TAG if has_tag else None,
                    search=text or None,
                    author=query.author or None,
                    sort=sort,
                    limit=query.limit,
                    expand=_EXPANDED,
                )
            )
        )
    )


def _summaries(models: Iterable[ModelInfo]) -> Iterable[ModelSummary]:
    for model in models:
        if getattr(model, "disabled", False):
            continue
        try:
            yield _summary(model, RepoId.parse(model.id))
        except BadNameError:
            continue  # a repository without an owner, or a name that no folder should have


def _summary(model: ModelInfo, repo: RepoId) -> ModelSummary:
    tags = tuple(tag for tag in model.tags or () if isinstance(tag, str))
    siblings = model.siblings
    weights = None if siblings is None else any(each.rfilename.endswith(".safetensors") for each in siblings)
    return ModelSummary(
        repo=repo,
        downloads=_count(model.downloads),
        likes=_count(model.likes),
        last_modified=_time(model.last_modified),
        created_at=_time(model.created_at),
        trending_score=float(model.trending_score or 0),
        gated=gated_of(model.gated),
        is_private=bool(model.private),
        tags=tags,
        pipeline_tag=model.pipeline_tag or "",
        base_model=next((tag.removeprefix(start) for start in _BASE for tag in tags if tag.startswith(start)), ""),
        storage_bytes=_count(model.used_storage) or None,
        main_has_weights=weights,
    )


def gated_of(value: Any) -> Gated:
    """The hub's `gated`: False, "auto" or "manual"; of anything else it says that it is locked, the worst is taken."""
    if not value:
        return Gated.NO
    return Gated.AUTOMATIC if value == "auto" else Gated.MANUAL


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _time(value: datetime | None) -> str:
    return value.isoformat() if value is not None else ""


def _rank(model: ModelSummary, sort: Sort) -> tuple[float, str]:
    if sort is Sort.DOWNLOADS:
        return model.downloads, ""
    if sort is Sort.LIKES:
        return model.likes, ""
    if sort is Sort.TRENDING:
        return model.trending_score, ""
    return 0.0, model.created_at if sort is Sort.NEWEST else model.last_modified
