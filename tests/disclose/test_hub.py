"""The hub: what is sent is what lies in the folder, with the user's token from the environment and nothing else."""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from polylib.disclose.hub import open_hub
from polylib.errors import PolylibError
from polylib.files import hash_folder, sha256_bytes
from polylib.verbs.publish import publish as verb
from tests.disclose.simulated import make_run

SECRET = "hf_simulated_token"


class Hub(ThreadingHTTPServer):
    """The part of a hub that takes one commit, on this machine; refuses any token but `SECRET`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.made: list[dict[str, Any]] = []
        self.commits: list[list[dict[str, Any]]] = []
        self.refuse = False

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answers(BaseHTTPRequestHandler):
    """Answers as the hub's interface does."""

    server: Hub

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Authorization") != f"Bearer {SECRET}" or self.server.refuse:
            self.say({"error": "no right to write"}, 403)
        elif self.path == "/api/repos/create":
            self.server.made.append(json.loads(body))
            self.say({"url": f"{self.server.address}/me/study"})
        elif self.path == "/api/validate-yaml":
            self.say({"errors": [], "warnings": []})
        elif self.path.endswith("/preupload/main"):
            files = [{"path": one["path"], "uploadMode": "regular", "shouldIgnore": False, "oid": None}
                     for one in json.loads(body)["files"]]  # fmt: skip
            self.say({"files": files})
        elif self.path.startswith("/api/models/me/study/commit/main"):
            self.server.commits.append([json.loads(line) for line in body.splitlines()])
            self.say({"commitOid": "c0ffee", "commitUrl": f"{self.server.address}/me/study/commit/c0ffee"})
        else:
            self.say({"error": "unknown"}, 404)

    def do_GET(self) -> None:
        self.say({"error": "unknown"}, 404)

    def say(self, answer: dict[str, Any], status: int = 200) -> None:
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub on this machine that the client library takes for the only one."""
    from huggingface_hub import constants

    server = Hub()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    monkeypatch.setattr(constants, "ENDPOINT", server.address)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_TOKEN", SECRET)
    yield server
    server.shutdown()
    server.server_close()


def asked(*arguments: str) -> Any:
    """Run the verb as the command line does."""
    app = typer.Typer()
    app.command()(verb)
    return CliRunner().invoke(app, list(arguments))


def test_the_whole_folder_arrives_in_one_commit_of_a_private_repository(tmp_path: Path, hub: Hub) -> None:
    target = tmp_path / "out"
    said = asked(str(make_run(tmp_path / "reports")), "--to", str(target), "--hub", "me/study", "--date", "2026-11-23")
    assert said.output.splitlines() == [str(target), f"{hub.address}/me/study/commit/c0ffee"]
    assert [(one["name"], one["visibility"]) for one in hub.made] == [("study", "private")]
    (commit,) = hub.commits
    sent = {line["value"]["path"]: sha256_bytes(base64.b64decode(line["value"]["content"]))
            for line in commit if line["key"] == "file"}  # fmt: skip
    assert sent == hash_folder(target)
    assert SECRET not in json.dumps(commit)
    assert not any(SECRET.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    place = f"{hub.address}/me/study/tree/main/progressive"
    assert place in (target / "progressive" / "spdx.json").read_text()


def test_a_hub_that_refuses_is_told_without_the_token_and_the_folder_stays(tmp_path: Path, hub: Hub) -> None:
    hub.refuse = True
    target = tmp_path / "out"
    said = asked(str(make_run(tmp_path / "reports")), "--to", str(target), "--hub", "me/study")
    assert isinstance(said.exception, PolylibError)
    assert "did not take the folder" in str(said.exception)
    assert SECRET not in str(said.exception)
    assert (target / "README.md").is_file()


@pytest.mark.parametrize("token", ["", "  "])
def test_without_a_token_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    monkeypatch.setenv("HF_TOKEN", token)
    said = asked(str(make_run(tmp_path / "reports")), "--to", str(tmp_path / "out"), "--hub", "me/study")
    assert "HF_TOKEN: is not set" in str(said.exception)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["../me", "me/study/deep", "a b/c", "--x"])
def test_a_name_that_is_no_repository_is_refused_before_anything_is_written(
    tmp_path: Path, hub: Hub, name: str
) -> None:
    said = asked(str(make_run(tmp_path / "reports")), "--to", str(tmp_path / "out"), f"--hub={name}")
    assert "is no name of a repository" in str(said.exception)
    assert not (tmp_path / "out").exists()
    assert hub.made == []


def test_the_token_is_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", SECRET)
    assert open_hub().token == SECRET
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(PolylibError, match="is not set"):
        open_hub()
