"""requirements-image.lock is what the image needs, in the versions that everything else is tested with."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent.parent
PIN = re.compile(r"^([\w.-]+)(?:\[[\w,-]+\])?==([^ ;\\]+)", re.MULTILINE)
EXTRAS = ("cloudquery", "github", "postgres", "sqlite")


def pins(name: str) -> dict[str, str]:
    return dict(PIN.findall((ROOT / name).read_text(encoding="utf-8")))


def test_it_has_what_the_project_asks_for() -> None:
    """Every dependency, with those of the extras that the image has, is locked in a version that is allowed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    wanted += [each for extra in EXTRAS for each in project["project"]["optional-dependencies"][extra]]
    locked = pins("requirements-image.lock")
    asked = [Requirement(each) for each in wanted]
    assert [str(each) for each in asked if not each.specifier.contains(locked.get(each.name.lower(), "0"))] == []


def test_it_agrees_with_the_other_lock() -> None:
    """A package that both have is the same version in both: run `make lock` for both."""
    image, other = pins("requirements-image.lock"), pins("requirements.lock")
    assert {
        name: (image[name], other[name]) for name in image.keys() & other.keys() if image[name] != other[name]
    } == {}
