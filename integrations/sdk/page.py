"""Pages: slicing an answer's records out of its envelope without decoding them.

A record stays the bytes that the source sent. msgspec walks the envelope once, decodes only the fields that
paging asks for, and hands each record back as a slice of the body.
"""

import codecs
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import msgspec

from integrations.sdk.errors import DeclarationError, PageUnreadable
from integrations.sdk.redact import excerpt

Tree = dict[str, "Tree | type"]

EACH = "*"  # behind a path: the records are an object's values; in a record: its key there

MAX_SHOWN = 120
LATIN = ("iso-8859-1", "latin-1", "latin1", "windows-1252", "cp1252")  # servers' default label, often wrong


class Number(str):
    """A JSON number as the source wrote it: no digit is lost."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class SyncToken:
    """The token with which the next sync goes on, once everything that was yielded before it is committed."""

    token: str


@dataclass(slots=True)
class Page:
    """Records as JSON text, UTF-8, one object each, in the source's order; `size_bytes` is the answer's."""

    records: Sequence[bytes | msgspec.Raw]
    size_bytes: int = 0
    lines: bool = field(default=False)  # whether no record can hold a line break, known beforehand
    sync_token: str | None = None  # see TokenCursor

    def __len__(self) -> int:
        return len(self.records)

    def joined(self) -> bytes:
        """The records, one a line."""
        text = b"\n".join(self.records)
        if self.lines or text.count(b"\n") == len(self.records) - 1 or not self.records:
            return text
        return b"\n".join(msgspec.json.format(bytes(record), indent=-1) for record in self.records)


@dataclass(frozen=True, slots=True)
class Envelope:
    """What surrounds the records: the fields that paging asked for, by path; absent is None."""

    values: Mapping[str, Any]
    count: int
    last: "msgspec.Raw | bytes | None" = None


class Slicer:
    """Finds the records at one path of an answer, and other fields beside them.

    A path that ends in `*` leads to an object whose values are the records. Each gets its key as its field `*`.
    """

    def __init__(self, records: str, fields: Sequence[str] = ()) -> None:
        self._keyed = records.rpartition(".")[2] == EACH
        self.records = records = records.removesuffix(EACH).removesuffix(".") if self._keyed else records
        if self._keyed and not records and fields:
            raise DeclarationError(f"`{fields[0]}` is one of the records", hint="page by what is not in the answer")
        self.fields = tuple(fields)
        tree: Tree = {}
        for path in self.fields:
            _plant(tree, path, Any)
        holder: Any = dict[str, msgspec.Raw] if self._keyed else list[msgspec.Raw]
        if records:
            _plant(tree, records, holder)
        self._attributes: dict[str, tuple[str, ...]] = {}  # path → the attributes that lead to it
        type_ = _struct_of(tree, self._attributes) if tree else holder
        if tree and not records:
            type_ |= list[msgspec.Raw]
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(type_)

    def slice(self, body: bytes, content_type: str = "") -> tuple[Page, Envelope]:
        """Cut the body into records. Raises: PageUnreadable, saying what came instead."""
        text = _as_utf8(body, content_type)
        try:
            found = self._decoder.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return self._slice_slowly(text, content_type, error)
        if self.records:
            records = self._pick(found, self.records)
        else:
            records = found if isinstance(found, list) or self._keyed else [msgspec.Raw(text)]
        values = {path: self._pick(found, path) for path in self.fields}
        if records is None:
            if self.records and not self._names_records(text):
                raise PageUnreadable(f"the answer has no `{self.records}`", hint=_keys_hint(text))
            records = []
        if self._keyed:
            records = [_with_key(key, record) for key, record in dict(records).items()]
        page = Page(records, len(body), lines=b"\n" not in text)
        return page, Envelope(values, len(records), records[-1] if records else None)

    def _pick(self, found: Any, path: str) -> Any:
        for attribute in self._attributes[path]:
            found = getattr(found, attribute, None)
        return found

    def _names_records(self, text: bytes) -> bool:
        """Whether the path to the records is there, with a null at its end."""
        try:
            value: Any = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False  # something beside the path cannot be read
        for key in self.records.split("."):
            if not isinstance(value, dict) or key not in value:
                return False
            value = value[key]
        return True

    def _slice_slowly(self, text: bytes, content_type: str, error: Exception) -> tuple[Page, Envelope]:
        """Read what the fast way refuses: one object instead of a list, or a record with a broken string.

        A record that cannot be read must not take the page with it, so that the warehouse can name it.
        """
        if isinstance(error, RecursionError):
            raise _too_deep() from None
        try:
            whole = json.loads(text, parse_float=Number, parse_int=Number, parse_constant=Number, strict=False)
        except (ValueError, RecursionError):
            raise _not_json(text, content_type) from None
        found, values = whole, {}
        for path in self.fields:
            values[path] = _dig(whole, path)
        if self.records:
            found = _dig(whole, self.records)
        if isinstance(found, dict) and self._keyed:
            found = [{EACH: key, **record} if isinstance(record, dict) else record for key, record in found.items()]
        if isinstance(found, dict) and not isinstance(error, UnicodeDecodeError):
            found = [found]  # a single object where a list is usual
        if not isinstance(found, list):
            where = f"`{self.records}`" if self.records and isinstance(whole, dict) else "the answer"
            found = found if isinstance(whole, dict) else whole
            if isinstance(whole, list):
                raise PageUnreadable(
                    f"the answer is a list, and has no `{self.records}`", hint=_keys_hint(text)
                ) from None
            raise PageUnreadable(
                f"{where} is {_kind_of(found)}, not a list of records", hint=_keys_hint(text)
            ) from None
        try:
            records = [dump_exactly(record).encode("ascii") for record in found]
            values = {path: _plain(value) for path, value in values.items()}
        except RecursionError:
            raise _too_deep() from None
        page = Page(records, len(text), lines=True)
        return page, Envelope(values, len(records), records[-1] if records else None)


@lru_cache(maxsize=256)
def slicer(records: str, fields: tuple[str, ...]) -> Slicer:
    """The slicer for these paths; made once."""
    return Slicer(records, fields)


def decode_json(body: bytes, content_type: str = "") -> Any:
    """The body as Python values. Raises: PageUnreadable, saying what came instead."""
    text = _as_utf8(body, content_type)
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _not_json(text, content_type) from None


def dump_exactly(value: Any) -> str:
    """JSON text, ASCII only, of what `json.loads` gave with `Number` for its numbers."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        inner = ",".join(f"{json.dumps(key)}:{dump_exactly(item)}" for key, item in value.items())
        return f"{{{inner}}}"
    if isinstance(value, list):
        return f"[{','.join(map(dump_exactly, value))}]"
    return json.dumps(value)


def _as_utf8(body: bytes, content_type: str) -> bytes:
    """The body as UTF-8 without a byte-order mark, whatever charset it came in."""
    if body.startswith(codecs.BOM_UTF8):
        return body[len(codecs.BOM_UTF8) :]
    charset = content_type.lower().partition("charset=")[2].split(";")[0].strip(" \"'")
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        charset = "utf-16"
    if charset in ("", "utf-8", "utf8", "us-ascii", "ascii"):
        return body
    if charset in LATIN and _is_utf8(body):
        return body
    try:
        return body.decode(charset).encode("utf-8")
    except (LookupError, UnicodeError):
        raise PageUnreadable(
            f"the answer says it is in charset {charset}, and is not", hint="report it to the source"
        ) from None


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _with_key(key: str, record: msgspec.Raw) -> bytes | msgspec.Raw:
    """A record that is an object, with its key as the first field; what is none as it is."""
    text = bytes(record)
    if not text.startswith(b"{"):
        return record
    return b'{"%s":%s%s%s' % (
        EACH.encode(),
        msgspec.json.encode(key),
        b"" if text[1:].lstrip() == b"}" else b",",
        text[1:],
    )


def _plant(tree: Tree, path: str, type_: Any) -> None:
    """Put the path into the tree. Raises: DeclarationError when it leads through the end of another."""
    *parents, leaf = path.split(".")
    for key in parents:
        branch = tree.setdefault(key, {})
        if not isinstance(branch, dict):
            raise _overlap(path)
        tree = branch
    if isinstance(tree.setdefault(leaf, type_), dict):
        raise _overlap(path)


def _overlap(path: str) -> DeclarationError:
    return DeclarationError(
        f"the path `{path}` is one end of another path of the same listing",
        hint="let records=, error= and the paginator name fields that do not contain each other",
    )


def _struct_of(tree: Tree, attributes: dict[str, tuple[str, ...]], path: str = "", way: tuple[str, ...] = ()) -> Any:
    """A msgspec struct for the tree; fills in which attributes lead to each path.

    A key may be any text, so a field is called f0, f1, … and renamed to its key.
    """
    fields, rename = [], {}
    for position, (key, branch) in enumerate(tree.items()):
        name, here = f"f{position}", f"{path}.{key}" if path else key
        attributes[here] = (*way, name)
        type_ = _struct_of(branch, attributes, here, (*way, name)) if isinstance(branch, dict) else branch
        fields.append((name, type_ if type_ is Any else type_ | None, None))
        rename[name] = key
    return msgspec.defstruct("Envelope", fields, rename=rename, gc=False)


def _dig(value: Any, path: str) -> Any:
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _plain(value: Any) -> Any:
    return json.loads(dump_exactly(value))


def _kind_of(value: object) -> str:
    kinds = {dict: "an object", list: "a list", Number: "a number", str: "a text", bool: "a boolean"}
    return kinds.get(type(value), "null" if value is None else type(value).__name__)


def _keys_hint(text: bytes) -> str:
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    if isinstance(value, dict):
        return f"its keys are: {', '.join(list(value)[:12])}; name the right one with records="
    return f"it is {_kind_of(value)}; leave records= out when the answer itself is the list"


def _too_deep() -> PageUnreadable:
    return PageUnreadable("the answer is nested too deeply to be read", hint="report it to the source")


def _not_json(text: bytes, content_type: str) -> PageUnreadable:
    start = excerpt(text[: 16 * MAX_SHOWN].decode("utf-8", "replace"), MAX_SHOWN)
    if "html" in content_type.lower() or start[:1] == "<":
        return PageUnreadable(
            f"the answer is a web page, not JSON: {start!r}",
            hint="check base_url: this is often a log-in page or a proxy's error page",
        )
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
        reason = "a text in it is not UTF-8"
    except (msgspec.DecodeError, RecursionError) as error:
        reason = str(error)
    return PageUnreadable(f"the answer is not whole JSON ({reason}): {start!r}", hint="report it to the source")
