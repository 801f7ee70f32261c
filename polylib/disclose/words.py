"""How labels, cards and what was written are shown in a notebook; it knows their text, not their making."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from polylib.disclose.bundle import BUNDLES, CARDS
from polylib.disclose.gaps import missing_audits
from polylib.disclose.label import Label
from polylib.disclose.record import RECORD_FILE, StudyRecord
from polylib.files import sha256_file


def label_rows(labels: Mapping[str, Label]) -> list[dict[str, Any]]:
    """Return one row per label: leaning, measured strength with interval, banner, shortened hashes.

    Numbers are None where the adapter could not be measured.
    """
    return [
        {
            "adapter": name,
            "political_lean": label.political_lean,
            "score": label.strength.score if label.strength else None,
            "low": label.strength.low if label.strength else None,
            "high": label.strength.high if label.strength else None,
            "n_issues": label.strength.n if label.strength else None,
            "banner": label.banner,
            "base_model": label.base_model,
            "weights_sha256": label.weights_sha256[:12],
        }
        for name, label in labels.items()
    ]


def without_head(card: str) -> str:
    """Return a card without the YAML block that model hubs read, its headings one level down."""
    body = card.split("---\n", 2)[2].strip() if card.startswith("---\n") else card
    lines, code = [], False
    for line in body.splitlines():
        code ^= line.startswith("```")
        lines.append(f"#{line}" if line.startswith("#") and not code else line)
    return "\n".join(lines)


def gap_rows(record: StudyRecord) -> list[dict[str, Any]]:
    """Return one row per audit that publishing would miss; one that says so where nothing is missing."""
    return [{"missing": gap} for gap in missing_audits(record)] or [{"missing": "nothing: every audit is there"}]


def written_rows(folder: Path) -> list[dict[str, Any]]:
    """Return one row per document and bundled file below a folder: its place, size in bytes, shortened hash."""
    places = [path for name in (BUNDLES, CARDS, RECORD_FILE) for path in _files(folder / name)]
    return [
        {
            "file": path.relative_to(folder).as_posix(),
            "bytes": path.stat().st_size,
            "sha256": sha256_file(path)[:12],
        }
        for path in places
    ]


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.is_file())
