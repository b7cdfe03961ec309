"""GitHub's own recorded answers: the package `@octokit/fixtures` of the npm registry (MIT), fetched once.

    python -m tests.integrations.github.recorded

fetches it into the user's cache, and prints where it is; without a network it exits with NO_NETWORK. It is a
program of its own since tests may only talk to the loopback.
Source: https://github.com/octokit/fixtures
"""

import hashlib
import json
import os
import sys
import tarfile
from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from integrations.sdk.testing import Answer, Asked

VERSION = "23.1.2"
TARBALL = f"https://registry.npmjs.org/@octokit/fixtures/-/fixtures-{VERSION}.tgz"
INTEGRITY = "sha512-niG+SVffZ/xzojT3CE6M7DlqX7H9aQ75A6Xxjt4N47CkqssKXpSy2k6+Tj5ntcI5uWW2D9POzKxwJDmBfR+sJw=="
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "headwater"
NO_NETWORK = 3

GITHUB = "https://api.github.com"
KEPT = ("content-type", "etag", "last-modified", "link", "location", "x-ratelimit-limit", "x-ratelimit-remaining")

Exchange = dict[str, Any]
"""A request and its answer: `method`, `path` with the query, `status`, `response` (the body), `headers`."""


def fetch() -> Path:
    """Where the package is; fetched unless it is in the cache. Raises: requests.RequestException, ValueError."""
    kept = CACHE / f"octokit-fixtures-{VERSION}.tgz"
    if not (kept.exists() and _integrity(kept.read_bytes()) == INTEGRITY):
        answer = requests.get(TARBALL, timeout=30)
        answer.raise_for_status()
        if _integrity(answer.content) != INTEGRITY:
            raise ValueError(f"{TARBALL} is not what it was: {_integrity(answer.content)}")
        CACHE.mkdir(parents=True, exist_ok=True)
        unfinished = kept.with_suffix(f".{os.getpid()}")
        unfinished.write_bytes(answer.content)
        unfinished.replace(kept)
    return kept


def _integrity(content: bytes) -> str:
    """The content's hash, as npm writes it."""
    return f"sha512-{b64encode(hashlib.sha512(content).digest()).decode()}"


@dataclass(frozen=True)
class Recordings:
    """The package's scenarios."""

    package: Path

    def scenario(self, name: str) -> list[Exchange]:
        """A scenario's exchanges, with ids, times and tokens replaced by tidy ones, as Octokit's tests use them."""
        with tarfile.open(self.package) as files:
            return self._read(files, f"package/scenarios/api.github.com/{name}/normalized-fixture.json")

    def raw(self) -> dict[str, list[Exchange]]:
        """All scenarios' exchanges as they were, those that set the scene included; headers are left out."""
        with tarfile.open(self.package) as files:
            paths = [path for path in files.getnames() if path.endswith("/raw-fixture.json")]
            return {path.split("/")[-2]: self._read(files, path) for path in sorted(paths)}

    def _read(self, files: tarfile.TarFile, path: str) -> list[Exchange]:
        file = files.extractfile(path)
        assert file is not None
        found: list[Exchange] = json.loads(file.read())
        return found


@dataclass
class Replay:
    """Answers as recorded. A request is known by method, path and `page`; what else it asks for is not looked at."""

    exchanges: list[Exchange]
    asked: list[Asked] = field(default_factory=list)

    def __call__(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        wanted = asked.method, asked.path, asked.query.get("page", "1")
        for exchange in self.exchanges:
            parts = urlsplit(exchange["path"])
            if (exchange["method"].upper(), parts.path, parse_qs(parts.query).get("page", ["1"])[0]) == wanted:
                return self._as_recorded(exchange, f"http://{asked.headers['host']}")
        return Answer(404, json={"message": f"not recorded: {wanted}"})

    def _as_recorded(self, exchange: Exchange, home: str) -> Answer:
        """The recorded answer, with our address for GitHub's."""
        headers = {name: str(value) for name, value in exchange.get("headers", {}).items() if name in KEPT}
        return Answer(
            exchange["status"],
            body=json.dumps(exchange["response"]).replace(GITHUB, home).encode(),
            headers={name: value.replace(GITHUB, home) for name, value in headers.items()},
        )


if __name__ == "__main__":
    try:
        print(fetch())
    except requests.RequestException as error:
        print(f"{urlsplit(TARBALL).hostname} does not give them ({type(error).__name__})", file=sys.stderr)
        sys.exit(NO_NETWORK)
