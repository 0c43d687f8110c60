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
from nst.settings import counted

#: The sample images of a new grid, and where they come from.
_SAMPLES = {
    "photos/lake.jpg": "content/lake.jpg",
    "photos/still_life.jpg": "content/still_life.jpg",
    "paintings/wave.jpg": "style/wave.jpg",
    "paintings/swirls.jpg": "style/swirls.jpg",
}
_FOLDERS = ("photos", "paintings")
#: The files of a new grid, as they are in this package.
_FILES = ("Snakefile", "config/config.yaml", "config/manifest.csv")


@click.command()
@click.argument("folder", type=PATH)
@click.option("--samples/--no-samples", default=True, show_default=True, help="Copy four sample images.")
def command(folder: Path, samples: bool) -> None:
    """Write configuration, manifest and Snakefile of a new grid to FOLDER.

    Existing images in FOLDER/photos and FOLDER/paintings are kept, and then there are no samples.
    """
    profile = shipped.profile(str(shipped.folder() / "profiles/default"))
    files = {name: resources.files("nst.commands").joinpath(f"project/{name}").read_bytes() for name in _FILES}
    files |= {f"profiles/default/{path.name}": path.read_bytes() for path in profile.glob("*.yaml")}
    if present := [name for name in files if exists(folder / name)]:
        raise NstError(f"{folder}: has {', '.join(present)} already; choose another folder")
    for name, content in files.items():
        with replacing(folder / name) as temporary:
            temporary.write_bytes(content)
    own = [path for name in _FOLDERS if (folder / name).is_dir() for path in (folder / name).iterdir()]
    samples = samples and not own
    for name, source in _SAMPLES.items() if samples else ():
        with replacing(folder / name) as temporary:
            shutil.copyfile(shipped.folder() / "data" / source, temporary)
    for name in _FOLDERS:
        (folder / name).mkdir(exist_ok=True)
    click.echo(f"{folder}: every image in photos/ will be stylized with every image in paintings/")
    advice = "put your images there"
    if own:
        advice = f"{counted(len(own), 'file')} there already; add more if you like"
    elif samples:
        advice = "replace the two samples in each by your images, or keep them"
    change = "" if folder.resolve() == Path.cwd() else f"cd {shlex.quote(str(folder))} && "
    click.echo(f"next      {advice}, then: {change}nst run")
    click.echo("          (before it, nst grid shows the images and how long they take)")
