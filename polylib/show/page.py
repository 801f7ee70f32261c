"""Pages that can be trusted: one self-contained file each, no script, nothing fetched.

It knows templates and the content-security policy, not what a page says. Every template escapes
what it is given; only `prose` makes text that templates take as HTML.
"""

import base64
import json
import struct
import warnings
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polylib.files import write_text
from polylib.show.data import cell
from polylib.show.words import plain

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

# Styles are inline and images are data; everything else is refused, so that a script which slipped
# into a page does not run and a reader's machine is never made to ask for anything.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
SIZE_WARNING = 3_000_000  # bytes
_TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, **context: Any) -> str:
    """Fill a template of `show/templates`; every value is escaped unless it is Markup.

    Raises jinja2.UndefinedError where a value that the template needs is not given.
    """
    return environment().get_template(template).render(policy=POLICY, **context)


def write_page(path: Path, html: str) -> None:
    """Write a page atomically, and warn where it is larger than a reader should have to load."""
    size = len(html.encode("utf-8"))
    if size > SIZE_WARNING:
        warnings.warn(f"{path.name} has {size / 1e6:.1f} MB, more than the 3 MB a page should have", stacklevel=2)
    write_text(path, html)


@lru_cache(maxsize=1)
def environment() -> "Environment":
    """Return the template environment: escaping on, a missing value is an error."""
    from markupsafe import Markup

    made = open_templates(_TEMPLATES)
    made.globals["css"] = Markup((_TEMPLATES / "style.css").read_text(encoding="utf-8"))
    made.filters["duration"] = duration
    made.filters["number"] = cell
    made.filters["inline"] = inline
    made.filters["plain"] = plain
    made.filters["literal"] = lambda value: json.dumps(value, ensure_ascii=False, default=str)
    return made


def open_templates(folder: Path) -> "Environment":
    """Return an environment of the templates in `folder`: escaping on, a missing value is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip


def png_uri(png: bytes) -> str:
    """Return PNG bytes as a data URI."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def png_size(png: bytes) -> tuple[int, int]:
    """Return (width, height) in pixels from a PNG's header; (0, 0) where it is not a PNG."""
    if png[:8] != b"\x89PNG\r\n\x1a\n" or len(png) < 24:
        return 0, 0
    width, height = struct.unpack(">II", png[16:24])
    return int(width), int(height)


def duration(seconds: float | None) -> str:
    """Write seconds as a reader says them: `8.2 s`, `2 min 05 s`, `1 h 02 min`; None is an empty text."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def inline(text: str) -> "Markup":
    """Escape a line of text and set what stands between backticks as code."""
    from markupsafe import Markup, escape

    code = (str(escape(part)) if turn % 2 == 0 else f"<code>{escape(part)}</code>" for turn, part in _parts(text))
    return Markup("".join(code))


def _parts(text: str) -> list[tuple[int, str]]:
    parts = text.split("`")
    return list(enumerate(parts)) if len(parts) % 2 else [(0, text)]  # an odd backtick is only a backtick


def anchor(text: str) -> str:
    """Turn a heading into an anchor: ASCII letters and digits joined by hyphens."""
    kept = "".join(letter if letter.isascii() and letter.isalnum() else " " for letter in text.lower())
    return "-".join(kept.split()) or "section"
