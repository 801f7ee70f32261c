"""Where a server finds its adapters, what it binds, and how it ends."""

import http.client
import json
import shutil
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polylib.errors import PolylibError
from polylib.serve.catalogue import Catalogue, bundles_of, open_catalogue
from polylib.serve.offers import BASE_BANNER
from polylib.serve.server import serve_catalogue


def run_folder(bundles: Path, reports: Path, folder: str = "../.stages/last") -> Path:
    """Write a run whose last finished stage wrote bundles."""
    shutil.copytree(bundles, reports / ".stages" / "last")
    (reports / "run").mkdir()
    stages = [
        {"state": "finished", "folder": "../.stages/first"},
        {"state": "finished", "folder": folder},
        {"state": "failed", "folder": "/"},
        {"state": "blocked"},
    ]
    (reports / "run" / "manifest.json").write_text(json.dumps({"stages": stages}))
    return reports / "run"


def test_bundles_are_found_in_a_run_a_stage_and_a_folder(bundles: Path, tmp_path: Path) -> None:
    run = run_folder(bundles, tmp_path / "reports")
    for folder in (run, bundles, bundles / "bundles"):
        found = bundles_of(folder)
        assert list(found) == ["placebo", "progressive", "conservative"]
        assert all((path / "disclosure.json").is_file() for path in found.values())


@pytest.mark.parametrize("place", ["/", "../..", "../../elsewhere"])
def test_a_run_cannot_lead_elsewhere(bundles: Path, tmp_path: Path, place: str) -> None:
    run = run_folder(bundles, tmp_path / "reports", place)
    with pytest.raises(PolylibError, match="outside"):
        bundles_of(run)


def test_what_is_no_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(PolylibError, match="holds no folder"):
        bundles_of(tmp_path / "nothing")
    (tmp_path / "manifest.json").write_text("[]")
    with pytest.raises(PolylibError, match="not the record"):
        bundles_of(tmp_path)


def test_one_side_alone_has_no_blend(bundles: Path, tmp_path: Path) -> None:
    shutil.copytree(bundles / "bundles" / "progressive", tmp_path / "progressive")
    catalogue = open_catalogue(tmp_path)
    assert catalogue.names == ("base", "progressive")
    assert catalogue.find("blend:0.5") is None
    assert catalogue.find("conservative") is None


def test_another_base_is_refused(bundles: Path) -> None:
    with pytest.raises(PolylibError, match="base_sha256"):
        open_catalogue(bundles, model="reference")


def test_what_was_loaded_must_have_a_label(catalogue: Catalogue) -> None:
    with pytest.raises(PolylibError, match="its label"):
        Catalogue(catalogue.loaded, {})


def test_the_base_is_not_called_neutral(catalogue: Catalogue) -> None:
    offer = catalogue.find("base")
    assert offer is not None
    assert offer.banner == BASE_BANNER
    assert offer.header == "none"
    assert "Not neutral" in offer.banner


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", -1), ("127.0.0.1", 70_000), ("192.0.2.1", 0)])
def test_an_impossible_address_is_refused(catalogue: Catalogue, host: str, port: int) -> None:
    with pytest.raises(PolylibError, match="cannot be used"):
        serve_catalogue(catalogue, lambda _: None, lambda _: None, port, host)


def test_a_taken_port_is_refused(catalogue: Catalogue) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(PolylibError, match="cannot be used"):
            serve_catalogue(catalogue, lambda _: None, lambda _: None, taken.getsockname()[1])


def test_it_listens_on_this_machine_alone_and_ctrl_c_ends_it_amid_a_stream(start: Callable[..., Any]) -> None:
    server = start(0.5)
    psutil = pytest.importorskip("psutil")
    listening = [one.laddr.ip for one in psutil.Process(server.process.pid).net_connections() if one.status == "LISTEN"]
    assert listening == ["127.0.0.1"]
    replies: list[Any] = []

    def ask() -> None:
        try:
            replies.append(server.chat("base", stream=True, temperature=2, max_tokens=400, seed=3))
        except http.client.HTTPException as error:
            replies.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(1)
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 12
    asking.join(10)
    assert not asking.is_alive()
    assert isinstance(replies[0], http.client.IncompleteRead)
    assert "Traceback" not in server.errors.read_text()
