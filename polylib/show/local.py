"""What the pages have in common that a small server on this machine answers with: look, headers, templates.

It knows what a browser may do with a page; not who may ask for one, nor what it says.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from polylib.show.page import open_templates

if TYPE_CHECKING:
    from jinja2 import Environment

# Of every answer, a page or not, a refusal too.
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # the token in the address stays here, and forms still say their origin
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_LOOK = Path(__file__).parent / "templates" / "local.css"
_POLICY = (
    "default-src 'none'; style-src 'nonce-{0}'; script-src 'nonce-{0}'; connect-src '{1}'; img-src data:; "
    "form-action '{2}'; base-uri 'none'; frame-ancestors 'none'"
)
To = Literal["self", "none"]


def content_policy(nonce: str, connect: To, form: To) -> str:
    """Return the content-security policy of a page: its own style and script by `nonce`, nothing from elsewhere.

    connect: what its script may fetch; form: where its forms may go.
    """
    return _POLICY.format(nonce, connect, form)


def page_templates(folder: Path, style: str = "", **scripts: str) -> "Environment":
    """Return the environment of the templates in `folder`, with the common look as `css`.

    style: name of a file in `folder` that adds to the look; scripts: names of files there, by the name that
    templates call them by.
    """
    from markupsafe import Markup

    made = open_templates(folder)
    looks = [_LOOK, *([folder / style] if style else [])]
    made.globals["css"] = Markup("".join(path.read_text(encoding="utf-8") for path in looks))
    for name, file in scripts.items():
        made.globals[name] = Markup((folder / file).read_text(encoding="utf-8"))
    return made
