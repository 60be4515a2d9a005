"""The stage that asks the upstream for token counts which the client did not ask for."""

from inferloop_runtime.gateway.endpoints import Api
from inferloop_runtime.gateway.exchange import Exchange


class AskUsage:
    """Have every stream end with its token counts: OpenAI's `include_usage`, TGI's `details`.

    What the client did not ask for is taken out again by the stage that meters.
    """

    name = "ask-usage"

    async def process(self, exchange: Exchange) -> None:
        """Change the request's body where it starts a stream without counts."""
        document = exchange.document
        if document is None or not exchange.endpoint.metered:
            return
        if exchange.endpoint.api is Api.OPENAI:
            options = document.get("stream_options")
            if document.get("stream") is True and (options is None or isinstance(options, dict)):
                options = options or {}
                if not options.get("include_usage"):
                    exchange.replace_document(stream_options=options | {"include_usage": True})
                    exchange.hidden_usage = True
        elif exchange.endpoint.path == "/generate_stream" or document.get("stream") is True:
            parameters = document.get("parameters")
            if (parameters is None or isinstance(parameters, dict)) and not (parameters or {}).get("details"):
                exchange.replace_document(parameters=(parameters or {}) | {"details": True})
                exchange.hidden_details = True
