"""Typeform: forms and the responses to them."""

from pydantic import BaseModel, Field, HttpUrl, SecretStr

from integrations.sdk import Bearer, HttpClient, Integration
from integrations.typeform.tables.forms import FORMS


class Spec(BaseModel, extra="forbid"):
    """What a user fills in to connect."""

    access_token: SecretStr
    base_url: HttpUrl = HttpUrl("https://api.typeform.com")
    page_size: int = Field(1000, ge=1, le=1000, description="Responses per page.")


class Typeform(Integration):
    """Typeform: forms and the responses to them."""

    spec = Spec
    tables = [FORMS]

    def connect(self, spec: Spec) -> HttpClient:
        """The account that the access token belongs to."""
        return HttpClient(spec.base_url, auth=Bearer(spec.access_token), params={"page_size": spec.page_size})
