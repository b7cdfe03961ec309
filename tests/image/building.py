"""Builds images with buildah, which needs no daemon, and runs commands in them, as a container engine would."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
CACHE = ROOT / ".cache" / "image"
SUITE = "bookworm"
PACKAGES = "python3,python3-venv,ca-certificates"
BASE, IMAGE = "headwater-base", "headwater-test"
SOURCE = "integrations.typeform"
PIP_SETTINGS = ("index-url", "extra-index-url", "proxy", "timeout", "trusted-host")
CERTIFICATES = "/run/pip-certificates.crt"
BUILDS_WITHIN_S, RUNS_WITHIN_S, STOPS_WITHIN_S = 3600, 300, 30


def missing() -> str:
    """What keeps images from being built here, empty when nothing does."""
    if os.geteuid() != 0:
        return "images are built by root"
    wanted = ["buildah", *([] if os.environ.get("HEADWATER_IMAGE_BASE") else ["debootstrap"])]
    absent = [each for each in wanted if not shutil.which(each)]
    return f"apt-get install {' '.join(absent)}" if absent else ""


def environment() -> dict[str, str]:
    """Where buildah keeps its images: beside the checkout's other caches, apart from all others of the machine."""
    CACHE.mkdir(parents=True, exist_ok=True)
    settings = CACHE / "storage.conf"
    driver = os.environ.get("STORAGE_DRIVER", "overlay")
    settings.write_text(
        f'[storage]\ndriver = "{driver}"\ngraphroot = "{CACHE / "images"}"\nrunroot = "{CACHE / "run"}"\n',
        encoding="utf-8",
    )
    return {
        **os.environ,
        "CONTAINERS_STORAGE_CONF": str(settings),
        "BUILDAH_ISOLATION": "chroot",
        "BUILDAH_LAYERS": "true",
    }


def buildah(*arguments: str, within_s: float = BUILDS_WITHIN_S) -> str:
    """Run buildah; what it prints. Raises: AssertionError with its last words."""
    command = ["buildah", *arguments]
    done = subprocess.run(command, env=environment(), cwd=ROOT, capture_output=True, text=True, timeout=within_s)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout.strip()


def base() -> str:
    """The base: HEADWATER_IMAGE_BASE, else Debian's with Python, made once, which asks no image registry."""
    if named := os.environ.get("HEADWATER_IMAGE_BASE"):
        return named
    if BASE not in buildah("images", "--format", "{{.Name}}"):
        folder = CACHE / "debian"
        shutil.rmtree(folder, ignore_errors=True)
        command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(folder / "root")]
        folder.mkdir(parents=True)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=BUILDS_WITHIN_S)
        (folder / "Dockerfile").write_text('FROM scratch\nADD root /\nCMD ["sh"]\n', encoding="utf-8")
        buildah("bud", "--format", "docker", "--tag", BASE, str(folder))
        shutil.rmtree(folder)
    return BASE


def build() -> str:
    """The image of this checkout, which serves SOURCE; layers that have not changed are taken from the last time."""
    buildah(
        "bud", "--format", "docker", "--tag", IMAGE, "--build-arg", f"BASE={base()}", "--build-arg", f"SOURCE={SOURCE}",
        *_pip(), ".",
    )  # fmt: skip
    buildah("rmi", "--prune")  # the layers of what it was before
    return IMAGE


def _pip() -> list[str]:
    """How pip reaches its packages on this machine: its settings as a secret, its certificates mounted."""
    listed = subprocess.run(["python3", "-m", "pip", "config", "list"], capture_output=True, text=True, check=False)
    found = {}
    for line in listed.stdout.splitlines():
        key, _, value = line.partition("=")
        found[key.rpartition(".")[2].removeprefix("default-")] = value.strip("'\"")
    wanted = {key: found[key] for key in PIP_SETTINGS if key in found}
    if certificates := found.get("cert"):
        wanted["cert"] = CERTIFICATES
    secret = CACHE / "pip.conf"
    secret.write_text("[global]\n" + "".join(f"{key} = {value}\n" for key, value in wanted.items()), encoding="utf-8")
    secret.chmod(0o600)
    mounted = ["--volume", f"{certificates}:{CERTIFICATES}:ro"] if certificates else []
    return ["--secret", f"id=pip,src={secret}", *mounted]


@dataclass(frozen=True, slots=True)
class Container:
    """A container of the image; its network is the machine's."""

    name: str
    about: Mapping[str, Any]

    def command(self, *arguments: str) -> list[str]:
        """What a container engine would run for these arguments: the image's own command when there are none."""
        return [*self.about["Entrypoint"], *(arguments or self.about["Cmd"])]

    @property
    def health_command(self) -> list[str]:
        """What it would run from time to time."""
        kind, *command = self.about["Healthcheck"]["Test"]
        assert kind == "CMD"
        return command

    def run(self, *command: str, options: Sequence[str] = ()) -> "subprocess.CompletedProcess[str]":
        """Run a command in it, to its end."""
        whole = ["buildah", "run", *options, self.name, "--", *command]
        return subprocess.run(whole, env=environment(), capture_output=True, text=True, timeout=RUNS_WITHIN_S)

    @contextmanager
    def running(self, *command: str, log: Path) -> Iterator[int]:
        """Run a command as long as the block lasts; its process id. It ends by SIGTERM, with exit code 0."""
        shell = ["sh", "-c", 'echo $$; exec "$@"', "sh", *command]
        whole = ["buildah", "run", self.name, "--", *shell]
        with log.open("w") as output, log.with_suffix(".errors").open("w") as errors:
            process = subprocess.Popen(whole, env=environment(), stdout=output, stderr=errors)
        pid = _first_line(log)
        try:
            yield pid
            os.kill(pid, signal.SIGTERM)
            assert process.wait(STOPS_WITHIN_S) == 0
        finally:
            if process.poll() is None:
                os.kill(pid, signal.SIGKILL)
                process.wait(STOPS_WITHIN_S)


def _first_line(log: Path) -> int:
    give_up = time.monotonic() + RUNS_WITHIN_S
    while "\n" not in log.read_text(encoding="utf-8"):
        assert time.monotonic() < give_up, "the container does not start"
        time.sleep(0.1)
    return int(log.read_text(encoding="utf-8").partition("\n")[0])


@contextmanager
def container(image: str) -> Iterator[Container]:
    """A new container, which is removed afterwards."""
    name = buildah("from", image)
    try:
        yield Container(name, json.loads(buildah("inspect", name))["Docker"]["config"])
    finally:
        buildah("rm", name)
