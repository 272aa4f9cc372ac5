"""Search, details and a download against one hub that speaks all of the API, with its costs in requests."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.hub.answers_cache import AnswersCache
from engine.hub.client import HubClient
from engine.hub.details import arriving_details, details_of
from engine.hub.errors import AccessDeniedError, HubError, NotFoundError, NotReachableError, RateLimitedError
from engine.hub.model_card import readable_card
from engine.hub.model_store import installed_models
from engine.hub.search import SearchQuery, search
from engine.hub.transfer.download import Download
from engine.hub.transfer.placing import plan_download
from engine.hub.transfer.settings import TransferSettings
from engine.hub.transfer.source import Access
from engine.hub.types import RepoId
from engine.hub.variants import branches_of, list_variants
from tests.fakes.hub import FakeHub, RateLimit
from tests.fakes.metadata_hub import FoundFile
from tests.fakes.sending import Fault

DEMO = RepoId("espalier", "Demo-exl3")
BITRATES = RepoId("quantizer", "Bitrates-exl3")
ClientOf = Callable[..., HubClient]


@pytest.fixture
def client_of(hub: FakeHub) -> Iterator[ClientOf]:
    with contextlib.ExitStack() as stack:

        def make(token: str = "", folder: Path | None = None) -> HubClient:
            client = HubClient(hub.endpoint, lambda: token or None, AnswersCache(folder) if folder else None)
            stack.callback(client.close)
            return client

        yield make


def test_a_list_of_a_hundred_costs_three_requests_at_most(hub: FakeHub, client_of: ClientOf) -> None:
    client = client_of()
    assert len(search(client, SearchQuery())) == 100
    assert hub.num_requests <= 3
    before = hub.num_requests
    assert len(search(client, SearchQuery("no such name"))) == 0
    assert hub.num_requests - before <= 3


def test_details_cost_two_requests_and_one_for_each_variant(hub: FakeHub, client_of: ClientOf, tmp_path: Path) -> None:
    client = client_of(folder=tmp_path)
    found = {each.repo: each for each in search(client, SearchQuery())}
    for repo, num_variants in ((BITRATES, 5), (DEMO, 1), (RepoId("quantizer", "Empty-exl3"), 0)):
        before = hub.num_requests
        details = details_of(client, repo, found[repo])
        assert len(details.variants) == num_variants
        assert ("hidden_size" in details.config) == (num_variants > 0)
        assert hub.num_requests - before <= 2 + num_variants
        before = hub.num_requests
        assert details_of(client, repo, found[repo]) == details
        assert hub.num_requests - before == 1  # the branches: all else belongs to a commit and is kept
    assert [each.bits for each in details_of(client, BITRATES).variants] == [8.0, 6.0, 4.0, 3.0, 2.0]


def test_from_the_search_to_an_installed_model(hub: FakeHub, client_of: ClientOf, tmp_path: Path) -> None:
    hub.answers.repos[str(DEMO)].gated = "auto"
    client = client_of("hf_good")
    [summary] = [each for each in search(client, SearchQuery("demo")) if each.repo == DEMO]
    [variant] = details_of(client, DEMO, summary).variants
    plan = plan_download(variant, tmp_path)
    access, settings = Access(hub.endpoint, "hf_good"), TransferSettings(margin_bytes=0)
    assert Download(plan, access, lambda _: None, settings).run() == "done"
    files = hub.answers.repos[str(DEMO)].branches["4.0bpw"]
    for file in plan.files:
        assert plan.path_of(file).read_bytes() == files[file.path]
    assert [model.path for model in installed_models([tmp_path])] == [plan.folder]
    assert hub.sent_bytes() == plan.total_bytes + len(files["config.json"])  # which the details had asked for too
    at = {place: [each for each in hub.log if each.place == place] for place in ("hub", "storage")}
    assert all(each.headers.get("authorization") == "Bearer hf_good" for each in at["hub"])
    assert at["storage"]
    assert not any("authorization" in each.headers for each in at["storage"])


def test_what_is_locked_says_how_to_open_it(hub: FakeHub, client_of: ClientOf) -> None:
    def refused(name: str, token: str) -> HubError:
        repo = hub.answers.repos[f"quantizer/{name}"]
        with pytest.raises(HubError) as caught:
            client_of(token).file(RepoId("quantizer", name), repo.commit(list(repo.branches)[-1]), "config.json")
        return caught.value

    assert isinstance(refused("Gated-exl3", ""), AccessDeniedError)
    refusal = refused("Refused-exl3", "hf_good")
    assert isinstance(refusal, AccessDeniedError)
    assert "terms" in refusal.message
    private = refused("Private-exl3", "")
    assert isinstance(private, NotFoundError)
    assert "private" in private.message
    assert client_of("hf_good").who_am_i() == "someone"
    assert len(list_variants(client_of("hf_good"), RepoId("quantizer", "Private-exl3"))) == 1


def test_the_limit_of_requests_is_told(hub: FakeHub, client_of: ClientOf) -> None:
    hub.limit = RateLimit(2)
    client = client_of()
    search(client, SearchQuery())
    with pytest.raises(RateLimitedError) as caught:
        branches_of(client, DEMO)
    assert 290 <= caught.value.retry_after_s <= 300


def test_the_hubs_own_library_is_served(hub: FakeHub, client_of: ClientOf) -> None:
    client = client_of()
    tree = client.ask(lambda api: list(api.list_repo_tree(str(DEMO), revision="4.0bpw", recursive=True)))
    files = hub.answers.repos[str(DEMO)].branches["4.0bpw"]
    assert {each.path: each.size for each in tree} == {path: len(data) for path, data in files.items()}
    hub.answers.page_size = 10
    before = hub.num_requests
    assert len(client.ask(lambda api: list(api.list_models(search="exl3", limit=35)))) == 35
    assert hub.num_requests - before == 4
    [branch] = [each for each in branches_of(client, BITRATES) if each.name == "main"]
    card = readable_card(client.file(BITRATES, branch.commit, "README.md").decode())
    assert "script" not in card
    assert "http://127.0.0.1" not in card
    assert "good one" in card


def test_a_signed_address_is_good_for_a_while(hub: FakeHub) -> None:
    repo = hub.answers.repos[str(DEMO)]
    found = FoundFile(repo, repo.commit("4.0bpw"), "model-00001-of-00002.safetensors", b"")
    address = hub.signed(found).removeprefix(hub.storage_url)
    assert hub.is_signed(address)
    assert not hub.is_signed(address[:-1])
    hub.sign_s = 0.01
    address = hub.signed(found).removeprefix(hub.storage_url)
    time.sleep(0.02)
    assert not hub.is_signed(address)


def test_it_runs_by_hand(project_root: Path) -> None:
    command = [sys.executable, "-u", "-m", "tests.fakes.hub", "--port", "0", "--faults", "all", "--megabytes", "1"]
    with subprocess.Popen(command, cwd=project_root, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        try:
            assert program.stdout.readline().startswith("http://127.0.0.1:")
        finally:
            program.terminate()


def test_details_arrive_branch_by_branch(hub: FakeHub, client_of: ClientOf) -> None:
    counts = [len(each.variants) for each in arriving_details(client_of(), BITRATES)]
    assert counts == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("with_digest", [True, False])
def test_a_gated_repository_shows_its_sizes_and_why_it_is_closed(
    hub: FakeHub, client_of: ClientOf, with_digest: bool
) -> None:
    hub.answers.repos["quantizer/Gated-exl3"].stub = with_digest
    details = details_of(client_of(), RepoId("quantizer", "Gated-exl3"))
    [variant] = details.variants
    assert variant.weight_bytes > 0
    assert (variant.bits is not None) == with_digest
    assert isinstance(details.refusal, AccessDeniedError)
    assert details.config == {}
    opened = details_of(client_of("hf_good"), RepoId("quantizer", "Gated-exl3"))
    assert opened.refusal is None
    assert "hidden_size" in opened.config


def test_an_answer_that_breaks_off_is_asked_for_again(hub: FakeHub, client_of: ClientOf) -> None:
    repo = hub.answers.repos[str(DEMO)]
    path = "tokenizer.json"
    data = repo.branches["4.0bpw"][path]
    for num_breaks, is_enough in ((2, True), (3, False)):
        hub.faults[path] = deque([Fault(after=1000)] * num_breaks)
        if is_enough:
            assert client_of().file(DEMO, repo.commit("4.0bpw"), path) == data
        else:
            with pytest.raises(NotReachableError):
                client_of().file(DEMO, repo.commit("4.0bpw"), path)
