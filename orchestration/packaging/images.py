"""Image tars of a package: built from the project's Dockerfile by docker, or by buildah where no daemon answers."""

import hashlib
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from integrations.sdk.errors import ConfigError

DAEMON_ANSWERS_WITHIN_S = 20
LAST_LINES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An image, as `package.json` lists it. The fields are its keys."""

    os: str
    arch: str
    path: str
    checksum: str
    docker_image_tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is built: the Dockerfile in its folder, with these build arguments, under this name and version."""

    dockerfile: Path
    repository: str
    name: str
    version: str
    arguments: Mapping[str, str] = field(default_factory=dict)


def build(plan: Plan, platform: str, folder: Path) -> Target:
    """Build the image for a platform such as linux/amd64, and write its tar. Raises: ConfigError."""
    os, slash, arch = platform.partition("/")
    if not slash or not os or not arch.isalnum():
        raise ConfigError(f"`{platform}` is not a platform", hint="write it as linux/amd64")
    if not plan.dockerfile.is_file():
        raise ConfigError(f"there is no {plan.dockerfile}", hint="name it with --dockerfile")
    tag = f"{plan.repository}:{plan.version}-{os}-{arch}"
    tar = folder / f"plugin-{plan.name}-{plan.version}-{os}-{arch}.tar"
    tar.unlink(missing_ok=True)
    for command in _commands(plan, platform, tag, tar.absolute()):
        _run(command, plan.dockerfile.parent)
    with tar.open("rb") as file:
        checksum = hashlib.file_digest(file, "sha256").hexdigest()
    return Target(os=os, arch=arch, path=tar.name, checksum=checksum, docker_image_tag=tag)


def _commands(plan: Plan, platform: str, tag: str, tar: Path) -> Sequence[Sequence[str]]:
    arguments = [word for name, value in plan.arguments.items() for word in ("--build-arg", f"{name}={value}")]
    how = ["--platform", platform, "--file", plan.dockerfile.name, "--tag", tag, *arguments, "."]
    if _has_docker():
        return [
            ["docker", "buildx", "build", "--load", *how],
            ["docker", "save", "--output", str(tar), tag],
        ]
    if shutil.which("buildah"):
        return [
            ["buildah", "bud", "--format", "docker", *how],  # the other format has no health check
            ["buildah", "push", tag, f"docker-archive:{tar}:{tag}"],
        ]
    raise ConfigError("an image needs docker with a daemon, or buildah", hint="install one, or leave --image out")


def _has_docker() -> bool:
    if not shutil.which("docker"):
        return False
    try:
        asked = subprocess.run(["docker", "info"], capture_output=True, timeout=DAEMON_ANSWERS_WITHIN_S)  # noqa: S607
    except subprocess.TimeoutExpired:
        return False
    return asked.returncode == 0


def _run(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)  # noqa: S603
    if done.returncode:
        last = "\n".join(done.stderr.strip().splitlines()[-LAST_LINES:])
        raise ConfigError(f"`{' '.join(command[:3])}` failed: {last}", hint="build it by hand to see all of it")
