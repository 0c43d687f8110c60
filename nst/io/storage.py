"""Folders in buckets of an S3-compatible server, and in whatever else fsspec can write, such as local folders."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from nst.errors import NstError
from nst.io.urls import redacted

#: Requests that run at the same time.
PARALLEL = 8

#: How s3fs connects. A server that does not answer is an error after 4 attempts, with pauses of a few seconds.
_S3 = {"connect_timeout": 5, "read_timeout": 20, "retries": {"max_attempts": 3}, "max_pool_connections": PARALLEL}
#: Files above twice this size are sent in parts, so that PARALLEL files of any size fit into memory.
_PART = 8 << 20

_CREDENTIALS = "there are no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
_UNREACHABLE = "the server cannot be reached; check the URL in AWS_ENDPOINT_URL and the network"
_RIGHTS = "s3:ListBucket, s3:GetObject, s3:PutObject and s3:DeleteObject"
#: Messages for botocore's exceptions, by name, because botocore is installed only with s3fs.
_MESSAGES = {
    "NoCredentialsError": _CREDENTIALS,
    "PartialCredentialsError": _CREDENTIALS,
    "EndpointConnectionError": _UNREACHABLE,
    "ConnectTimeoutError": _UNREACHABLE,
    "ReadTimeoutError": _UNREACHABLE,
    "ConnectionClosedError": _UNREACHABLE,
    "ParamValidationError": "this name of a bucket is not allowed; check the URL",
}


class Storage:
    """A folder at a URL. Its methods are safe to call from several threads.

    They raise NstError with one line, which contains neither credentials nor text that the server sent.
    """

    def __init__(self, url: str):
        scheme, separator, place = url.partition("://")
        self.url = redacted(url)
        if not separator or not place.strip("/"):
            raise NstError(f"{self.url}: is no URL of a folder; give one such as s3://bucket/folder")
        if self.url != url:
            raise NstError(f"{self.url}: has credentials in it; use environment variables such as AWS_ACCESS_KEY_ID")
        self._is_s3 = scheme in ("s3", "s3a")
        with self._explained():
            self._system, root = _open(url, self._is_s3)
        self._root = root.rstrip("/")

    def read(self, name: str) -> bytes | None:
        """The content of a file; None if there is no such file, folder or bucket."""
        with self._explained(), suppress(FileNotFoundError):
            content: bytes = self._system.cat_file(self._path(name))
            return content
        return None

    def exists(self, name: str) -> bool:
        with self._explained():
            return bool(self._system.exists(self._path(name)))

    def write(self, name: str, content: bytes, content_type: str, cache: str) -> None:
        """Write a file. `content_type` and `cache` (Cache-Control) are headers with which S3 serves it."""
        with self._explained():
            self._system.pipe_file(self._path(name), content, **self._headers(content_type, cache))

    def send(self, source: Path, name: str, content_type: str, cache: str) -> None:
        """Copy a local file; see `write`."""
        more = {"chunksize": _PART} if self._is_s3 else {}
        with self._explained(source):
            self._system.put_file(str(source), self._path(name), **more, **self._headers(content_type, cache))

    def delete(self, name: str) -> None:
        """Delete a file, if there is one."""
        with self._explained(), suppress(FileNotFoundError):
            self._system.rm_file(self._path(name))

    def link(self, name: str) -> str:
        """The URL of a file for a browser, if the server allows reading without credentials."""
        if self.url.startswith("file:"):
            return Path(self._path(name)).as_uri()
        if not self._is_s3:
            return str(self._system.unstrip_protocol(self._path(name)))
        with self._explained():
            # botocore knows the servers' addresses only for signed URLs. The query is the signature.
            signed: str = self._system.url(self._path(name))
        return signed.partition("?")[0]

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _headers(self, content_type: str, cache: str) -> dict[str, str]:
        return {"ContentType": content_type, "CacheControl": cache} if self._is_s3 else {}

    @contextmanager
    def _explained(self, source: Path | None = None) -> Iterator[None]:
        try:
            yield
        except NstError:
            raise
        except Exception as error:  # each file system has its own exceptions
            if source is not None and not source.is_file():
                raise NstError(f"{source}: was deleted while it was sent; run the command again") from None
            raise NstError(f"{self.url}: {_message(error)}") from None


def _open(url: str, is_s3: bool) -> tuple[Any, str]:
    """fsspec's file system for a URL, and the path in it."""
    import fsspec

    # No cache: credentials and the server may change between two calls in one process.
    options: dict[str, Any] = {"skip_instance_cache": True, "use_listings_cache": False}
    if is_s3:
        options |= {"config_kwargs": _S3, "max_concurrency": 1}  # of each file; several files are sent at once
    elif url.startswith("file:"):
        options["auto_mkdir"] = True
    system, root = fsspec.url_to_fs(url, **options)
    if is_s3:
        system.retries = 1  # botocore retries already, and each would be multiplied by these
    return system, root


def _message(error: Exception) -> str:
    """What is wrong, in one line. Of an error that a server sent only the code, which is a word."""
    name, code = type(error).__name__, _server_code(error)
    if name in _MESSAGES:
        return _MESSAGES[name]
    line = redacted(" ".join(str(error).split())) or name
    if isinstance(error, ImportError):
        return "needs the Python package s3fs; run `pip install s3fs`" if "s3fs" in line else line
    if code == "NoSuchBucket":
        return "there is no such bucket; create it, or check the URL"
    if code and isinstance(error, PermissionError):
        return f"the server refuses access ({code}); check the credentials, and that they permit {_RIGHTS}"
    if code:
        return f"the server refuses the request ({code})"
    if isinstance(error, NotImplementedError):
        return "cannot be written through fsspec; give a URL such as s3://bucket/folder"
    return f"cannot be written ({getattr(error, 'strerror', None) or line})"


def _server_code(error: Exception) -> str:
    """The code of an error that an S3 server sent, such as AccessDenied; '' for any other error."""
    for found in (error, error.__cause__):
        response = getattr(found, "response", None)
        if isinstance(response, dict):
            code = str(response.get("Error", {}).get("Code", ""))
            return code if code.isalnum() and len(code) < 60 else "unknown error"
    return ""
