"""A small hub on loopback that answers what the metadata part asks, notes each request and can refuse.

It speaks the routes of the real API: lists with filter and search, refs, a model at a revision, files with ranges.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

LARGE = (".safetensors",)


def commit_of(name: str) -> str:
    """A commit's hash, the same for the same text."""
    return hashlib.sha1(name.encode()).hexdigest()


@dataclass
class FakeRepo:
    """A repository.

    Attributes:
        branches: branch -> path -> content.
        gated: False, "auto" or "manual".
        stub: whether the API's answer carries the hub's digest of config.json.
    """

    name: str
    branches: dict[str, dict[str, bytes]]
    tags: list[str] = field(default_factory=lambda: ["exl3"])
    downloads: int = 1
    likes: int = 1
    gated: bool | str = False
    private: bool = False
    refused: bool = False  # gated, and the token's owner has not been let in
    pipeline_tag: str = "text-generation"
    modified: str = "2026-01-01T00:00:00.000Z"
    stub: bool = True

    def commit(self, branch: str) -> str:
        return commit_of(f"{self.name}@{branch}")

    def files(self, revision: str) -> dict[str, bytes] | None:
        for branch, files in self.branches.items():
            if revision in (branch, self.commit(branch)):
                return files
        return None

    def commit_at(self, revision: str) -> str:
        """The commit of a branch; a commit is itself."""
        return self.commit(revision) if revision in self.branches else revision

    def info(self, revision: str, *, blobs: bool) -> dict[str, Any]:
        files = self.files(revision) or {}
        branch = next((each for each in self.branches if revision in (each, self.commit(each))), "main")
        siblings = [self._sibling(path, data) if blobs else {"rfilename": path} for path, data in files.items()]
        info = {
            "id": self.name, "modelId": self.name, "sha": self.commit(branch), "siblings": siblings, "tags": self.tags,
            "downloads": self.downloads, "likes": self.likes, "gated": self.gated, "private": self.private,
            "pipeline_tag": self.pipeline_tag, "lastModified": self.modified, "createdAt": self.modified,
            "usedStorage": 12345, "trendingScore": 3, "disabled": False,
        }  # fmt: skip
        if self.stub and "config.json" in files:
            config = json.loads(files["config.json"])
            quantization = config.get("quantization_config", {})
            kept = {key: quantization[key] for key in ("bits", "quant_method") if key in quantization}
            info["config"] = {"model_type": config.get("model_type"), "quantization_config": kept}
        return info

    def tree(self, revision: str) -> list[dict[str, Any]]:
        """The files as the route `tree` lists them."""
        entries = []
        for path, data in (self.files(revision) or {}).items():
            sibling = self._sibling(path, data)
            entry = {"type": "file", "path": path, "size": len(data), "oid": sibling["blobId"]}
            if "lfs" in sibling:
                entry["lfs"] = {"oid": sibling["lfs"]["sha256"], "size": len(data), "pointerSize": 130}
            entries.append(entry)
        return entries

    @staticmethod
    def _sibling(path: str, data: bytes) -> dict[str, Any]:
        blob_id, sha256 = digests(data)
        sibling: dict[str, Any] = {"rfilename": path, "size": len(data), "blobId": blob_id}
        if is_large(path):
            sibling["lfs"] = {"sha256": sha256, "size": len(data), "pointerSize": 130}
        return sibling


@lru_cache(maxsize=4096)
def digests(data: bytes) -> tuple[str, str]:
    """Git's blob id and the SHA-256."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest(), hashlib.sha256(data).hexdigest()


def is_large(path: str) -> bool:
    """Whether a file lies at the storage."""
    return path.endswith(LARGE)


@dataclass(frozen=True)
class Asked:
    """One request that arrived."""

    path: str
    query: dict[str, list[str]]
    authorization: str | None
    range: str | None
    sent_bytes: int = 0


@dataclass(frozen=True)
class FoundFile:
    """A file that may be had."""

    repo: FakeRepo
    commit: str
    path: str
    data: bytes


Answer = tuple[int, dict[str, str], bytes]


class HubAnswers:
    """What the API answers, whoever serves it.

    Attributes:
        asked: every request, in order.
        answer_first: called with each request's path; an answer of its own wins over the usual one.
        token: what gated and private repositories want to see.
        page_size: repositories in one answer to a search; more are behind its link to the next.
        url: of whoever serves it, for such links.
    """

    def __init__(self, *repos: FakeRepo) -> None:
        self.repos = {repo.name: repo for repo in repos}
        self.asked: list[Asked] = []
        self.answer_first: Callable[[str], Answer | None] = lambda path: None
        self.token = "hf_good"
        self.search_takes_words = True
        self.has_ranges = True
        self.page_size = 1000
        self.url = ""

    @property
    def paths(self) -> list[str]:
        return [each.path for each in self.asked]

    def answer(self, request: BaseHTTPRequestHandler) -> Answer:
        parts = urlsplit(request.path)
        query = parse_qs(parts.query, keep_blank_values=True)
        headers = request.headers
        self.asked.append(Asked(parts.path, query, headers.get("Authorization"), headers.get("Range")))
        own = self.answer_first(parts.path)
        if own is not None:
            return own
        if parts.path == "/api/models":
            return self._list(query)
        if parts.path == "/api/whoami-v2":
            is_known = headers.get("Authorization") == f"Bearer {self.token}"
            return as_json({"name": "someone", "type": "user"}) if is_known else refused(401)
        return self._of_repo(parts.path, query, headers.get("Authorization"), headers.get("Range"))

    def _list(self, query: dict[str, list[str]]) -> Answer:
        words = query.get("search", [""])[0].lower()
        found = []
        for repo in sorted(self.repos.values(), key=lambda each: -each.downloads):
            name = repo.name.lower()
            matches = all(word in name for word in words.split()) if self.search_takes_words else words in name
            has_tag = all(tag in repo.tags for tag in query.get("filter", []))
            author = query.get("author", [repo.name.partition("/")[0]])[0]
            if matches and has_tag and author == repo.name.partition("/")[0] and not repo.private:
                found.append(repo.info("main", blobs=False))
        limit = min(int(query.get("limit", ["1000"])[0]), self.page_size)
        at = int(query.get("cursor", ["0"])[0])
        status, fields, body = as_json(found[at : at + limit])
        if at + limit < len(found):
            more = urlencode({**query, "cursor": [str(at + limit)]}, doseq=True)
            fields["Link"] = f'<{self.url}/api/models?{more}>; rel="next"'
        return status, fields, body

    def _of_repo(self, path: str, query: dict[str, list[str]], authorization: str | None, wanted: str | None) -> Answer:
        parts = [unquote(part) for part in path.strip("/").split("/")]
        if parts[:2] != ["api", "models"]:
            found = self.file_of(path, authorization)
            return self._file(found.data, wanted) if isinstance(found, FoundFile) else found
        repo = self._repo("/".join(parts[2:4]), authorization)
        if not isinstance(repo, FakeRepo):
            return repo
        question = parts[4] if len(parts) > 4 else ""
        if question == "refs":
            branches = [
                {"name": name, "ref": f"refs/heads/{name}", "targetCommit": repo.commit(name)} for name in repo.branches
            ]
            return as_json({"branches": branches, "converts": [], "tags": []})
        revision = parts[5] if question in ("revision", "tree") else "main"
        if repo.files(revision) is None:
            return refused(404, "RevisionNotFound")
        return as_json(repo.tree(revision) if question == "tree" else repo.info(revision, blobs="blobs" in query))

    def _repo(self, name: str, authorization: str | None) -> FakeRepo | Answer:
        repo = self.repos.get(name)
        is_known = authorization == f"Bearer {self.token}"
        if repo is None or (repo.private and not is_known):
            return refused(404 if is_known else 401, "RepoNotFound")
        return repo

    def file_of(self, path: str, authorization: str | None) -> FoundFile | Answer:
        """The file behind the path of a resolve address, or the refusal."""
        parts = [unquote(part) for part in path.strip("/").split("/")]
        repo = self._repo("/".join(parts[:2]), authorization)
        if not isinstance(repo, FakeRepo):
            return repo
        is_known = authorization == f"Bearer {self.token}"
        if repo.gated and (repo.refused or not is_known):
            return refused(403 if is_known else 401, "GatedRepo")
        files = repo.files(parts[3]) if len(parts) > 4 and parts[2] in ("resolve", "raw") else None
        name = "/".join(parts[4:])
        if files is None or name not in files:
            return refused(404, "EntryNotFound")
        return FoundFile(repo, repo.commit_at(parts[3]), name, files[name])

    def _file(self, data: bytes, wanted: str | None) -> Answer:
        if not wanted or not self.has_ranges:
            return 200, {}, data
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        start, end = int(first), min(int(last), len(data) - 1)
        return 206, {"Content-Range": f"bytes {start}-{end}/{len(data)}"}, data[start : end + 1]


class MetadataHub(HubAnswers):
    """The server; a context manager."""

    def __init__(self, *repos: FakeRepo) -> None:
        super().__init__(*repos)
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                status, headers, body = hub.answer(self)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if "Content-Length" not in headers:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> MetadataHub:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def as_json(value: Any) -> Answer:
    return 200, {"Content-Type": "application/json"}, json.dumps(value).encode()


def refused(status: int, code: str = "", **headers: str) -> Answer:
    extra = {"X-Error-Code": code} if code else {}
    return status, {**extra, **{name.replace("_", "-"): value for name, value in headers.items()}}, b""
