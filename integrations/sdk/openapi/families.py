"""Families: which listing is below which, by the parameters that it needs and who gives them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from integrations.sdk.openapi.columns import KEYS
from integrations.sdk.openapi.document import PARAMETER
from integrations.sdk.openapi.listings import Listing
from integrations.sdk.openapi.naming import called, collection, nouns, singular, snake, unique
from integrations.sdk.types import Kind


@dataclass(slots=True)
class Member:
    """A listing in its family.

    `given` says which of the parent's columns each parameter is; `settings` which of the source's settings those are
    that only a user can give.
    """

    listing: Listing
    parent: "Member | None" = None
    given: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    children: "list[Member]" = field(default_factory=list)

    @property
    def above(self) -> dict[str, str]:
        """What the parameters that its parent gives are called as columns."""
        return names_above(self.listing, self.given)


def families(listings: Sequence[Listing]) -> list[Member]:
    """All listings as members, parents before their children; a listing has one parent at most."""
    members = {listing.path: Member(listing) for listing in listings}
    for member in members.values():
        if member.listing.needs:
            member.parent = _parent_of(member, list(members.values()))
    for member in members.values():
        if member.parent:
            member.parent.children.append(member)
    made: list[Member] = []
    for member in members.values():
        if member.parent is None:
            _walk(member, made)
    return made


def names_above(listing: Listing, given: Mapping[str, str]) -> dict[str, str]:
    """What the parameters from a parent are called as columns: as the record calls the same, but never as its key.

    A record's field of that name is the same thing when it is a simple value, and another when it is an object.
    """
    own = {each.name: each for each in listing.fields}
    made: dict[str, str] = {}
    for need, column in given.items():
        name, *others = called(listing.path, need), f"{snake(need)}_{column}", f"parent_{snake(need)}"
        if (same := own.get(name)) and (same.primary_key or same.type.kind is Kind.JSON):
            name = next((other for other in others if other not in own and other != name), f"{name}_above")
        made[need] = unique([*made.values(), name])[-1]
    return made


def _parent_of(member: Member, all_: Sequence[Member]) -> Member | None:
    """Who lists what its last parameter names."""
    last = member.listing.needs[-1]
    found = (each for each in all_ if _lists(each, member, last) and not _is_below(each, member))
    return next((each for each in found if _key_for(each, last)), None)


def _fill(member: Member) -> None:
    """Say where its parameters come from: what the parent got, the child gets; the last is the parent's key."""
    path, needs, parent = member.listing.path, member.listing.needs, member.parent
    given, settings = {}, {need: called(path, need) for need in needs}
    if parent:
        *outer, last = needs
        for need in outer:
            there = _same_place(parent.listing.path, path).get(need, need)
            if there in parent.above:
                given[need] = parent.above[there]
            elif there in parent.settings:
                settings[need] = parent.settings[there]
        given[last] = _key_for(parent, last) or last
    member.given = given
    member.settings = {need: setting for need, setting in settings.items() if need not in given}


def _same_place(path: str, below: str) -> dict[str, str]:
    """What a path calls the parameters that one below it may call otherwise."""
    if not PARAMETER.sub("{}", below).startswith(PARAMETER.sub("{}", path)):
        return {}
    return dict(zip(PARAMETER.findall(below), PARAMETER.findall(path), strict=False))


def _lists(candidate: Member, member: Member, need: str) -> bool:
    """Whether the candidate lists the things whose key the member needs."""
    path, own = candidate.listing.path, member.listing.path
    if candidate is member:
        return False
    if f"{{{need}}}" in own:
        above = own[: own.index(f"{{{need}}}")].rstrip("/")
        return PARAMETER.sub("{}", collection(path)) == PARAMETER.sub("{}", above)
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
    _fill(member)
    made.append(member)
    for child in member.children:
        _walk(child, made)
