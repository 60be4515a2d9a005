"""The stage that chooses the model server."""

import orjson

from inferloop_runtime.gateway.exchange import Exchange, Response
from inferloop_runtime.gateway.upstreams import UpstreamPool


class Route:
    """Choose an upstream by the model that the request names; list the models where there are several."""

    name = "route"

    def __init__(self, upstreams: UpstreamPool) -> None:
        self._upstreams = upstreams

    async def process(self, exchange: Exchange) -> None:
        """Set `exchange.upstream` and `exchange.model`; raises Refusal (404) for a model that is not served."""
        if exchange.endpoint.path == "/v1/models" and len(self._upstreams.models) > 1:
            exchange.response = self._list_models()
            return
        model = exchange.document.get("model") if exchange.document is not None else None
        upstream = self._upstreams.choose(model if isinstance(model, str) else None)
        exchange.upstream = upstream
        exchange.model = upstream.model

    def _list_models(self) -> Response:
        models = [
            {"id": model, "object": "model", "created": 0, "owned_by": "inferloop"} for model in self._upstreams.models
        ]
        body = orjson.dumps({"object": "list", "data": models})
        return Response(200, [(b"content-type", b"application/json")], body)
