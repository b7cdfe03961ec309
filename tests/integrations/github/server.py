"""GitHub's API as a function, as far as the integration uses it: links, `since`, ETags, refusals."""

import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from integrations.sdk.testing import Answer, Asked

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)

Record = dict[str, Any]


def moment(hours: float) -> str:
    """So many hours after noon, as GitHub writes times."""
    return f"{NOON + timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"


def account(login: str, id: int, type: str = "User") -> Record:
    """An account as it stands in other records."""
    return {"login": login, "id": id, "node_id": f"U_{id}", "type": type, "html_url": f"https://github.com/{login}"}


def repository(full_name: str, id: int) -> Record:
    """A repository as the listing gives it."""
    owner, _, name = full_name.partition("/")
    return {
        "id": id,
        "node_id": f"R_{id}",
        "name": name,
        "full_name": full_name,
        "private": False,
        "owner": account(owner, 7, "Organization"),
        "html_url": f"https://github.com/{full_name}",
        "description": "Ünïted",
        "fork": False,
        "homepage": "https://example.com",
        "size": 12,
        "stargazers_count": 3,
        "language": "Python",
        "has_issues": True,
        "forks_count": 1,
        "archived": False,
        "disabled": False,
        "open_issues_count": 2,
        "license": {"key": "mit", "spdx_id": "MIT"},
        "is_template": False,
        "topics": ["etl", "duckdb"],
        "visibility": "public",
        "default_branch": "main",
        "created_at": moment(id),
        "updated_at": moment(id + 1),
        "pushed_at": moment(id + 2),
    }


def issue(number: int, hours: float, *, pull: bool = False) -> Record:
    """An issue that was updated so many hours after noon; with `pull`, a pull request seen as one."""
    found = {
        "id": 10_000 + number,
        "node_id": f"I_{number}",
        "number": number,
        "title": f"Issue {number}",
        "user": account("ada", 1),
        "body": "Seen by ada@example.com",
        "labels": [{"id": 5, "name": "bug", "color": "ff0000"}],
        "state": "closed",
        "state_reason": "completed",
        "assignees": [account("bob", 2)],
        "milestone": {"id": 8, "title": "1.0"},
        "locked": False,
        "comments": 4,
        "reactions": {"total_count": 6, "+1": 6},
        "author_association": "MEMBER",
        "html_url": f"https://github.com/octokit/core/issues/{number}",
        "created_at": moment(-24),
        "updated_at": moment(hours),
        "closed_at": moment(-1),
    }
    return found | ({"pull_request": {"merged_at": None}} if pull else {})


def pull_request(number: int, hours: float) -> Record:
    """A pull request that was updated so many hours after noon."""
    shared = ("number", "title", "user", "body", "labels", "state", "assignees", "milestone", "locked")
    times = ("author_association", "html_url", "created_at", "updated_at", "closed_at")
    known = issue(number, hours)
    return {key: known[key] for key in (*shared, *times)} | {
        "id": 20_000 + number,
        "node_id": f"PR_{number}",
        "draft": False,
        "merged_at": moment(-1),
        "merge_commit_sha": f"{number:040x}",
        "requested_reviewers": [account("bob", 2)],
        "head": {"ref": "topic", "sha": "a" * 40, "repo": {"id": 9, "full_name": "ada/core"}},
        "base": {"ref": "main", "sha": "b" * 40, "repo": {"id": 1, "full_name": "octokit/core"}},
    }


def commit(number: int, hours: float) -> Record:
    """A commit that was made so many hours after noon."""
    person = {"name": "Ada Lovelace", "email": "ada@example.com", "date": moment(hours)}
    return {
        "sha": f"{number:040x}",
        "node_id": f"C_{number}",
        "html_url": f"https://github.com/octokit/core/commit/{number:040x}",
        "commit": {
            "author": person,
            "committer": person,
            "message": "Mend it\n\nSigned-off-by: Ada Lovelace <ada@example.com>",
            "tree": {"sha": "c" * 40},
            "comment_count": 0,
            "verification": {"verified": False, "reason": "unsigned"},
        },
        "author": account("ada", 1),
        "committer": account("web-flow", 3),
        "parents": [{"sha": f"{number - 1:040x}"}],
    }


def contributor(id: int, contributions: int) -> Record:
    """An account with so many commits."""
    return account(f"user{id}", id) | {"contributions": contributions}


@dataclass
class Repository:
    """A repository, and what is in it."""

    record: Record
    issues: list[Record] = field(default_factory=list)
    pulls: list[Record] = field(default_factory=list)
    commits: list[Record] = field(default_factory=list)
    contributors: list[Record] = field(default_factory=list)


@dataclass
class GitHubServer:
    """GitHub, with so many records a page. `first` may answer instead of it, or change it before it answers.

    `numbered` links say `page=2`, as Enterprise Servers' do; else listings that are sorted by update link by
    cursor, as GitHub's issues do.
    """

    tokens: set[str]
    page_size: int = 100
    numbered: bool = True
    repositories: dict[str, Repository] = field(default_factory=dict)
    first: Callable[[Asked], Answer | None] = lambda asked: None
    asked: list[tuple[Asked, int]] = field(default_factory=list)
    lock: Any = field(default_factory=threading.RLock)

    def add(self, full_name: str, **parts: list[Record]) -> Repository:
        """A new repository."""
        made = Repository(repository(full_name, len(self.repositories) + 1), **parts)
        self.repositories[full_name] = made
        return made

    def __call__(self, asked: Asked) -> Answer:
        """Answer one request, and remember it."""
        with self.lock:
            answer = self.first(asked) or self._answer(asked)
            self.asked.append((asked, answer.status))
            return answer

    def of(self, ending: str) -> list[tuple[dict[str, str], int]]:
        """The queries of all requests whose path ends so, with their statuses; and forget them."""
        found = [(dict(asked.query), status) for asked, status in self.asked if asked.path.endswith(ending)]
        self.asked = [each for each in self.asked if not each[0].path.endswith(ending)]
        return found

    def _answer(self, asked: Asked) -> Answer:
        if asked.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return refused(401, "Bad credentials")
        match asked.path.strip("/").split("/"):
            case ["orgs", name, "repos"]:
                found = [
                    repo.record
                    for full_name, repo in self.repositories.items()
                    if full_name.lower().startswith(f"{name.lower()}/")
                ]
                return self._listed(asked, found)
            case ["repos", owner, name] if found := self.repositories.get(f"{owner}/{name}"):
                return Answer(json=found.record)
            case ["repos", owner, name, part] if found := self.repositories.get(f"{owner}/{name}"):
                return self._part(asked, part, getattr(found, part))
        return refused(404, "Not Found")

    def _part(self, asked: Asked, part: str, records: list[Record]) -> Answer:
        if part == "commits":
            if not records:
                return refused(409, "Git Repository is empty.")
            begin, end = asked.query.get("since", ""), asked.query.get("until", "9")
            records = [each for each in records if begin <= each["commit"]["committer"]["date"] <= end]
            return self._listed(asked, sorted(records, key=lambda each: each["commit"]["committer"]["date"])[::-1])
        if part == "contributors":
            if not records:
                return Answer(204, body=b"")
            return self._listed(asked, sorted(records, key=lambda each: -int(each["contributions"])))
        assert asked.query["state"] == "all"
        assert asked.query["sort"] == "updated"
        records = [each for each in records if each["updated_at"] >= asked.query.get("since", "")]
        newest_first = asked.query["direction"] == "desc"
        ordered = sorted(records, key=_place, reverse=newest_first)
        return self._listed(asked, ordered, by_cursor=part == "issues" and not self.numbered)

    def _listed(self, asked: Asked, records: list[Record], by_cursor: bool = False) -> Answer:
        """One page of the records, with a link to the next, or a 304."""
        size = min(self.page_size, int(asked.query.get("per_page", 30)))
        page = int(asked.query.get("page", 1))
        if "after" in asked.query:
            records = [each for each in records if _place(each) > asked.query["after"]]
            page = 1
        found, rest = records[(page - 1) * size : page * size], records[page * size :]
        etag = f'W/"{hashlib.sha256(json.dumps(found).encode()).hexdigest()}"'
        headers = {"ETag": etag}
        if rest:
            onward = {"after": _place(found[-1])} if by_cursor else {"page": str(page + 1)}
            query = urlencode({**asked.query, **onward})
            headers["Link"] = f'<http://{asked.headers["host"]}{asked.path}?{query}>; rel="next"'
        if asked.headers.get("if-none-match") == etag:
            return Answer(304, body=b"", headers=headers)
        return Answer(json=found, headers=headers)


def refused(status: int, message: str, headers: dict[str, str] | None = None) -> Answer:
    """A refusal as GitHub words it."""
    body = {"message": message, "documentation_url": "https://docs.github.com/rest", "status": str(status)}
    return Answer(status, json=body, headers=headers or {})


def _place(record: Record) -> str:
    """Where a record stands in the order of updates."""
    return f"{record['updated_at']} {record['id']:012d}"
