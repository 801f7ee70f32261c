"""A run that was handed on: whole without its notebooks and figures, and closed in itself."""

import re
from pathlib import Path

import pytest

from polylib.errors import PolylibError
from polylib.show.handout import write_handout


@pytest.fixture(scope="module")
def handout(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_handout(finished, tmp_path_factory.mktemp("handed") / "on").parent


def test_every_link_leads_to_something_inside(handout: Path) -> None:
    pages = sorted(handout.rglob("*.html"))
    assert len(pages) > 2
    for page in pages:
        for link in re.findall(r'href="([^"#]+)', page.read_text(encoding="utf-8")):
            assert link.startswith("data:") or (page.parent / link).resolve().is_relative_to(handout), link
            assert link.startswith("data:") or (page.parent / link).is_file(), link


def test_the_words_of_a_cut_link_stay(handout: Path) -> None:
    page = (handout / "index.html").read_text(encoding="utf-8")
    assert "All runs" in page
    assert ">All runs</a>" not in page


def test_notebooks_and_figures_stay_behind(finished: Path, handout: Path) -> None:
    assert list(finished.glob("*.ipynb"))
    assert not list(handout.rglob("*.ipynb"))
    assert not (handout / "figures").exists()


def test_nothing_that_is_there_is_written_over(finished: Path, tmp_path: Path) -> None:
    with pytest.raises(PolylibError, match="is there already"):
        write_handout(finished, tmp_path)


def test_a_folder_without_a_report_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolylibError, match="has no report"):
        write_handout(tmp_path, tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(finished: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PolylibError, match=r"file/new: cannot be written"):
        write_handout(finished, tmp_path / "file" / "new")
