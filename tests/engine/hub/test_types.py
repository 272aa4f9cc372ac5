from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.hub.errors import BadNameError
from engine.hub.types import RepoFile, RepoId, RepoRef, Variant, check_path, is_needed

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("text", "repo", "branch"),
    [
        ("turboderp/Qwen3-32B-exl3", "turboderp/Qwen3-32B-exl3", None),
        ("  turboderp/Qwen3-32B-exl3@4.0bpw\n", "turboderp/Qwen3-32B-exl3", "4.0bpw"),
        ("a/b@feature/x", "a/b", "feature/x"),
        ("https://huggingface.co/a/b", "a/b", None),
        ("huggingface.co/a/b/", "a/b", None),
        ("https://hf.co/a/b?library=x#files", "a/b", None),
        ("https://huggingface.co/a/b/tree/4.0bpw", "a/b", "4.0bpw"),
        ("https://huggingface.co/a/b/tree/feature%2Fx/sub", "a/b", "feature/x"),
        ("https://huggingface.co/a/b/blob/2.75bpw_H5/config.json", "a/b", "2.75bpw_H5"),
        ("https://huggingface.co/a/b/discussions/3", "a/b", None),
        ("https://huggingface.co/models/a/b", "a/b", None),
        ("https://huggingface.co/a/b.git", "a/b", None),
        ("http://mirror.example:8080/a/b/tree/H8-4.0BPW", "a/b", "H8-4.0BPW"),
    ],
)
def test_what_people_paste(text: str, repo: str, branch: str | None) -> None:
    ref = RepoRef.parse(text, hosts=("huggingface.co", "hf.co", "mirror.example:8080"))
    assert (str(ref.repo), ref.branch) == (repo, branch)


@pytest.mark.parametrize(
    "text",
    [
        "", "  ", "name", "a/b/c", "a/../b", "../a", "a/b@", "a/b@-x", "a/b@x..y", "a/b@x y", "https://example.com/a/b",
        "https://huggingface.co/datasets/a/b", "https://huggingface.co/a", "https://huggingface.co/spaces/a/b",
        "a/.hidden", "a b/c", "a/b\x00c", "https://[bad/a/b", "é/b", "a/" + "b" * 97,
    ],
)  # fmt: skip
def test_what_is_no_repository(text: str) -> None:
    with pytest.raises(BadNameError) as caught:
        RepoRef.parse(text)
    assert caught.value.way_out


@given(st.text(max_size=60))
def test_any_text_is_a_repository_or_a_bad_name(text: str) -> None:
    try:
        ref = RepoRef.parse(text)
    except BadNameError:
        return
    assert RepoRef.parse(str(ref)) == ref


@pytest.mark.parametrize(
    "path",
    ["../x", "/x", "a//b", "a/../b", "a\\b", "c:x", "a/./b", "nul", "a/CON.txt", "x.", "x ", "a\nb", "", "a*b", "a/"],
)
def test_paths_that_lead_out_or_cannot_be_stored(path: str) -> None:
    with pytest.raises(BadNameError):
        check_path(path)
    with pytest.raises(BadNameError):
        RepoFile(path, 1)


def test_good_paths() -> None:
    for path in ("config.json", "sub/model-00001-of-00002.safetensors", ".gitattributes", "a b/ü.json", "console.json"):
        check_path(path)


def test_repository_names_are_checked() -> None:
    assert str(RepoId("org", "Model.v1_x-2")) == "org/Model.v1_x-2"
    with pytest.raises(BadNameError):
        RepoId("org", "..")


def test_a_variant_knows_what_to_download() -> None:
    files = [
        RepoFile("README.md", 10),
        RepoFile("config.json", 20),
        RepoFile("chat_template.jinja", 5),
        RepoFile("measurement.json", 1000),
        RepoFile("original/consolidated.safetensors", 9000),
        RepoFile("model-00001-of-00002.safetensors", 300, "a" * 64, None, is_lfs=True),
        RepoFile("model-00002-of-00002.safetensors", 200, "b" * 64, None, is_lfs=True),
        RepoFile(".gitattributes", 3),
        RepoFile("model.gguf", 7000),
    ]
    variant = Variant(RepoId("a", "b"), "4.0bpw", COMMIT, tuple(files))
    assert [file.path for file in variant.download_files] == [
        "config.json",
        "chat_template.jinja",
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
    ]
    assert variant.download_bytes == 525
    assert not is_needed("images/plot.safetensors")
    with pytest.raises(BadNameError):
        Variant(RepoId("a", "b"), "main", "not a commit")
