"""Names: from those of a document to those of tables and columns."""

import keyword
import re

from integrations.sdk.names import INTERNAL_PREFIX, slug
from integrations.sdk.openapi.document import PARAMETER

VERSION = re.compile(r"v?\d+([._]\d+)*(alpha|beta)?\d*|api|rest|public|latest", re.IGNORECASE)
ACTIONS = ("search", "list", "query", "all", "find", "_search")
GENERAL = ("id", "uuid", "uid", "guid", "gid", "sid", "key", "slug", "name", "number", "code")  # of whatever there is
# What HttpClient and pydantic's models have; `base_url` is every source's own setting, and no parameter's.
TAKEN = (
    *("close", "derive", "fetch_token", "get", "id", "limit", "limits", "pages", "post", "request"),
    *("construct", "copy", "dict", "from_orm", "json", "parse_file", "parse_obj", "parse_raw", "schema", "schema_json"),
    *("update_forward_refs", "validate"),
)
FORMAT = re.compile(r"\.(json|xml)$")  # of an answer, where a path says it
ACTION = re.compile(rf"(?<=[^/])[/.]({'|'.join(ACTIONS)})$")
TAG = re.compile(r"</?[a-zA-Z][\w-]*(\s[^<>]*)?/?>")
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069]")  # nothing that is read
HUMP = re.compile(r"(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def snake(name: str) -> str:
    """A column's name for a field's.

    >>> snake("createdAt"), snake("HTTPStatus"), snake("@type"), snake("unit-price")
    ('created_at', 'http_status', 'type', 'unit_price')
    """
    kept = "_" if name.startswith("_") and not name.startswith(INTERNAL_PREFIX) else ""
    made = slug(HUMP.sub("_", name))
    return made if made.startswith("_") else f"{kept}{made}"


def singular(name: str) -> str:
    """One of what a plural names, by the usual endings.

    >>> [singular(each) for each in ("entries", "addresses", "boxes", "status", "invoices", "evidence")]
    ['entry', 'address', 'box', 'status', 'invoice', 'evidence']
    """
    if name.endswith("ies") and len(name) > len("ties"):
        return f"{name[:-3]}y"
    if name.endswith(("sses", "xes", "ches", "shes", "zes")):
        return name[:-2]
    return name[:-1] if name.endswith("s") and not name.endswith(("ss", "us", "is", "news")) else name


def collection(path: str) -> str:
    """A path without what is done there, and without the format of the answer: where the things are.

    >>> [collection(path) for path in ("/v2/orders/search", "/users.list", "/Calls.json", "/Calls/{Sid}.json")]
    ['/v2/orders', '/users', '/Calls', '/Calls/{Sid}']
    """
    return ACTION.sub("", FORMAT.sub("", path.rstrip("/")))


def nouns(path: str) -> list[str]:
    """A path's words, without parameters, versions, and what is done.

    >>> nouns("/api/v2/customers/{customer_id}/cards/search")
    ['customers', 'cards']
    >>> nouns("/2010-04-01/Accounts/{Sid}/Calls.json"), nouns("/conversations.list")
    (['accounts', 'calls'], ['conversations'])
    """
    parts = [snake(part) for part in re.split(r"[/.]", collection(path).strip("/")) if not PARAMETER.search(part)]
    words = [part for part in parts if not VERSION.fullmatch(part.strip("_")) and part not in map(snake, ACTIONS)]
    return words or parts[-1:] or ["records"]


def table_name(path: str) -> str:
    """A table's name for a path.

    >>> table_name("/v2/customers/{customer_id}/cards"), table_name("/v2/payouts/{id}/payout-entries")
    ('customer_cards', 'payout_entries')
    """
    *above, last = nouns(path)
    made: list[str] = []
    for word in (*map(singular, above), last):
        made = [each for each in made if not word.startswith(f"{each}_")]
        if not made or made[-1] != word:
            made.append(word)
    return "_".join(made)


def other_names(path: str, parent: str = "") -> list[str]:
    """Names for a path whose own is taken: by its version, its parent's name, all its words.

    >>> other_names("/v3/{slug}/sites", "accounts")
    ['v3_sites', 'account_sites', 'sites']
    """
    words, name = nouns(path), table_name(path)
    versions = [part for part in path.strip("/").split("/") if re.fullmatch(r"v\d+", part) and part != "v1"]
    by_parent = [f"{singular(parent)}_{words[-1]}"] if parent else []
    return [*(f"{version}_{name}" for version in versions), *by_parent, "_".join(words)]


def called(path: str, need: str) -> str:
    """What a path's parameter is called where other paths have theirs: one that is only an `id` says of what.

    >>> called("/albums/{id}/tracks", "id"), called("/albums/{albumId}/tracks", "albumId")
    ('album_id', 'album_id')
    """
    name = snake(need)
    before, found, _ = path.partition(f"{{{need}}}")
    if not found or name.strip("_") not in GENERAL or not PARAMETER.sub("", before).strip("/"):
        return name
    return f"{singular(nouns(before)[-1])}_{name.strip('_')}"


def setting_name(name: str) -> str:
    """A setting's name, where a spec's field and a client's attribute may be called so.

    >>> setting_name("region"), setting_name("from"), setting_name("json")
    ('region', 'from_value', 'json_value')
    """
    taken = keyword.iskeyword(name) or name in TAKEN or name.startswith(("model_", "_"))
    return f"{name.strip('_')}_value" if taken else name


def first_sentence(text: str, longest: int = 200) -> str:
    """The first sentence of a description, without Markdown, cut at a word when it is too long.

    >>> first_sentence("The [id](https://a.b) of a `Card`. And more.")
    'The id of a `Card`.'
    """
    plain = re.sub(r"\[([^\]]+)\]\([^)\s]*\)", r"\1", TAG.sub("", CONTROL.sub("", text)))
    plain = re.sub(r"(__|\*\*)(.+?)\1", r"\2", plain).replace("&#64;", "@")
    paragraph = re.split(r"\n\s*(?:\n|[-*] )", plain.strip())[0]
    words = re.sub(r"\s+", " ", paragraph).strip()
    sentence = re.split(r"(?<=[^.\s]{2}[.!?])\s+(?=[A-Z`\"(])", words)[0]
    sentence = f"{sentence[:-1]}." if sentence.endswith(":") else sentence
    if len(sentence) <= longest:
        return sentence
    cut = sentence[: longest - 1]
    cut = cut.rsplit(" ", 1)[0] if " " in cut else cut
    cut = cut.rpartition(" (")[0] or cut if cut.count("(") > cut.count(")") else cut
    return cut.rstrip(" ,;:(") + "…"


def unique(names: list[str]) -> list[str]:
    """The names, with a number behind those that came before.

    >>> unique(["id", "name", "id"])
    ['id', 'name', 'id_2']
    """
    made: list[str] = []
    for name in names:
        number, candidate = 2, name
        while candidate in made or (candidate != name and candidate in names):
            candidate, number = f"{name}_{number}", number + 1
        made.append(candidate)
    return made


def words(text: str) -> tuple[str, ...]:
    """The words of a text."""
    return tuple(text.split())
