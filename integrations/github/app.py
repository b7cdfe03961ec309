"""Logging in as a GitHub App: a signed statement of who we are is exchanged for a token that lives an hour."""

import time
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from pydantic import SecretStr

from integrations.sdk import HttpClient, Response, register_secret
from integrations.sdk.auth import Credentials, ExpiringToken, TokenFetcher
from integrations.sdk.errors import ConfigError, LoginRefused
from integrations.sdk.pagination import Request
from integrations.sdk.refusals import is_limited, refusal

BACKDATED_S = 60  # GitHub's advice, for clocks that are ahead of its own
STATEMENT_S = 540  # at most ten minutes
LIFETIME_S = 3600.0


class GitHubApp(ExpiringToken):
    """An installation's token.

    Raises: ConfigError when the private key cannot be read, or the packages that sign with it are not installed.
    Source: https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/authenticating-as-a-github-app-installation
    """

    def __init__(self, app_id: str, installation_id: int, private_key: SecretStr) -> None:
        super().__init__()
        self._app_id, self._path = app_id, f"/app/installations/{installation_id}/access_tokens"
        self._key = _signing_key(private_key)

    def fetch(self, fetcher: TokenFetcher) -> tuple[str, float]:
        """Exchange a statement of who we are."""
        assert isinstance(fetcher, HttpClient)  # `fetch_token` posts forms, and cannot send a header
        statement = Credentials(headers={"Authorization": f"Bearer {self._statement()}"})
        response = fetcher.request(Request("POST", self._path, reads=True), credentials=statement)
        if not response.is_success:
            raise _refused(response)
        answer = response.json()
        token = answer.get("token") if isinstance(answer, dict) else None
        if not isinstance(token, str) or not token:
            raise LoginRefused("GitHub's answer has no token", request=response.request, hint="check base_url")
        return token, _lifetime_s(answer.get("expires_at"), response.headers.get("date", ""))

    def _statement(self) -> str:
        """A JSON Web Token that says which app we are, signed with its key (RS256)."""
        import jwt

        now = int(time.time())
        claims = {"iat": now - BACKDATED_S, "exp": now + STATEMENT_S, "iss": self._app_id}
        statement = jwt.encode(claims, self._key, algorithm="RS256")
        register_secret(statement)
        return statement


def _signing_key(private_key: SecretStr) -> Any:
    """The key, read from PEM whose line breaks may be written as a backslash and an n."""
    register_secret(private_key)
    try:
        import jwt  # noqa: F401 - found missing here, rather than at the first request
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError as missing:
        raise ConfigError(
            f"logging in as a GitHub App needs {missing.name}, which is not installed",
            hint="pip install 'headwater[github]'",
        ) from None
    text = private_key.get_secret_value().replace("\\n", "\n")
    try:
        return load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError):  # their text may quote the key
        raise ConfigError(
            "`app.private_key` is not a private key in PEM",
            hint="give the whole file that GitHub made, such as ${file:app.private-key.pem}",
        ) from None


def _refused(response: Response) -> Exception:
    """The error for a token that is not given: what passes is the source's matter, the rest the spec's."""
    if is_limited(response) or response.status_code >= 500:
        return refusal(response)
    hints = {
        401: "check app_id and private_key, and this machine's clock",
        404: "check installation_id, and that the app is still installed",
    }
    return LoginRefused(
        f"GitHub gives the app no token ({response.status_code})",
        request=response.request,
        status=response.status_code,
        hint=hints.get(response.status_code, "the installation may be suspended; look at the app's settings"),
    )


def _lifetime_s(expires_at: object, date: str) -> float:
    """The seconds from the answer's `Date` to its `expires_at`, both GitHub's clock; an hour if unsaid."""
    try:
        return (datetime.fromisoformat(str(expires_at)) - parsedate_to_datetime(date)).total_seconds()
    except (ValueError, TypeError):
        return LIFETIME_S
