"""The bitrates in which a repository has its model: a branch for each, or main alone.

What counts is the branch's `config.json`; a branch's name only sorts where nothing better is known. Answers belong to
a commit and are kept for ever. Knows nothing of how files are moved or of what fits a card.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import ModelFormatError
from engine.hub.client import MAX_FILE_BYTES, HubClient
from engine.hub.errors import BadAnswerError, BadNameError, NotFoundError
from engine.hub.types import RepoFile, RepoId, Variant, check_branch
from engine.weights.safetensors_header import LENGTH_BYTES, header_length, parse_header

if TYPE_CHECKING:
    from huggingface_hub import ModelInfo

CONFIG, STORAGE = "config.json", "quantization_config.json"
FIRST_PART_BYTES = 128 * 1024  # holds the header of most shards
MAX_BITS = 16.0
LISTING = "list of files"  # stands for the answer where a file's path would
_RATE = r"(?P<bits>\d{1,2}(?:\.\d{1,3})?)"
_HEAD = r"h(?P<head>\d{1,2})"
_EDGE = r"(?:^|[-_. /])"
_END = r"(?:$|[-_. /])"
_NAMES = (
    re.compile(rf"{_EDGE}{_RATE}[-_ ]?bpw(?:[-_]?{_HEAD})?{_END}", re.IGNORECASE),
    re.compile(rf"^{_RATE}(?:[-_]?{_HEAD})?{_END}", re.IGNORECASE),
)
_HEAD_ANYWHERE = re.compile(rf"{_EDGE}{_HEAD}{_END}", re.IGNORECASE)


@dataclass(frozen=True)
class Branch:
    """A branch and its newest commit."""

    name: str
    commit: str


@dataclass(frozen=True)
class NameHint:
    """What the name of a branch or a repository claims."""

    bits: float | None = None
    head_bits: int | None = None

    @classmethod
    def of(cls, name: str) -> NameHint:
        """Reads "4.0bpw", "2.75bpw_H5", "5.0_H6", "H8-4.0BPW", "Model-4.0bpw-h6-exl3", "Model-exl3-6bpw"."""
        found = next((match for match in (pattern.search(name) for pattern in _NAMES) if match), None)
        if found is None or not 0 < float(found["bits"]) <= MAX_BITS:
            return cls()
        head = found["head"] or next((match["head"] for match in [_HEAD_ANYWHERE.search(name)] if match), None)
        return cls(float(found["bits"]), int(head) if head and 0 < int(head) <= MAX_BITS else None)


def branches_of(client: HubClient, repo: RepoId) -> tuple[Branch, ...]:
    """The branches of a repository, one request; pull requests and conversions are none. Raises `HubError`."""
    refs = client.ask(lambda api: [(ref.name, ref.target_commit) for ref in api.list_repo_refs(str(repo)).branches])
    found = []
    for name, commit in refs:
        if name.startswith("refs/"):
            continue
        try:
            check_branch(name)
        except BadNameError:
            continue
        found.append(Branch(name, commit))
    return tuple(found)


def variant_of(client: HubClient, repo: RepoId, branch: Branch) -> Variant:
    """What a branch holds and at which rate: one request, or none if it was ever asked before.

    `config.json` is asked too where the hub's own digest of it does not tell the bits.

    Raises:
        HubError: no good answer.
    """
    variant = listing_of(client, repo, branch)
    if variant.bits is None and variant.weight_files and variant.file(CONFIG):
        return with_config(variant, config_of(client, variant))
    return variant


def listing_of(client: HubClient, repo: RepoId, branch: Branch) -> Variant:
    """What a branch holds, and its rate where the hub's own digest tells it; told of gated repositories too.

    One request, or none if it was ever asked before. Raises `HubError`.
    """
    key = (client.endpoint.url, str(repo), branch.commit, LISTING)
    known = client.cache.get(*key) if client.cache else None
    variant = _from_record(known, repo, branch) if known is not None else None
    if variant is None:
        variant = client.ask(
            lambda api: _variant(api.model_info(str(repo), revision=branch.commit, files_metadata=True), repo, branch)
        )
        if client.cache:
            client.cache.put(_record(variant), *key)
    return variant


def list_variants(client: HubClient, repo: RepoId, *, main_has_weights: bool | None = None) -> tuple[Variant, ...]:
    """All branches with weights, the highest rate first; empty while a repository has none yet.

    Costs one request, and one for each branch that was not asked before.

    Args:
        main_has_weights: as a search told; False spares asking main.

    Raises:
        HubError: no good answer.
    """
    branches = branches_of(client, repo)
    asked = [each for each in branches if main_has_weights is not False or each.name != "main"]
    variants = []
    for branch in asked:
        try:
            variants.append(variant_of(client, repo, branch))
        except NotFoundError:
            continue  # deleted since the branches were listed
    return tuple(sorted((each for each in variants if each.weight_files), key=order))


def config_of(client: HubClient, variant: Variant) -> dict[str, Any]:
    """A variant's `config.json`; variants of one repository differ in its `quantization_config` alone.

    Raises:
        HubError: there is none, or it is no JSON object.
    """
    return client.json_file(variant.repo, variant.commit, CONFIG)


def with_config(variant: Variant, config: Mapping[str, Any]) -> Variant:
    """The variant with what its `config.json` says of its quantization."""
    section = config.get("quantization_config")
    if not isinstance(section, dict):
        return variant
    bits, head = _rate(section.get("bits")), _rate(section.get("head_bits"))
    return replace(
        variant,
        bits=variant.bits if bits is None else bits,
        head_bits=variant.head_bits if head is None else int(head),
        codebook=_text(section.get("codebook")) or variant.codebook,
        quant_method=_text(section.get("quant_method")) or variant.quant_method,
        version=_text(section.get("version")) or variant.version,
    )


def tensor_bytes(client: HubClient, variant: Variant) -> dict[str, int]:
    """The bytes of every tensor: by `quantization_config.json`, else by the headers of the shards.

    Empty where neither can be read; the files' sizes are then all there is.

    Raises:
        HubError: the way to the hub is closed. Files that are missing or make no sense are no error.
    """
    if variant.file(STORAGE):
        try:
            sizes = _storage(client.json_file(variant.repo, variant.commit, STORAGE), variant)
        except (BadAnswerError, NotFoundError):
            sizes = {}
        if sizes:
            return sizes
    try:
        return _sizes_by_headers(client, variant)
    except (BadAnswerError, NotFoundError, ModelFormatError):
        return {}


def sort_bits(variant: Variant) -> float:
    """The rate to sort by: the config's, else the name's; 0 when neither is known."""
    if variant.bits is not None:
        return variant.bits
    hint = NameHint.of(variant.branch).bits or NameHint.of(variant.repo.name).bits
    return hint or 0.0


def order(variant: Variant) -> tuple[float, int, str]:
    """The key to sort variants by: the highest rate first."""
    return -sort_bits(variant), -variant.weight_bytes, variant.branch


def _variant(info: ModelInfo, repo: RepoId, branch: Branch) -> Variant:
    files = []
    for sibling in info.siblings or ():
        lfs = sibling.lfs
        size = lfs.size if lfs is not None else sibling.size
        files.append(
            RepoFile(
                sibling.rfilename, size or 0, lfs.sha256 if lfs is not None else None, sibling.blob_id,
                is_lfs=lfs is not None,
            )
        )  # fmt: skip
    # The hub answers with the commit it looked at: what is kept under another one would be wrong for ever.
    if info.sha is not None and info.sha != branch.commit:
        raise BadNameError(f"{repo} answered for {info.sha} instead of {branch.commit}.", "Try again later.")
    variant = Variant(repo, branch.name, branch.commit, tuple(files))
    return with_config(variant, info.config) if isinstance(info.config, dict) else variant


def _rate(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value) if 0 < value <= MAX_BITS else None


def _text(value: object) -> str | None:
    return value[:40] if isinstance(value, str) and value.isprintable() else None


def _record(variant: Variant) -> bytes:
    values = asdict(variant)
    del values["repo"], values["branch"]
    return json.dumps(values).encode()


def _from_record(data: bytes, repo: RepoId, branch: Branch) -> Variant | None:
    """The variant that `_record` wrote, None if it was written by another version of this program."""
    try:
        values = json.loads(data)
        files = tuple(RepoFile(**file) for file in values.pop("files"))
        return Variant(repo=repo, branch=branch.name, files=files, **values)
    except (ValueError, TypeError, KeyError, BadNameError):
        return None


def _storage(config: Mapping[str, Any], variant: Variant) -> dict[str, int]:
    """Sizes out of `tensor_storage`; nothing if they do not add up to what the files can hold."""
    modules = config.get("tensor_storage")
    sizes: dict[str, int] = {}
    for module in modules.values() if isinstance(modules, dict) else ():
        tensors = module.get("stored_tensors") if isinstance(module, dict) else None
        for name, tensor in tensors.items() if isinstance(tensors, dict) else ():
            num_bytes = tensor.get("n_bytes") if isinstance(tensor, dict) else None
            if not isinstance(num_bytes, int) or isinstance(num_bytes, bool) or num_bytes < 0:
                return {}
            sizes[name] = num_bytes
    return sizes if sum(sizes.values()) <= variant.weight_bytes else {}


def _sizes_by_headers(client: HubClient, variant: Variant) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for file in variant.weight_files:
        if "/" in file.path:
            continue  # of another format or another model: only shards at the top belong to this one
        sizes |= _header_sizes(client, variant, file)
    return sizes


def _header_sizes(client: HubClient, variant: Variant, file: RepoFile) -> dict[str, int]:
    """One shard's, by one request for its beginning and one more where its header is long."""
    path = Path(variant.repo.name) / file.path
    start = client.part(variant.repo, variant.commit, file.path, 0, min(FIRST_PART_BYTES, max(file.size, LENGTH_BYTES)))
    length = header_length(path, start, file.size)
    missing = LENGTH_BYTES + length - len(start)
    if missing > MAX_FILE_BYTES:
        raise BadAnswerError(f"{file.path} has a header of {length} bytes.", "Choose another repository.")
    if missing > 0:
        start += client.part(variant.repo, variant.commit, file.path, len(start), missing)
    header = parse_header(path, start[LENGTH_BYTES : LENGTH_BYTES + length], file.size)
    return {entry.name: entry.num_bytes for entry in header}
