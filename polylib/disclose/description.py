"""What is said of a data set, once: sources, columns, files, biases, uses; its documents are made from it.

It knows what it is told: it reads no table, and it cannot know whether a stated licence, bias or use
is true. How a document looks is in `croissant`.
"""

import re
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from polylib.errors import PolylibError
from polylib.files import sha256_file
from polylib.show.words import plain
from polylib.tables import Row

# SPDX identifiers that the hub has a word for; any other licence is `other` there, with its text beside it.
LICENCES = {
    "Apache-2.0": "apache-2.0", "CC-BY-4.0": "cc-by-4.0", "CC-BY-SA-4.0": "cc-by-sa-4.0", "CC0-1.0": "cc0-1.0",
    "CC-BY-NC-4.0": "cc-by-nc-4.0", "CC-BY-NC-SA-4.0": "cc-by-nc-sa-4.0", "CC-BY-3.0": "cc-by-3.0", "MIT": "mit",
    "ODC-By-1.0": "odc-by", "ODbL-1.0": "odbl", "PDDL-1.0": "pddl", "BSD-3-Clause": "bsd-3-clause",
}  # fmt: skip
TAGS = ("political", "political-stance", "research-only")
DELIBERATELY_BIASED = "deliberately-biased"
ColumnType = Literal["sc:Text", "sc:Integer", "sc:Float", "sc:Boolean"]
Annotator = Literal["found", "crowdsourced", "expert-generated", "machine-generated", "no-annotation", "other"]
_TYPES: dict[type, ColumnType] = {str: "sc:Text", int: "sc:Integer", float: "sc:Float", bool: "sc:Boolean"}


def _one_line(text: str) -> str:
    # Some line ends (U+0085, U+2028) do not survive every YAML reader, and no value here needs any.
    words = " ".join(text.split())
    if not words:
        raise ValueError("says nothing")
    return words


Said = Annotated[str, AfterValidator(_one_line)]


class _Facts(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceFacts(_Facts):
    """One source as it is in the data set: whose texts, how their side was found, how many per side.

    own: written for this data set, not taken from elsewhere. A source with two ways of labelling, or
    two licences, is two of these.
    """

    name: Said
    licence: Said
    label_origin: Said
    progressive: int = Field(0, ge=0)
    conservative: int = Field(0, ge=0)
    unlabelled: int = Field(0, ge=0)
    own: bool = False


class Column(_Facts):
    """One column of the records file; array: each cell is a list of that type."""

    name: Said
    description: Said
    type: ColumnType
    array: bool = False


class DataFile(_Facts):
    """One file of the data set, by its name below the data set's folder; size in bytes."""

    name: str = Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(ge=0)


class DatasetDescription(_Facts):
    """Everything the documents say of a data set of political texts.

    licence: an SPDX identifier or, where several apply, words; version: MAJOR.MINOR.PATCH; date: day
    of making; records: the file the columns are of, one of `files`; deliberately_biased: made to
    move a model to one side (a data set with texts of one side only is, whatever is said here).
    """

    name: Said
    description: Said
    licence: Said
    date: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    version: str = Field(pattern=r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$")
    sources: tuple[SourceFacts, ...] = Field(min_length=1)
    columns: tuple[Column, ...] = Field(min_length=1)
    files: tuple[DataFile, ...] = Field(min_length=1)
    records: str = "records.parquet"
    collection: Said
    processing: tuple[Said, ...] = ()
    biases: tuple[Said, ...] = Field(min_length=1)
    limitations: tuple[Said, ...] = Field(min_length=1)
    personal_information: Said
    intended_uses: tuple[Said, ...] = Field(min_length=1)
    prohibited_uses: tuple[Said, ...] = Field(min_length=1)
    languages: tuple[Annotated[str, Field(pattern=r"^[a-z]{2,3}$")], ...] = Field(("en",), min_length=1)
    tasks: tuple[Said, ...] = ("text-generation", "text-classification")
    annotators: tuple[Annotator, ...] = ("found",)
    creator: Said = "The Polylib authors"
    url: str = Field("", pattern=r"^(https?://\S+)?$")
    deliberately_biased: bool = False

    @model_validator(mode="after")
    def _holds_together(self) -> "DatasetDescription":
        names = [file.name for file in self.files]
        if self.records not in names:
            raise ValueError(f"`{self.records}` is not among the files ({', '.join(names)})")
        for kind, listed in (("file", names), ("column", [column.name for column in self.columns])):
            if len(set(listed)) < len(listed):
                raise ValueError(f"a {kind} is named twice")
        return self

    @property
    def progressive(self) -> int:
        """Number of texts labelled progressive."""
        return sum(source.progressive for source in self.sources)

    @property
    def conservative(self) -> int:
        """Number of texts labelled conservative."""
        return sum(source.conservative for source in self.sources)

    @property
    def total(self) -> int:
        """Number of texts, labelled or not."""
        return self.progressive + self.conservative + sum(source.unlabelled for source in self.sources)

    @property
    def tags(self) -> tuple[str, ...]:
        """Words to be found by, the same in both documents."""
        one_sided = (self.progressive == 0) != (self.conservative == 0)
        return (*TAGS, DELIBERATELY_BIASED) if self.deliberately_biased or one_sided else TAGS

    @property
    def spdx(self) -> str:
        """The SPDX identifier of the licence in its own spelling, empty where it has none that is known here."""
        return next((name for name in LICENCES if name.lower() == self.licence.lower()), "")


def describe_file(folder: Path, name: str) -> DataFile:
    """Return the entry of the file `name` below `folder`: SHA-256 and size.

    Raises PolylibError where it cannot be read.
    """
    path = Path(folder) / name
    try:
        return DataFile(name=name, sha256=sha256_file(path), size=path.stat().st_size)
    except OSError as error:
        raise PolylibError(str(path), f"cannot be read ({error.strerror})", remedy="write the table first") from error


def columns_of(model: type[Row], said: Mapping[str, str] | None = None) -> tuple[Column, ...]:
    """Return the columns of a table from its row model.

    said: column to its description; else the field's own description, else what the model's
    docstring says in the form `column: what it is;`, else the name in words. Raises PolylibError
    for a column of a type that Croissant has no word for.
    """
    hints = typing.get_type_hints(model)
    columns = []
    for name, field in model.model_fields.items():
        kind, array = _column_type(hints[name], f"{model.__name__}.{name}")
        words = (said or {}).get(name) or field.description or _from_docstring(model, name) or plain(name)
        columns.append(Column(name=name, description=words, type=kind, array=array))
    return tuple(columns)


def _column_type(hint: Any, item: str) -> tuple[ColumnType, bool]:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        inner = tuple(part for part in inner if part is not type(None))
        if len(inner) == 1:
            return _column_type(inner[0], item)
    elif origin in (tuple, list) and len({part for part in inner if part is not Ellipsis}) == 1:
        kind, nested = _column_type(inner[0], item)
        if not nested:
            return kind, True
    elif origin is Literal and len({type(value) for value in inner}) == 1:
        return _column_type(type(inner[0]), item)
    elif hint in _TYPES:
        return _TYPES[hint], False
    raise PolylibError(item, f"type {hint} has no Croissant type", allowed="text, numbers, booleans and lists of them")


def _from_docstring(model: type[Row], name: str) -> str:
    text = " ".join((model.__doc__ or "").split())
    others = "|".join(map(re.escape, model.model_fields))
    found = re.search(rf"(?:^|[.;] ){re.escape(name)}: (.+?)(?=; (?:{others}): |\. |\.?$)", text)
    return found[1].replace("`", "") if found else ""
