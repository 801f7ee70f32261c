"""The one record that all documents of a study are written from, so that no two can disagree.

It knows what is said, not where it was found (`gather`) nor how a document looks. It is plain data:
`record.json` holds all of it, and reading that gives the same documents again.
"""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from polylib.disclose.description import Column, DataFile
from polylib.disclose.label import Label
from polylib.errors import PolylibError
from polylib.files import read_json

RECORD_FILE = "record.json"


class _Said(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AdapterFacts(_Said):
    """What the cards say about one adapter; the label carries its measured strength."""

    label: Label
    guard: dict[str, Any]
    parameters: dict[str, Any]
    versions: dict[str, str]


class DataFacts(_Said):
    """What the documents say about the tuning data.

    examples: number by condition and format; pairs: number by source; licences, origins: of the curated texts,
    origins saying how a text's side was found; own: all texts were written for this project; teachers: language
    models that rewrote pairs; file: the examples table.
    """

    examples: dict[str, dict[str, int]]
    pairs: dict[str, int]
    licences: tuple[str, ...]
    origins: tuple[str, ...]
    own: bool
    teachers: tuple[str, ...] = ()
    trained_issues: tuple[str, ...]
    held_out_issues: tuple[str, ...]
    columns: tuple[Column, ...]
    file: DataFile


class Audit(_Said):
    """One measurement and audit of one adapter, a line of its history.

    id: of the weights and of the executions of stages 70 and 80, so that looking at the same audit twice is one audit;
    date: when it ended, UTC; score: lean on held-out issues with interval, positive = conservative; honest: share of
    honest answers about itself in percent, null where not measured; verdicts: how many quantities got which.
    """

    id: str = Field(pattern=r"^[0-9a-f]{16}$")
    adapter: str
    weights_sha256: str
    run: str
    date: str
    score: float | None
    low: float | None
    high: float | None
    n_issues: int
    honest: float | None
    verdicts: dict[str, int]
    worse: tuple[str, ...]


class Release(_Said):
    """When and where a study was published: date as YYYY-MM-DD, location an address or empty for a folder.

    run: the run that was published; commit: of the code that made it, empty where unknown.
    """

    date: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    location: str = Field("", pattern=r"^(https?://\S+)?$")
    run: str
    commit: str = ""


class StudyRecord(_Said):
    """Everything the documents of one study say.

    stance, shift: tables of stage 70; verdicts, margins, left_out, self_disclosure: of stage 80, the last empty where
    it was not measured; history: audits of each adapter, the oldest first; release: null until it is published.
    """

    title: str
    contact: str
    licence: str
    finding: str
    adapters: dict[str, AdapterFacts]
    data: DataFacts
    stance: tuple[dict[str, Any], ...]
    shift: tuple[dict[str, Any], ...]
    verdicts: tuple[dict[str, Any], ...]
    margins: tuple[dict[str, Any], ...]
    left_out: tuple[dict[str, Any], ...]
    self_disclosure: tuple[dict[str, Any], ...]
    history: dict[str, tuple[Audit, ...]] = {}
    release: Release | None = None

    @property
    def released(self) -> Release:
        """Return the release; raises PolylibError where there is none, since some documents must carry a date."""
        if self.release is None:
            raise PolylibError(f"study {self.title!r}", "has no date of release", remedy="use `polylib publish`")
        return self.release


def read_record(path: Path) -> StudyRecord:
    """Read a `record.json`; raises PolylibError naming the file and the field that is wrong."""
    try:
        return StudyRecord.model_validate(read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise PolylibError(
            f"{path}: {where}", f"is no record of a study: {first['msg']}", remedy="run stage 95 again"
        ) from error
