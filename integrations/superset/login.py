"""Logging in to Superset: name and password are exchanged for a token that lives some minutes."""

import json
from base64 import urlsafe_b64decode

from pydantic import SecretStr

from integrations.sdk import HttpClient, Response, register_secret
from integrations.sdk.auth import Credentials, ExpiringToken, TokenFetcher
from integrations.sdk.errors import LoginRefused
from integrations.sdk.pagination import Request
from integrations.sdk.refusals import is_limited, refusal

PATH = "/api/v1/security/login"
LIFETIME_S = 900.0  # Superset's default
NOBODY = Credentials()


class SupersetLogin(ExpiringToken):
    """A user's token. No refresh token is asked for: whoever has the password can do without.

    Source: https://superset.apache.org/docs/api, "Security"
    """

    def __init__(self, username: str, password: SecretStr, provider: str = "db") -> None:
        super().__init__()
        register_secret(password)
        self._who = {"username": username, "provider": provider, "refresh": False}
        self._password = password

    def fetch(self, fetcher: TokenFetcher) -> tuple[str, float]:
        """Log in."""
        assert isinstance(fetcher, HttpClient)  # `fetch_token` posts forms, and Superset takes JSON only
        who = {**self._who, "password": self._password.get_secret_value()}
        response = fetcher.request(Request("POST", PATH, json=who, reads=True), credentials=NOBODY)
        if not response.is_success:
            raise _refused(response)
        answer = response.json()
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if not isinstance(token, str) or not token:
            raise LoginRefused("Superset's answer has no token", request=response.request, hint="check base_url")
        return token, _lifetime_s(token)


def _refused(response: Response) -> Exception:
    """The error for a token that is not given: what passes is the source's matter, the rest the spec's."""
    if is_limited(response) or response.status_code >= 500:
        return refusal(response)
    return LoginRefused(
        f"Superset does not let the user in ({response.status_code})",
        request=response.request,
        status=response.status_code,
        hint="check base_url" if response.status_code == 404 else "check username, password and provider",
    )


def _lifetime_s(token: str) -> float:
    """From a token's issue to its end, both by Superset's clock; the default where it does not say."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return float(claims["exp"] - claims["iat"])
    except (IndexError, KeyError, TypeError, ValueError):
        return LIFETIME_S
