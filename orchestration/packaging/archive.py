"""The archive of a script: how it is made, and why one from elsewhere is refused. Nothing in it is ever run."""

import ast
import hashlib
import io
import stat
import struct
import unicodedata
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import yaml

from integrations.sdk.errors import ConfigError, DeclarationError
from integrations.sdk.manifest import Manifest, manifest_from
from integrations.sdk.names import slug
from orchestration.packaging.manifest_rules import IMAGES, MAX_ICON_BYTES

MANIFEST, README = "manifest.yaml", "README.md"
MAX_ARCHIVE_BYTES = 16 << 20
MAX_UNPACKED_BYTES = 16 << 20
MAX_ENTRIES = 16
MAX_RATIO = 200
CHUNK_BYTES = 64 * 1024
END_OF_DIRECTORY = struct.Struct("<4s4H2LH")
DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{name}{n}" for name in ("com", "lpt") for n in range(1, 10))})


@dataclass(frozen=True, slots=True)
class Packed:
    """A finished archive."""

    path: Path
    sha256: str
    entries: tuple[str, ...]


def pack(script: Path, manifest: Manifest, folder: Path) -> Packed:
    """Write NAME-VERSION.zip into the folder: the same files give the same bytes. Raises: ConfigError."""
    entries = dict(sorted(_entries(script, manifest).items()))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in entries.items():
            entry = zipfile.ZipInfo(name)  # of 1980; stored, since compressors differ from machine to machine
            entry.create_system, entry.external_attr = 3, (stat.S_IFREG | 0o644) << 16
            archive.writestr(entry, content)
    content = buffer.getvalue()
    path = folder / f"{slug(manifest.name)}-{manifest.version}.zip"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".zip.tmp")
        fresh.write_bytes(content)
        fresh.replace(path)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written: {error.strerror}", hint="choose another folder with --out"
        ) from None
    return Packed(path, hashlib.sha256(content).hexdigest(), tuple(entries))


def _entries(script: Path, manifest: Manifest) -> dict[str, bytes]:
    folder = manifest.path.parent
    names = {"script": f"{slug(script.stem)}.py", "icon": None, "readme": README}
    entries = {str(names["script"]): script.read_bytes(), README: _readme(manifest, str(names["script"])).encode()}
    if manifest.icon:
        names["icon"] = f"icon{Path(manifest.icon).suffix.lower()}"
        entries[str(names["icon"])] = (folder / manifest.icon).read_bytes()
    if manifest.readme:
        file = folder / manifest.readme
        if Path(manifest.readme).is_absolute() or ".." in Path(manifest.readme).parts or not file.is_file():
            raise ConfigError(f"the manifest's `readme`, `{manifest.readme}`, is not a file beside it")
        entries[README] = file.read_bytes()
    stated = {key: value for key, value in {**manifest.model_dump(), **names}.items() if value is not None}
    entries[MANIFEST] = yaml.safe_dump(stated, sort_keys=False, allow_unicode=True, width=120).encode()
    return entries


def _readme(manifest: Manifest, script: str) -> str:
    """What whoever uploads the archive has to fill in."""
    lines = [f"# {manifest.name} {manifest.version}", "", manifest.description, ""]
    lines += [f"Category: {manifest.category}", ""] if manifest.category else []
    lines += [f"The integration is `{script}`; everything else is for the form beside it.", "", "## Inputs", ""]
    for each in manifest.inputs:
        marks = [each.type, "required" if each.required else "optional", *(["sensitive"] if each.sensitive else [])]
        lines.append(f"- `{each.name}` ({', '.join(marks)})" + (f": {each.help}" if each.help else ""))
    lines += ["None."] if not manifest.inputs else []
    lines += ["", "## Endpoints", "", *([f"- {text}" for text in manifest.endpoints] or ["None."]), ""]
    return "\n".join(lines)


def refusals(path: Path) -> list[str]:
    """Every reason why an archive is not to be unpacked or uploaded; none when it is fit. Runs nothing of it."""
    try:
        if path.stat().st_size > MAX_ARCHIVE_BYTES:
            return [f"it is larger than {MAX_ARCHIVE_BYTES >> 20} MiB"]
        content = path.read_bytes()
        if (counted := _counted(content)) > MAX_ENTRIES:
            return [f"it has {counted:,} entries; an archive has at most {MAX_ENTRIES}"]
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return list(dict.fromkeys(_check_archive(archive, len(content))))
    except OSError as error:
        return [f"it cannot be read: {error.strerror}"]
    except (zipfile.BadZipFile, NotImplementedError, ValueError, UnicodeError, EOFError, RuntimeError, struct.error):
        return ["it is not a zip archive that can be read"]


def _counted(content: bytes) -> int:
    """How many entries the archive's last record speaks of, before anything is made of them."""
    at = content.rfind(b"PK\x05\x06")
    if at < 0 or len(content) < at + END_OF_DIRECTORY.size:
        raise zipfile.BadZipFile
    return int(END_OF_DIRECTORY.unpack_from(content, at)[4])  # 65,535 where there are more


def _check_archive(archive: zipfile.ZipFile, size: int) -> Iterator[str]:
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        yield f"it has {len(entries):,} entries; an archive has at most {MAX_ENTRIES}"
        return
    seen: dict[str, str] = {}
    for entry in entries:
        yield from _check_name(entry)
        folded = unicodedata.normalize("NFKC", entry.filename).casefold()
        if folded in seen:
            same = "is there twice" if seen[folded] == entry.filename else f"and `{seen[folded]}` are one on some disks"
            yield f"`{entry.filename}` {same}"
        seen[folded] = entry.filename
        if entry.flag_bits & 1:
            yield f"`{entry.filename}` is encrypted"
    if sum(entry.compress_size for entry in entries) > size:
        yield "its entries overlap"
        return
    contents: dict[str, bytes] = {}
    left = MAX_UNPACKED_BYTES
    for entry in entries:
        if entry.flag_bits & 1:
            continue
        if entry.file_size > max(entry.compress_size, 1) * MAX_RATIO:
            yield f"`{entry.filename}` grows more than {MAX_RATIO} times when it is unpacked"
            continue
        read, problem = _read(archive, entry, left)
        if problem:
            yield problem
        else:
            contents[entry.filename] = read
            left -= len(read)
    yield from _check_contents(contents, {entry.filename for entry in entries})


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, at_most: int) -> tuple[bytes, str]:
    """The entry's bytes, counted as they come: the size that it states may be a lie."""
    chunks, size = [], 0
    try:
        with archive.open(entry) as file:
            while chunk := file.read(CHUNK_BYTES):
                size += len(chunk)
                if size > at_most:
                    return b"", f"it is larger than {MAX_UNPACKED_BYTES >> 20} MiB when it is unpacked"
                chunks.append(chunk)
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, EOFError, RuntimeError):
        return b"", f"`{entry.filename}` cannot be read: it is damaged"
    except Exception as error:  # noqa: BLE001 - zlib and others have errors of their own
        return b"", f"`{entry.filename}` cannot be read: {type(error).__name__}"
    return b"".join(chunks), ""


def _check_name(entry: zipfile.ZipInfo) -> Iterator[str]:
    name, raw = entry.filename, getattr(entry, "orig_filename", entry.filename)
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        what = {stat.S_IFLNK: "a symbolic link", stat.S_IFDIR: "a folder"}.get(kind, "a special file")
        yield f"`{name}` is {what}"
    elif name.endswith("/"):
        yield f"`{name}` is a folder"
    if name.startswith(("/", "\\")) or name[1:2] == ":":
        yield f"`{name}` is an absolute path"
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if ".." in parts:
        yield f"`{name}` leads out of the folder"
    elif len(parts) != 1:
        yield f"`{name}` is not at the top: an archive has no folders"
    if "\\" in raw or any(unicodedata.category(letter) in ("Cc", "Cf", "Cs") for letter in raw) or not name.isascii():
        yield f"{name!r} has a character that is not for file names"
    if name.split(".")[0].lower() in DEVICES or name != name.strip(" .") or set(name) & set('<>:"|?*'):
        yield f"`{name}` is no file name on some systems"


def _check_contents(contents: dict[str, bytes], names: set[str]) -> Iterator[str]:
    if MANIFEST not in names:
        yield f"it has no {MANIFEST}"
    if MANIFEST not in contents:
        return
    try:
        manifest = manifest_from(yaml.safe_load(contents[MANIFEST]), Path(MANIFEST))
    except DeclarationError as error:
        yield error.what
        return
    except (yaml.YAMLError, ValueError, RecursionError):
        yield f"{MANIFEST} is not YAML"
        return
    wanted = {MANIFEST, README, *(name for name in (manifest.script, manifest.icon, manifest.readme) if name)}
    for name in sorted(names - wanted):
        yield f"`{name}` is not what the manifest speaks of"
    if not manifest.script or not manifest.script.endswith(".py") or manifest.script not in names:
        yield "the manifest's `script` is not in it"
    elif manifest.script in contents:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ast.parse(contents[manifest.script])
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            yield f"`{manifest.script}` is not Python"
    if manifest.icon in contents:
        icon = contents[str(manifest.icon)]
        kind = IMAGES.get(PurePosixPath(str(manifest.icon)).suffix.lower())
        if len(icon) > MAX_ICON_BYTES or kind is None or not kind.match(icon):
            yield f"`{manifest.icon}` is no icon"
