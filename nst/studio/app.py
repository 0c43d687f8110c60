"""The Flask application: sessions, access, headers and errors. What a route does is in nst.studio.routes."""

from __future__ import annotations

import logging
import secrets
import sqlite3

import flask
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.exceptions import BadHost, HTTPException, SecurityError
from werkzeug.middleware.proxy_fix import ProxyFix

from nst.errors import NstError
from nst.studio.errors import BusyError, Conflict, NotFound
from nst.studio.routes import pages, results, runs, shares, uploads
from nst.studio.studio import Studio
from nst.version import __version__

log = logging.getLogger(__name__)

#: Bytes of a request that is no upload.
BODY = 1_000_000
#: Days of a session.
DAYS = 365

#: Our own pages load nothing from elsewhere, and nothing inline.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
#: Endpoints that need no access token: they have their own secret, or show nothing of a session.
_OPEN = ("static", "pages.health", "pages.login", "pages.enter", "pages.link", "pages.use_link")

#: Kinds of requests that are rarer than others, by endpoint.
_KINDS = {
    **dict.fromkeys(("uploads.receive", "uploads.sample", "uploads.mask", "runs.keep"), "upload"),
    **dict.fromkeys(("runs.create", "runs.again", "runs.retry"), "run"),
    **dict.fromkeys(("pages.enter", "pages.use_link"), "login"),
}


def create_app(studio: Studio) -> flask.Flask:
    """The application of a studio. Its supervisor is started by the server."""
    options = studio.options
    app = flask.Flask(__name__)
    app.config.update(
        SECRET_KEY=studio.secret,
        SESSION_COOKIE_NAME=f"nst-studio-{studio.id}",  # cookies ignore ports
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=options.proxy,
        PERMANENT_SESSION_LIFETIME=DAYS * 86400,
        # A late answer must not undo that the browser has joined another session; the first page refreshes the cookie.
        SESSION_REFRESH_EACH_REQUEST=False,
        MAX_CONTENT_LENGTH=options.quotas.body_bytes,
        TRUSTED_HOSTS=list(options.hosts) or None,
        WTF_CSRF_TIME_LIMIT=None,  # a page may stay open for days
        WTF_CSRF_SSL_STRICT=False,  # it would need the Referer, which our pages do not send
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions["nst"] = studio
    app.before_request(_check_request)
    CSRFProtect(app)
    app.after_request(_add_headers)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(NstError, _nst_error)
    for gone in (FileNotFoundError, sqlite3.IntegrityError):  # another request deletes the run at the same time
        app.register_error_handler(gone, lambda _: _nst_error(NotFound()))
    app.register_error_handler(Exception, _unexpected)
    app.context_processor(lambda: {"version": __version__, "studio": studio.id})
    for module in (pages, uploads, runs, results, shares):
        app.register_blueprint(module.blueprint)
    if options.proxy:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1)  # type: ignore[method-assign]
    return app


def _check_request() -> flask.typing.ResponseReturnValue | None:
    """Refuse what no page of ours sends, give each browser a session, and ask one without access for the token."""
    request, studio = flask.request, _studio()
    if isinstance(request.routing_exception, (SecurityError, BadHost)):  # without a host no page can name its URLs
        port = request.environ["SERVER_PORT"]
        message = (
            f"the studio does not answer under this name; open http://localhost:{port} or the link that it printed"
        )
        return flask.Response(message, 400, mimetype="text/plain")
    if request.mimetype in ("multipart/form-data", "application/x-www-form-urlencoded"):
        flask.abort(415)
    if not request.query_string.isascii():  # reading it would raise UnicodeDecodeError; browsers encode it
        flask.abort(400)
    if request.endpoint not in ("uploads.receive", "uploads.mask"):
        request.max_content_length = BODY
    shared = (request.endpoint or "").startswith("shares.public")
    if request.endpoint in _OPEN or shared:
        _check_rate(studio, request.remote_addr or "-")
        return None
    if studio.options.token and flask.session.get("entered") != studio.entry:
        if request.path.startswith(("/api/", "/uploads/")) or request.method != "GET":
            flask.abort(401)
        # With a fragment of its own: a redirect without one keeps that of the URL.
        return flask.redirect(flask.url_for("pages.login", _anchor=pages.ASK))
    _check_rate(studio, flask.session.get("id", ""))
    if not flask.session.get("id"):
        flask.session.permanent = True
        flask.session["id"] = secrets.token_hex(16)
    return None


def _check_rate(studio: Studio, who: str) -> None:
    """Refuse a request of a sender who has sent too many. who: '' for a browser that becomes a new session."""
    kind = _KINDS.get(flask.request.endpoint or "", "request") if who else "session"
    wait = studio.rates.wait(kind, flask.request.remote_addr or "" if kind in ("login", "session") else who)
    if wait:
        response = _error(429, f"too many requests; wait {wait:.0f} s")
        response.headers["Retry-After"] = str(int(wait) + 1)
        flask.abort(response)


def _add_headers(response: flask.Response) -> flask.Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Content-Security-Policy", POLICY)
    response.headers.setdefault("Cache-Control", "no-store")
    if _studio().options.proxy:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    return response


_CODES: dict[type[NstError], int] = {NotFound: 404, Conflict: 409, BusyError: 503}
_MESSAGES = {
    400: "the request cannot be read; reload the page",
    401: "the studio asks for its access token; open the link that it printed when it started",
    404: "there is nothing here",
    405: "this cannot be done here",
    413: "this is too large",
    415: "this type of request is not supported; send one file as it is",
}


def _http_error(error: HTTPException) -> flask.Response:
    if error.response is not None:
        return error.response  # type: ignore[return-value]
    code = error.code or 500
    ours = error.description != type(error).description and not isinstance(error, CSRFError)  # a route gave it
    return _error(code, error.description or "" if ours else _MESSAGES.get(code, error.name))


def _nst_error(error: NstError) -> flask.Response:
    code = next((code for kind, code in _CODES.items() if isinstance(error, kind)), 400)
    return _error(code, str(error).replace(f"{_studio().options.folder}/", ""))  # a path on the server helps nobody


def _unexpected(error: Exception) -> flask.Response:
    log.error("a request failed: %s %s", flask.request.method, flask.request.endpoint, exc_info=error)
    return _error(500, "this failed on the server; see its log")


def _error(code: int, message: str) -> flask.Response:
    """An error for a script as JSON, for a person as a page."""
    wants_page = flask.request.method == "GET" and not flask.request.path.startswith(("/api/", "/uploads/"))
    if wants_page and "text/html" in flask.request.headers.get("Accept", ""):
        return flask.make_response(flask.render_template("error.html", code=code, message=message), code)
    return flask.make_response(flask.jsonify(error=message), code)


def _studio() -> Studio:
    studio: Studio = flask.current_app.extensions["nst"]
    return studio
