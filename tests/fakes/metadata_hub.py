"""A small hub on loopback that answers what the metadata part asks, notes each request and can refuse.

It speaks the routes of the real API: lists with filter and search, refs, a model at a revision, files with ranges.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

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

    @staticmethod
    def _sibling(path: str, data: bytes) -> dict[str, Any]:
        sibling: dict[str, Any] = {"rfilename": path, "size": len(data)}
        sibling["blobId"] = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        if path.endswith(LARGE):
            digest = hashlib.sha256(data).hexdigest()
            sibling["lfs"] = {"sha256": digest, "size": len(data), "pointerSize": 130}
        return sibling


@dataclass(frozen=True)
class Asked:
    """One request that arrived."""

    path: str
    query: dict[str, list[str]]
    authorization: str | None
    range: str | None
    sent_bytes: int = 0


Answer = tuple[int, dict[str, str], bytes]


class MetadataHub:
    """The server; a context manager.

    Attributes:
        asked: every request, in order.
        answer_first: called with each request's path; an answer of its own wins over the usual one.
        token: what gated and private repositories want to see.
    """

    def __init__(self, *repos: FakeRepo) -> None:
        self.repos = {repo.name: repo for repo in repos}
        self.asked: list[Asked] = []
        self.answer_first: Callable[[str], Answer | None] = lambda path: None
        self.token = "hf_good"
        self.search_takes_words = True
        self.has_ranges = True
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

    def __enter__(self) -> MetadataHub:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

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
        for repo in self.repos.values():
            name = repo.name.lower()
            matches = all(word in name for word in words.split()) if self.search_takes_words else words in name
            has_tag = all(tag in repo.tags for tag in query.get("filter", []))
            author = query.get("author", [repo.name.partition("/")[0]])[0]
            if matches and has_tag and author == repo.name.partition("/")[0] and not repo.private:
                found.append(repo.info("main", blobs=False))
        return as_json(found[: int(query.get("limit", ["1000"])[0])])

    def _of_repo(self, path: str, query: dict[str, list[str]], authorization: str | None, wanted: str | None) -> Answer:
        parts = [unquote(part) for part in path.strip("/").split("/")]
        is_api = parts[:2] == ["api", "models"]
        parts = parts[2:] if is_api else parts
        repo = self.repos.get("/".join(parts[:2]))
        is_known = authorization == f"Bearer {self.token}"
        if repo is None or (repo.private and not is_known):
            return refused(404 if is_known else 401, "RepoNotFound")
        if is_api and parts[2:] == ["refs"]:
            branches = [
                {"name": name, "ref": f"refs/heads/{name}", "targetCommit": repo.commit(name)} for name in repo.branches
            ]
            return as_json({"branches": branches, "converts": [], "tags": []})
        if is_api:
            revision = parts[3] if parts[2:3] == ["revision"] else "main"
            if repo.files(revision) is None:
                return refused(404, "RevisionNotFound")
            return as_json(repo.info(revision, blobs="blobs" in query))
        if repo.gated and not is_known:
            return refused(401, "GatedRepo")
        files = repo.files(parts[3])
        name = "/".join(parts[4:])
        if files is None or name not in files:
            return refused(404, "EntryNotFound")
        return self._file(files[name], wanted)

    def _file(self, data: bytes, wanted: str | None) -> Answer:
        if not wanted or not self.has_ranges:
            return 200, {}, data
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        start, end = int(first), min(int(last), len(data) - 1)
        return 206, {"Content-Range": f"bytes {start}-{end}/{len(data)}"}, data[start : end + 1]


def as_json(value: Any) -> Answer:
    return 200, {"Content-Type": "application/json"}, json.dumps(value).encode()


def refused(status: int, code: str = "", **headers: str) -> Answer:
    extra = {"X-Error-Code": code} if code else {}
    return status, {**extra, **{name.replace("_", "-"): value for name, value in headers.items()}}, b""
