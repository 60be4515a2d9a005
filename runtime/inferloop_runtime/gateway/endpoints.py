"""The paths that the gateway serves, and what each of them is."""

from dataclasses import dataclass
from enum import StrEnum


class Api(StrEnum):
    """The family of an endpoint; it decides how tokens are counted and how a broken stream is ended."""

    TGI = "tgi"
    OPENAI = "openai"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One proxied path; `metered` requests leave a row in the table `usage`."""

    path: str
    method: str
    api: Api
    metered: bool


ENDPOINTS = {
    endpoint.path: endpoint
    for endpoint in (
        Endpoint("/", "POST", Api.TGI, metered=True),
        Endpoint("/generate", "POST", Api.TGI, metered=True),
        Endpoint("/generate_stream", "POST", Api.TGI, metered=True),
        Endpoint("/tokenize", "POST", Api.TGI, metered=True),
        Endpoint("/chat_tokenize", "POST", Api.TGI, metered=True),
        Endpoint("/info", "GET", Api.TGI, metered=False),
        Endpoint("/v1/models", "GET", Api.OPENAI, metered=False),
        Endpoint("/v1/completions", "POST", Api.OPENAI, metered=True),
        Endpoint("/v1/chat/completions", "POST", Api.OPENAI, metered=True),
    )
}
