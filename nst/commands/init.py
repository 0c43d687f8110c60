"""`nst init`: write the files of a new grid."""

from __future__ import annotations

import shlex
import shutil
from importlib import resources
from pathlib import Path

import click

from nst.commands.options import PATH
from nst.errors import NstError
from nst.grid import shipped
from nst.io.files import exists, replacing

#: The sample images of a new grid.
_SAMPLES = ("content/lake.jpg", "content/still_life.jpg", "style/wave.jpg", "style/swirls.jpg")
#: The files of a new grid, as they are in this package.
_FILES = ("Snakefile", "config/config.yaml", "config/manifest.csv")


@click.command()
@click.argument("folder", type=PATH)
@click.option("--samples/--no-samples", default=True, show_default=True, help="Copy four sample images.")
def command(folder: Path, samples: bool) -> None:
    """Write configuration, manifest and Snakefile of a new grid to FOLDER.

    Existing images in FOLDER/content and FOLDER/style are kept, and then there are no samples.
    """
    profile = shipped.profile(str(shipped.folder() / "profiles/default"))
    files = {name: resources.files("nst.commands").joinpath(f"project/{name}").read_bytes() for name in _FILES}
    files |= {f"profiles/default/{path.name}": path.read_bytes() for path in profile.glob("*.yaml")}
    if present := [name for name in files if exists(folder / name)]:
        raise NstError(f"{folder}: has {', '.join(present)} already; choose another folder")
    for name, content in files.items():
        with replacing(folder / name) as temporary:
            temporary.write_bytes(content)
    own = [path for kind in ("content", "style") if (folder / kind).is_dir() for path in (folder / kind).iterdir()]
    for name in _SAMPLES if samples and not own else ():
        with replacing(folder / name) as temporary:
            shutil.copyfile(shipped.folder() / "data" / name, temporary)
    for kind in ("content", "style"):
        (folder / kind).mkdir(exist_ok=True)
    click.echo(f"{folder}: every image in content/ will be stylized with every image in style/")
    click.echo(f"next      put your images there, then: cd {shlex.quote(str(folder))} && nst run")
