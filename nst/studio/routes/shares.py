"""What the visitor of a link sees."""

from __future__ import annotations

import flask

from nst.images import picture_size
from nst.settings import defaults, differing
from nst.studio import archive, preview, progress
from nst.studio.errors import NotFound
from nst.studio.routes.common import send, stream, studio
from nst.studio.routes.results import send_sized, send_whole
from nst.studio.runs import settings_words, style_words

blueprint = flask.Blueprint("shares", __name__)


@blueprint.get("/s/<share_id>")
def public_page(share_id: str) -> str:
    share, run = studio().shares.open(share_id)
    done = [pair for pair in progress.read(run) if pair.state == "done"]
    base = f"/s/{share_id}"
    images = [
        {
            "key": image.key,
            "content": image.pair.content_title,
            "style": style_words(image.pair),
            "settings": settings_words(image.pair, differing(image.pair.settings, defaults()))
            if share.settings
            else "",
            "small": f"{base}/images/{image.key}/small.webp",
            "large": f"{base}/images/{image.key}/large.webp",
            "whole": f"{base}/whole/{image.key}" if share.downloads else "",
            **dict(zip(("width", "height"), picture_size(progress.image_of(run, image.pair)), strict=True)),
        }
        for image in done
    ]
    values = {
        "title": run.title,
        "images": images,
        "running": run.state in ("queued", "running"),
        "downloads": f"{base}/download.zip" if share.downloads and images else "",
        "expires": share.expires_text,
        "preview": flask.url_for("shares.public_preview", share_id=share_id, _external=True) if images else "",
        "url": flask.url_for("shares.public_page", share_id=share_id, _external=True),
    }
    return flask.render_template("shared.html", share=values)


@blueprint.get("/s/<share_id>/images/<key>/<size>.webp")
def public_image(share_id: str, key: str, size: str) -> flask.Response:
    _, run = studio().shares.open(share_id)
    return send_sized(run, key, size)


@blueprint.get("/s/<share_id>/preview.jpg")
def public_preview(share_id: str) -> flask.Response:
    """The image that messengers show beside the link."""
    _, run = studio().shares.open(share_id)
    return send(preview.preview(run))


@blueprint.get("/s/<share_id>/whole/<key>")
def public_whole(share_id: str, key: str) -> flask.Response:
    share, run = studio().shares.open(share_id)
    if not share.downloads:
        raise NotFound
    if share.settings:
        return send_whole(run, key)
    pair = run.pair(key)
    image = progress.image_of(run, pair)
    if not image.is_file():
        raise NotFound
    return stream(archive.without_text(image), f"{pair.content_name}--{pair.style_name}{image.suffix}")


@blueprint.get("/s/<share_id>/download.zip")
def public_download(share_id: str) -> flask.Response:
    share, run = studio().shares.open(share_id)
    if not share.downloads:
        raise NotFound
    return stream(
        archive.results(run, run.pairs.values(), settings=share.settings), f"{archive.recipe_name(run)}-images.zip"
    )
