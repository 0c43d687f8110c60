"""Where the workflow, its profiles and the sample images are: in the repository, or in the installed package."""

from __future__ import annotations

import shlex
from pathlib import Path

from nst.errors import NstError

#: Name of the distribution, for `pip install`.
DISTRIBUTION = "nst-grid"


def folder() -> Path:
    """The folder with workflow/, profiles/ and data/: the repository, or its part that a wheel contains.

    Raises NstError if neither is there.
    """
    package = Path(__file__).resolve().parents[1]
    for each in (package.parent, package / "shipped"):
        if (each / "workflow/Snakefile").is_file():
            return each
    raise NstError(f"the workflow of nst is missing in {package}; install {DISTRIBUTION} again")


def snakefile() -> Path:
    """The Snakefile of the workflow; in the repository the one of its top folder, which includes the workflow's."""
    top = folder() / "Snakefile"
    return top if top.is_file() else folder() / "workflow/Snakefile"


def workflow() -> Path:
    """The Snakefile that another one includes or uses as a module."""
    return folder() / "workflow/Snakefile"


def profile(name: str) -> Path:
    """The folder of a profile: a path, or the name of one in profiles/ of the working directory or of nst.

    Raises NstError if there is none.
    """
    for each in (Path(name), Path("profiles", name), folder() / "profiles" / name, folder() / name):
        if any(each.glob("profile*.yaml")) or any((each / file).is_file() for file in ("config.yaml", "nst.yaml")):
            return each
    raise NstError(f"there is no profile {name!r}; name the folder of one, or use {', '.join(profiles())}")


def profiles() -> list[str]:
    """The names of nst's profiles."""
    return sorted({path.parent.name for path in (folder() / "profiles").glob("*/profile*.yaml")})


def installer(name: str) -> str:
    """The command that installs an optional dependency group: from the repository, or from the package index."""
    place = folder()
    what = str(place) if (place / "pyproject.toml").is_file() else DISTRIBUTION
    return f"pip install {shlex.quote(f'{what}[{name}]')}"
