"""Sends a published folder to a model hub, with the user's own token and nobody else's.

It knows one client library and that the token comes from the environment alone. A new repository is private: who may
see a deliberately biased model is for its owner to decide there.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from polylib.errors import PolylibError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

TOKEN = "HF_TOKEN"


def open_hub() -> "HfApi":
    """Return the hub's client with the token of the environment. Raises PolylibError where there is none."""
    from huggingface_hub import HfApi

    token = os.environ.get(TOKEN, "").strip()
    if not token:
        raise PolylibError(
            f"environment variable {TOKEN}", "is not set", remedy="set it to a token that may write to the hub"
        )
    return HfApi(token=token)


def hub_address(api: "HfApi", repository: str) -> str:
    """Return where a repository is found. Raises PolylibError where `repository` is no name of one."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils._validators import validate_repo_id

    try:
        validate_repo_id(repository)
    except HFValidationError as error:
        raise PolylibError(
            f"--hub {repository!r}", "is no name of a repository", allowed="OWNER/NAME", remedy="name one of yours"
        ) from error
    return f"{api.endpoint.rstrip('/')}/{repository}"


def upload(folder: Path, repository: str, api: "HfApi", message: str) -> str:
    """Send a published folder to a repository in one commit and return the commit's address.

    A repository that has to be made is private; files of other names in one that is there stay. PolylibError where the
    hub refuses or cannot be reached; the folder stays as it is.
    """
    from httpx import HTTPError

    try:
        api.create_repo(repository, repo_type="model", private=True, exist_ok=True)
        commit = api.upload_folder(repo_id=repository, folder_path=folder, repo_type="model", commit_message=message)
    except (HTTPError, OSError, ValueError) as error:
        first = (str(error).splitlines() or ["no reason given"])[0]
        raise PolylibError(
            f"hub repository {repository}", f"did not take the folder ({type(error).__name__}: {first})",
            remedy="check the name and what the token may do, then publish to another folder; this one is whole",
        ) from error  # fmt: skip
    return str(commit.commit_url)
