"""Files of a run, for the session that owns it."""

from __future__ import annotations

from pathlib import PurePosixPath

import flask

from nst import layout
from nst.studio import archive, progress
from nst.studio.errors import NotFound
from nst.studio.routes.common import send, session, stream, studio
from nst.studio.runs import StudioRun

blueprint = flask.Blueprint("results", __name__)

#: The gallery has a policy of its own in its page, with the hashes of its script and style.
GALLERY_POLICY = "object-src 'none'; frame-ancestors 'none'"


@blueprint.get("/runs/<run_id>/frames/<key>.jpg")
def frame(run_id: str, key: str) -> flask.Response:
    """The newest frame of a pair."""
    run = _run(run_id)
    return send(progress.newest_frame(run, run.pair(key)))


@blueprint.get("/runs/<run_id>/images/<key>/<size>.webp")
def sized(run_id: str, key: str, size: str) -> flask.Response:
    """An image in a size of the gallery: small or large."""
    run = _run(run_id)
    return send_sized(run, key, size)


@blueprint.get("/runs/<run_id>/whole/<key>")
def whole(run_id: str, key: str) -> flask.Response:
    return send_whole(_run(run_id), key)


@blueprint.get("/runs/<run_id>/download.zip")
def download(run_id: str) -> flask.Response:
    """All finished images of a run."""
    run = _run(run_id)
    return stream(archive.results(run, run.pairs.values()), f"{archive.recipe_name(run)}-images.zip")


@blueprint.get("/runs/<run_id>/recipe.zip")
def recipe(run_id: str) -> flask.Response:
    """Manifest, configuration and inputs of a run."""
    run = _run(run_id)
    return stream(archive.recipe(run), f"{archive.recipe_name(run)}.zip")


@blueprint.get("/runs/<run_id>/gallery/<path:name>")
def gallery(run_id: str, name: str) -> flask.Response:
    return send_gallery(_run(run_id), name)


def send_whole(run: StudioRun, key: str) -> flask.Response:
    """The finished image of a pair, shown or saved under its names."""
    pair = run.pair(key)
    name = f"{pair.content_name}--{pair.style_name}--{pair.settings_name}.png"
    return send(progress.image_of(run, pair), download=name if "save" in flask.request.args else "")


def send_sized(run: StudioRun, key: str, size: str) -> flask.Response:
    """The image of a pair in a size of the gallery; before there is a gallery, its newest frame."""
    if size not in ("small", "large"):
        raise NotFound
    pair = run.pair(key)
    path = run.results / layout.GALLERY_FOLDER / "pairs" / key / f"{size}.webp"
    return send(path if path.is_file() else progress.newest_frame(run, pair))


def send_gallery(run: StudioRun, name: str) -> flask.Response:
    """A file of the static gallery."""
    parts = PurePosixPath(name).parts
    if not parts or any(part.startswith(".") or "\\" in part or "\0" in part for part in parts) or name.startswith("/"):
        raise NotFound
    response = send(run.results.joinpath(layout.GALLERY_FOLDER, *parts))
    response.headers["Content-Security-Policy"] = GALLERY_POLICY
    return response


def _run(run_id: str) -> StudioRun:
    return studio().runs.get(session(), run_id)
