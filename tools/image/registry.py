"""Ask a container registry for the digest behind a tag, over its HTTP API.

Source: OCI Distribution Specification 1.1 (pulling manifests) and the token authentication of
https://distribution.github.io/distribution/spec/auth/token/. Anonymous access only: base images are public.
"""

import hashlib
import json
import re
import urllib.error
import urllib.parse
import urllib.request

from tools.image.lock import ImageError

# An index before a manifest: one digest then covers every architecture.
_ACCEPT = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_LOOPBACK = ("localhost", "127.0.0.1")


def manifest_url(reference: str) -> str:
    """Give the address of a reference's manifest; `host/name:tag`, with Docker Hub's real host for `docker.io`."""
    match = re.fullmatch(r"(?P<host>[^/]+)/(?P<name>[^:@]+):(?P<tag>[\w.-]+)", reference)
    if match is None:
        raise ImageError(f"image reference {reference!r} is not of the form host/name:tag")
    host = "registry-1.docker.io" if match["host"] == "docker.io" else match["host"]
    scheme = "http" if host.partition(":")[0] in _LOOPBACK else "https"
    return f"{scheme}://{host}/v2/{match['name']}/manifests/{match['tag']}"


def _open(url: str, headers: dict[str, str], timeout_s: float) -> tuple[bytes, str | None]:
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=timeout_s) as answer:  # noqa: S310
        return answer.read(), answer.headers.get("Docker-Content-Digest")


def _token(challenge: str, timeout_s: float) -> str:
    fields = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    if not challenge.startswith("Bearer") or "realm" not in fields:
        raise ImageError(f"the registry asks for an authentication that is not anonymous: {challenge}")
    query = urllib.parse.urlencode({key: fields[key] for key in ("service", "scope") if key in fields})
    body, _ = _open(f"{fields['realm']}?{query}", {}, timeout_s)
    answer = json.loads(body)
    return str(answer.get("token") or answer["access_token"])


def digest_of(reference: str, timeout_s: float = 30.0) -> str:
    """Give `sha256:…` of the manifest (an index, where there is one) behind a tag.

    The digest is computed from the bytes that came, and compared with the one that the registry states.
    Raises ImageError where the registry is not reached, refuses or contradicts itself.
    """
    url = manifest_url(reference)
    headers = {"Accept": _ACCEPT}
    try:
        try:
            body, stated = _open(url, headers, timeout_s)
        except urllib.error.HTTPError as error:
            if error.code != 401:
                raise
            headers["Authorization"] = f"Bearer {_token(error.headers.get('WWW-Authenticate', ''), timeout_s)}"
            body, stated = _open(url, headers, timeout_s)
    except urllib.error.HTTPError as error:
        raise ImageError(f"the registry answered {error.code} {error.reason} for {reference}") from None
    except (urllib.error.URLError, TimeoutError) as error:
        raise ImageError(
            f"the registry of {reference} is not reached ({getattr(error, 'reason', error)}); run this command where "
            f"it is, or set HTTPS_PROXY"
        ) from None
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    if stated is not None and stated != digest:
        raise ImageError(f"the registry states {stated} for {reference}, but its answer has the digest {digest}")
    return digest
