"""What `make` says when it cannot install."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")


@pytest.fixture
def making(tmp_path):
    """Return what `make up` says where uv fails with some words."""

    def make(words):
        (tmp_path / "bin").mkdir(exist_ok=True)
        uv = tmp_path / "bin" / "uv"
        uv.write_text(f"#!/bin/sh\necho '{words}' >&2\nexit 2\n")
        uv.chmod(0o755)
        command = ["make", "-s", "up", f"VENV={tmp_path}", "PIP_INDEX_URL=http://index.example"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
        assert done.returncode != 0
        return done.stdout

    return make


def test_an_index_that_is_out_of_reach_is_a_sentence_with_what_to_set(making):
    said = making("error: Failed to fetch: `http://index.example/uv/`\n  Caused by: a long story")
    assert said.count("\n") == 1
    assert "can be reached at http://index.example" in said
    assert "PIP_INDEX_URL" in said
    assert "long story" not in said


def test_any_other_failure_is_told_as_it_is(making):
    assert making("error: the hashes differ") == "error: the hashes differ\n"
