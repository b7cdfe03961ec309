"""Families: which listing is below which, by the parameters that it needs and who gives them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from integrations.sdk.openapi.columns import KEYS
from integrations.sdk.openapi.document import PARAMETER
from integrations.sdk.openapi.listings import Listing
from integrations.sdk.openapi.naming import nouns, singular, snake


@dataclass(slots=True)
class Member:
    """A listing in its family.

    `given` says which of the parent's columns each parameter is; `settings` are those that only a user can give.
    """

    listing: Listing
    parent: "Member | None" = None
    given: Mapping[str, str] = field(default_factory=dict)
    settings: tuple[str, ...] = ()
    children: "list[Member]" = field(default_factory=list)

    @property
    def columns(self) -> list[str]:
        """The names of its columns: those from its parent first."""
        own = [each.name for each in self.listing.fields]
        return [snake(name) for name in self.given if snake(name) not in own] + own

    @property
    def keys(self) -> list[str]:
        """The columns that tell its rows apart; a record may be unique within its parent only."""
        return [*dict.fromkeys([*map(snake, self.given), *self.listing.keys])] if self.listing.keys else []


def families(listings: Sequence[Listing]) -> list[Member]:
    """All listings as members, parents before their children; a listing has one parent at most."""
    members = {listing.path: Member(listing) for listing in listings}
    for member in members.values():
        if member.listing.needs:
            _place(member, list(members.values()))
    for member in members.values():
        if member.parent:
            member.parent.children.append(member)
    made: list[Member] = []
    for member in members.values():
        if member.parent is None:
            _walk(member, made)
    return made


def _place(member: Member, all_: Sequence[Member]) -> None:
    """Find its parent: who lists what its last parameter names; the others are then the parent's own, or settings."""
    *outer, last = member.listing.needs
    parent = next((each for each in all_ if _lists(each, member, last) and not _is_below(each, member)), None)
    key = _key_for(parent, last) if parent else None
    if parent is None or key is None:
        member.settings = tuple(member.listing.needs)
        return
    theirs = [name for name in outer if name in parent.listing.needs]
    member.parent = parent
    member.given = {**{name: snake(name) for name in theirs}, last: key}
    member.settings = tuple(name for name in outer if name not in theirs)


def _lists(candidate: Member, member: Member, need: str) -> bool:
    """Whether the candidate lists the things whose key the member needs."""
    path, own = candidate.listing.path, member.listing.path
    if candidate is member:
        return False
    if f"{{{need}}}" in own:
        above = own[: own.index(f"{{{need}}}")].rstrip("/")
        return PARAMETER.sub("{}", path.removesuffix("/search").removesuffix("/list").rstrip("/")) == PARAMETER.sub(
            "{}", above
        )
    wanted = snake(need)
    return not candidate.listing.needs and any(wanted == f"{singular(nouns(path)[-1])}{end}" for end in ("_id", "_key"))


def _is_below(candidate: Member, member: Member) -> bool:
    above = candidate.parent
    while above:
        if above is member:
            return True
        above = above.parent
    return False


def _key_for(parent: Member, need: str) -> str | None:
    """Which of the parent's columns the parameter is: the one of its name, else the key."""
    own = {each.name for each in parent.listing.fields}
    named = snake(need)
    keys = parent.listing.keys
    return next((name for name in (*([named] if named in keys else []), *keys, named, *KEYS[:1]) if name in own), None)


def _walk(member: Member, made: list[Member]) -> None:
    made.append(member)
    for child in member.children:
        _walk(child, made)
