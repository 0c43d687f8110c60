"""Runs: check, start, watch, change."""

from __future__ import annotations

from typing import Any

import flask
from flask.typing import ResponseReturnValue

from nst import layout
from nst.errors import NstError
from nst.studio import archive, form, progress
from nst.studio.errors import Conflict
from nst.studio.routes.common import body, session, studio, text_of
from nst.studio.routes.uploads import as_json as upload_as_json
from nst.studio.runs import THUMBNAILS, StudioRun, settings_words, style_words
from nst.studio.shares import Share
from nst.summaries.ratings import usable_ratings, write_rating

blueprint = flask.Blueprint("runs", __name__)


@blueprint.post("/api/check")
def check() -> dict[str, Any]:
    forecast = studio().runs.forecast(session(), form.parse(body()))
    problems = [{"field": name, "message": message} for name, message in forecast.problems]
    return {"images": forecast.images, "seconds": forecast.seconds, "text": forecast.text, "problems": problems}


@blueprint.post("/api/runs")
def create() -> ResponseReturnValue:
    return _created(studio().runs.create(session(), form.parse(body())))


@blueprint.get("/api/runs")
def listed() -> dict[str, Any]:
    before = _before()
    return {"runs": [_line(run, before) for run in studio().runs.of(session())]}


@blueprint.get("/api/runs/<run_id>")
def watch(run_id: str) -> flask.Response:
    """Everything about a run; 304 if nothing has changed since the browser's ETag."""
    run = studio().runs.get(session(), run_id)
    response = flask.jsonify(_details(run))
    response.add_etag()
    response.headers["Cache-Control"] = "private, no-cache"
    response.make_conditional(flask.request)
    return response


@blueprint.delete("/api/runs/<run_id>")
def delete(run_id: str) -> ResponseReturnValue:
    studio().runs.delete(session(), run_id)
    return "", 204


@blueprint.post("/api/runs/<run_id>/cancel")
def cancel(run_id: str) -> ResponseReturnValue:
    studio().runs.cancel(session(), run_id)
    return "", 204


@blueprint.post("/api/runs/<run_id>/retry")
def retry(run_id: str) -> ResponseReturnValue:
    studio().runs.retry(session(), run_id)
    return "", 204


@blueprint.post("/api/runs/<run_id>/again")
def again(run_id: str) -> ResponseReturnValue:
    given = body()
    return _created(studio().runs.again(session(), run_id, text_of(given, "pair"), text_of(given, "change")))


@blueprint.post("/api/runs/<run_id>/keep")
def keep(run_id: str) -> ResponseReturnValue:
    """Keep the newest snapshot or frame of a pair as an image of the session."""
    run = studio().runs.get(session(), run_id)
    pair = run.pair(text_of(body(), "pair"))
    image = progress.newest_snapshot(run, pair) or progress.newest_frame(run, pair)
    if image is None:
        raise Conflict("there is no snapshot yet; wait a moment")
    name = f"{pair.content_name} {pair.style_name} {int(image.stem)}{image.suffix}"
    with image.open("rb") as file:
        return upload_as_json(studio().uploads.receive(session(), "content", name, file)), 201


@blueprint.put("/api/runs/<run_id>/stars")
def rate(run_id: str) -> ResponseReturnValue:
    run, given = studio().runs.get(session(), run_id), body()
    pair, stars = run.pair(text_of(given, "pair")), given.get("stars")
    if type(stars) is not int or stars not in range(6):
        raise NstError("stars: give a whole number from 0 to 5")
    write_rating(run.results, pair.id, stars)
    if (run.results / layout.GALLERY).exists():
        studio().runs.ask(run_id, "gallery")
    return "", 204


@blueprint.post("/api/runs/<run_id>/shares")
def share(run_id: str) -> ResponseReturnValue:
    given = body()
    days, downloads, settings = given.get("days"), given.get("downloads"), given.get("settings")
    if type(days) is not int or not isinstance(downloads, bool) or not isinstance(settings, bool):
        raise NstError("the request cannot be read; reload the page")
    shares = studio().shares
    made = shares.create(session(), run_id, days=days, downloads=downloads, settings=settings)
    return _share(made), 201


@blueprint.delete("/api/shares/<share_id>")
def revoke(share_id: str) -> ResponseReturnValue:
    studio().shares.revoke(session(), share_id)
    return "", 204


@blueprint.post("/api/runs/<run_id>/publish")
def publish(run_id: str) -> ResponseReturnValue:
    """Ask for the gallery to be published where the studio's option --publish names."""
    run = studio().runs.get(session(), run_id)
    if not studio().options.launch.publish:
        raise NstError("this studio has nowhere to publish; start it with --publish URL")
    if not (run.results / layout.GALLERY).exists():
        raise Conflict("this run has no gallery yet; wait until it ends")
    reason = run.message.partition("\n")[0] if run.state == "failed" else ""  # without that of an earlier publication
    studio().runs.update(run_id, message=reason)
    studio().runs.ask(run_id, "publish")
    return "", 202


def _created(run_id: str) -> ResponseReturnValue:
    return {"id": run_id, "url": f"/runs/{run_id}"}, 201


def _line(run: StudioRun, before: dict[str, int]) -> dict[str, Any]:
    """A run in the list. Only of running ones files are read."""
    done, left = run.done, None
    thumbnails = [f"/runs/{run.id}/frames/{key}.jpg" for key in run.keys.split()] if done else []
    if run.state == "running" and (pairs := _progress_of(run)[0]):
        done, left = _done(pairs), progress.seconds_left(run, pairs)
        thumbnails = [url for pair in pairs if (url := _frame(run, pair))][:THUMBNAILS]
    return {
        "id": run.id,
        "title": run.title,
        "url": f"/runs/{run.id}",
        "state": run.state,
        "text": progress.summary(run, done, left=left, before=before.get(run.id, 0)),
        "images": run.images,
        "done": done,
        "failed": run.failed,
        "thumbnails": thumbnails,
    }


def _progress_of(run: StudioRun) -> tuple[list[progress.PairProgress], str]:
    """The progress of every pair, and why it cannot be read.

    ([], message) for a run of another version: it must not hide the others, and can be canceled and deleted.
    """
    try:
        return progress.read(run), ""
    except NstError as error:
        return [], progress.unreadable(run, error)


def _done(pairs: list[progress.PairProgress]) -> int:
    return sum(pair.state == "done" for pair in pairs)


def _frame(run: StudioRun, pair: progress.PairProgress) -> str:
    """The URL of a pair's newest frame; '' without one."""
    return f"/runs/{run.id}/frames/{pair.key}.jpg?n={int(pair.frame.stem)}" if pair.frame else ""


def _details(run: StudioRun) -> dict[str, Any]:
    pairs, problem = _progress_of(run)
    done, varied = (_done(pairs), run.varied) if pairs else (run.done, [])
    ratings = usable_ratings(run.results / layout.RATINGS)
    before = _before().get(run.id, 0) if run.state == "queued" else 0
    return {
        "id": run.id,
        "title": run.title,
        "state": run.state,
        "text": progress.summary(run, done, left=progress.seconds_left(run, pairs), before=before),
        "message": problem or run.message,
        "images": run.images,
        "done": done,
        "failed": sum(pair.state == "failed" for pair in pairs),
        "gallery": f"/runs/{run.id}/gallery/index.html" if (run.results / layout.GALLERY).exists() else "",
        "pairs": [_pair(run, pair, varied, ratings.get(pair.pair.id, 0)) for pair in pairs],
        "shares": [_share(share) for share in studio().shares.of(run.id)],
        "commands": [f"unzip {archive.recipe_name(run)}.zip && cd {archive.recipe_name(run)}", archive.COMMAND],
        "published": run.published,
        "publishing": studio().runs.is_asked(run.id, "publish"),
    }


def _before() -> dict[str, int]:
    """How many runs have to start or end before each queued one starts. One may have started since it was read."""
    runs, at_once = studio().runs, studio().options.launch.at_once
    places = at_once - len(runs.in_state("running"))
    return {run_id: max(0, index + 1 - places) for index, run_id in enumerate(runs.waiting())}


def _pair(run: StudioRun, status: progress.PairProgress, varied: list[str], stars: int) -> dict[str, Any]:
    pair = status.pair
    finished = status.state == "done"
    return {
        "key": status.key,
        "content": pair.content_title,
        "style": style_words(pair),
        "settings": settings_words(pair, varied),
        "state": status.state,
        "iteration": status.iteration,
        "iterations": pair.settings.iterations,
        "losses": status.losses,
        "text": progress.pair_summary(status),
        "image": _frame(run, status),
        "whole": f"/runs/{run.id}/whole/{status.key}" if finished else "",
        "stars": stars,
        "error": status.error,
        "snapshot": status.frame is not None,
    }


def _share(share: Share) -> dict[str, Any]:
    return {
        "id": share.id,
        "url": flask.url_for("shares.public_page", share_id=share.id, _external=True),
        "expires": share.expires_text,
        "downloads": share.downloads,
        "settings": share.settings,
    }
