"""A run to hand on: its pages and tables alone, with no link that leads outside.

Executed notebooks and single figures stay behind: the pages hold the same text and pictures. It knows files and
links; the pages were written by `report`.
"""

import re
import shutil
from pathlib import Path

from polylib.errors import PolylibError
from polylib.files import whole_folder, write_text

TAKEN = ("*.html", "pages/*.html", "tables/*.csv", "cards/*", "manifest.json", "summary.json")
PICTURE = "figures/compass.png"  # stands alone, for whoever shows one picture of the run
_LINK = re.compile(r'<a\b[^>]*?href="(?P<link>[^"#]*)[^"]*"[^>]*>(?P<words>.*?)</a>', re.DOTALL)


def write_handout(run: Path, to: Path) -> Path:
    """Copy the pages and tables of a run into the new folder `to`; return its first page.

    run: a run folder with its report. A link to what stays behind becomes plain text. The folder appears whole or
    not at all. Raises PolylibError where `run` has no report, or `to` is there already or cannot be written.
    """
    run, to = Path(run), Path(to)
    if not (run / "index.html").is_file():
        raise PolylibError(str(run), "has no report", remedy=f"python3 -m polylib report {run}")
    if to.exists():
        raise PolylibError(str(to), "is there already", remedy="name a new folder, or remove this one")
    with whole_folder(to) as folder:
        _fill(folder, run)
    return to / "index.html"


def _fill(folder: Path, run: Path) -> None:
    for source in sorted(path for pattern in TAKEN for path in run.glob(pattern) if path.is_file()):
        place = folder / source.relative_to(run)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, place)
    if (run / PICTURE).is_file():
        shutil.copyfile(run / PICTURE, folder / Path(PICTURE).name)
    for page in sorted(folder.rglob("*.html")):
        write_text(page, _closed(page.read_text(encoding="utf-8"), page.parent, folder))


def _closed(text: str, place: Path, folder: Path) -> str:
    """Return a page whose links all lead to something inside `folder`; place: where the page lies."""

    def kept(found: re.Match[str]) -> str:
        link = found["link"]
        target = (place / link).resolve()
        leads = not link or link.startswith("data:") or (target.is_file() and target.is_relative_to(folder.resolve()))
        return found[0] if leads else found["words"]

    return _LINK.sub(kept, text)
