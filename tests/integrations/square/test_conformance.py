"""Square against the rules that every integration keeps."""

import pytest

from orchestration.testing import conformance
from tests.integrations.square.server import SquareServer

TOKEN = "secret-token-of-the-test"
SERVER = SquareServer(TOKEN)
SERVER.fill()

pytestmark = pytest.mark.slow  # 34 tables, each synced up to twice a test
TestSquare = pytest.mark.timeout(300)(conformance("integrations.square", SERVER.answer, spec={"access_token": TOKEN}))
