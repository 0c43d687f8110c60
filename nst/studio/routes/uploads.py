"""Images that a browser brings."""

from __future__ import annotations

from typing import Any

import flask
from flask.typing import ResponseReturnValue

from nst.errors import NstError
from nst.studio.routes.common import FOREVER, body, send, session, studio, text_of
from nst.studio.uploads import Upload, samples

blueprint = flask.Blueprint("uploads", __name__)


def as_json(upload: Upload) -> dict[str, Any]:
    """An upload as the pages know it."""
    return {
        "id": upload.id,
        "kind": upload.kind,
        "name": upload.name,
        "width": upload.width,
        "height": upload.height,
        "content": upload.content,
        "preview": f"/uploads/{upload.id}.webp",
    }


@blueprint.post("/api/uploads")
def receive() -> ResponseReturnValue:
    """Take one file, whose bytes are the body."""
    kind, name = flask.request.args.get("kind", ""), flask.request.args.get("name", "")
    if kind not in ("content", "style"):
        raise NstError("kind: use content or style")
    return as_json(studio().uploads.receive(session(), kind, name, flask.request.stream)), 201


@blueprint.post("/api/uploads/sample")
def sample() -> ResponseReturnValue:
    given = body()
    return as_json(studio().uploads.add_sample(session(), text_of(given, "kind"), text_of(given, "name"))), 201


@blueprint.post("/api/uploads/mask")
def mask() -> ResponseReturnValue:
    of = flask.request.args.get("of", "")
    return as_json(studio().uploads.receive_mask(session(), of, flask.request.stream)), 201


@blueprint.get("/api/uploads")
def listed() -> dict[str, Any]:
    return {"uploads": [as_json(upload) for upload in studio().uploads.of_session(session())]}


@blueprint.delete("/api/uploads/<upload_id>")
def remove(upload_id: str) -> ResponseReturnValue:
    studio().uploads.remove(session(), upload_id)
    return "", 204


@blueprint.get("/uploads/<upload_id>.webp")
def preview(upload_id: str) -> flask.Response:
    uploads = studio().uploads
    return send(uploads.preview(uploads.get(session(), upload_id)), cache=FOREVER)


@blueprint.get("/samples/<kind>/<name>")
def sample_image(kind: str, name: str) -> flask.Response:
    return send(samples(kind).get(name), cache=FOREVER)
