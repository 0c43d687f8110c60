"""Pages, and the ways into the studio: the access token, and the link for another device."""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import Any

import flask
from flask.typing import ResponseReturnValue

from nst.settings import defaults, text
from nst.studio import form, uploads
from nst.studio.errors import NotFound
from nst.studio.routes.common import body, session, studio, text_of

blueprint = flask.Blueprint("pages", __name__)

#: Minutes in which another device has to open its link.
LINK_MINUTES = 10
#: The presets in the order of their cards; the page folds the others, which follow other programs.
PRESETS = ("subtle", "strong", "keep-colors", "portrait", "photo", "nnst", "strotss", "draft", "large")
#: The fragment of the login page that is no access token.
ASK = "ask"


@blueprint.get("/")
def home() -> str:
    flask.session.modified = True  # the cookie is sent, and lasts for another year
    return flask.render_template("home.html", form=_form())


@blueprint.get("/runs/<run_id>")
def run(run_id: str) -> str:
    found = studio().runs.get(session(), run_id)
    publish = bool(studio().options.launch.publish)
    return flask.render_template("run.html", run={"id": found.id, "title": found.title, "publish": publish})


@blueprint.get("/login")
def login() -> ResponseReturnValue:
    if not studio().options.token or flask.session.get("entered") == studio().entry:
        return flask.redirect("/#main")  # a redirect without a fragment keeps the token of the URL
    return flask.render_template("login.html")


@blueprint.post("/login")
def enter() -> ResponseReturnValue:
    """Let a browser in that has the access token."""
    if not studio().options.admits(text_of(body(), "token")):
        flask.abort(401, "this is not the access token; copy it from where the studio was started")
    flask.session.permanent = True
    flask.session["entered"] = studio().entry
    return "", 204


@blueprint.get("/link")
def link() -> str:
    return flask.render_template("link.html")


@blueprint.post("/link")
def use_link() -> ResponseReturnValue:
    """Continue the session of another device, whose newest link has this code. A code works once."""
    code = text_of(body(), "code")
    with studio().database.connect() as connection:
        # One statement: of two requests at the same time one gets the row.
        use = "DELETE FROM codes WHERE code = ? AND expires > ? RETURNING session"
        found = connection.execute(use, (code, time.time())).fetchall()
    if not found:
        raise NotFound("this link has ended or was used; make a new one on the first device")
    flask.session.permanent = True
    flask.session["id"] = found[0]["session"]
    flask.session["entered"] = studio().entry
    return "", 204


@blueprint.post("/api/link")
def make_link() -> ResponseReturnValue:
    code = secrets.token_urlsafe(24)
    with studio().database.connect() as connection:
        connection.execute("DELETE FROM codes WHERE session = ? OR expires < ?", (session(), time.time()))
        connection.execute("INSERT INTO codes VALUES (?, ?, ?)", (code, session(), time.time() + 60 * LINK_MINUTES))
    # After #, where neither servers nor the Referer see it.
    return {"url": f"{flask.url_for('pages.link', _external=True)}#{code}", "minutes": LINK_MINUTES}, 201


@blueprint.get("/health")
def health() -> dict[str, str]:
    with studio().database.connect() as connection:
        connection.execute("SELECT 1 FROM runs LIMIT 1").fetchone()
    return {"status": "ok"}


def _form() -> dict[str, Any]:
    """What the page needs to build the form."""
    quotas = studio().options.quotas
    usual = {name: text(value) for name, value in defaults()}
    # A preset of defaults is the first card.
    presets = [each for each in form.preset_cards() if not each["values"].items() <= usual.items()]
    for preset in presets:
        preset |= {"picture": _picture(preset["name"]), "folded": preset["name"] not in PRESETS}
    presets.sort(key=lambda each: ([*PRESETS, each["name"]].index(each["name"]), each["name"]))
    return {
        "groups": form.field_groups(),
        "basic": form.BASIC,
        "presets": presets,
        "default_picture": _picture("default"),
        "samples": {kind: _samples(kind) for kind in ("content", "style")},
        "quotas": {"bytes": quotas.file_bytes},
    }


def _picture(preset: str) -> str:
    """The URL of a preset's picture; '' if there is none."""
    assert flask.current_app.static_folder

    exists = Path(flask.current_app.static_folder, "presets", f"{preset}.webp").is_file()
    return flask.url_for("static", filename=f"presets/{preset}.webp") if exists else ""


def _samples(kind: str) -> list[dict[str, str]]:
    """The sample images of the repository."""
    return [{"name": name, "url": f"/samples/{kind}/{name}"} for name in uploads.samples(kind)]
