"""The image, built once: only where HEADWATER_IMAGE is set (`make test-image`), by root, where buildah is installed.

HEADWATER_IMAGE_BASE names a base of an image registry; without it one is made of Debian's packages. Everything is kept
in .cache/image/.
"""

import os
from collections.abc import Iterator

import pytest

from tests.image.building import Container, build, container, missing


@pytest.fixture(scope="session")
def image() -> str:
    """The image's name."""
    if os.environ.get("HEADWATER_IMAGE") != "1":
        pytest.skip("left out: an image is built and run by `make test-image` (HEADWATER_IMAGE=1)")
    if reason := missing():
        pytest.skip(f"left out: {reason}")
    return build()


@pytest.fixture(scope="session")
def contained(image: str) -> Iterator[Container]:
    """A container for all tests."""
    with container(image) as made:
        yield made
