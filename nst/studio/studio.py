"""What the routes use: the parts of one studio, built from its options."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from nst.errors import NstError
from nst.io.files import replacing
from nst.studio.database import Database
from nst.studio.quotas import Quotas, Rates
from nst.studio.runs import Runs
from nst.studio.shares import Shares
from nst.studio.supervisor import Launch, Supervisor
from nst.studio.uploads import Uploads


@dataclass(frozen=True)
class Options:
    """The options of `nst studio`."""

    folder: Path
    launch: Launch
    quotas: Quotas = field(default_factory=Quotas)
    token: str = ""
    """Access token; '' for everyone who reaches the server."""
    hosts: tuple[str, ...] = ()
    """Host names that requests may name; () for all."""
    proxy: bool = False
    """Whether one proxy in front ends TLS and sets X-Forwarded-…"""

    def admits(self, token: str) -> bool:
        """Whether this is the access token; takes the same time for every wrong one."""
        return hmac.compare_digest(self.token.encode(), token.encode("utf-8", "replace"))


class Studio:
    """A studio's parts."""

    def __init__(self, options: Options):
        """Open the folder of a studio, or create it. Raises NstError if it cannot be used."""
        self.options = options
        folder = options.folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.secret = _secret(folder / "secret")
        except OSError as error:
            message = f"{folder}: cannot be used ({error.strerror}); choose another folder with --results"
            raise NstError(message) from error
        #: Distinguishes this studio's cookie and drafts from those of another one on the same host.
        self.id = hashlib.sha256(self.secret.encode()).hexdigest()[:8]
        #: What the cookie of a browser contains that has given the access token; useless after the token changes.
        self.entry = hmac.new(self.secret.encode(), options.token.encode(), "sha256").hexdigest()
        self.database = Database(folder / "studio.sqlite")
        self.rates = Rates()
        self.uploads = Uploads(folder / "uploads", self.database, options.quotas)
        self.runs = Runs(folder, self.database, self.uploads, options.quotas)
        self.shares = Shares(self.database, self.runs)
        self.supervisor = Supervisor(self.runs, options.launch)


def _secret(path: Path) -> str:
    """The key that signs cookies; the same after a restart."""
    if not path.exists():
        with replacing(path) as temporary:
            temporary.touch(mode=0o600)
            temporary.write_text(secrets.token_hex(32))
    return path.read_text().strip()
