"""The request path as named stages over one exchange."""

from collections.abc import Sequence
from typing import Protocol

from inferloop_runtime.gateway.exchange import Exchange
from inferloop_runtime.gateway.refusal import Refusal


class Stage(Protocol):
    """One step of a request's way.

    An inbound stage may end the way in by setting `exchange.response` or raising Refusal; then later inbound stages do
    not run. Outbound stages run on every response; they may replace it or wrap its body. A stage holds no state of one
    request.
    """

    @property
    def name(self) -> str:
        """Name the stage in logs and documentation."""
        ...

    async def process(self, exchange: Exchange) -> None:
        """Take the exchange one step further."""
        ...


class Pipeline:
    """Run an exchange through the inbound stages until it has a response, then through the outbound ones."""

    def __init__(self, inbound: Sequence[Stage], outbound: Sequence[Stage]) -> None:
        self.inbound = tuple(inbound)
        self.outbound = tuple(outbound)

    async def run(self, exchange: Exchange) -> None:
        """Give the exchange its response; a Refusal becomes an answer, any other error is the caller's."""
        try:
            for stage in self.inbound:
                await stage.process(exchange)
                if exchange.response is not None:
                    break
            else:
                raise Refusal(404, "not_found", "no stage of the gateway answers this request")
        except Refusal as refusal:
            exchange.response = refusal.response(exchange.request_id)
        await self.finish(exchange)

    async def finish(self, exchange: Exchange) -> None:
        """Run the outbound stages on the exchange's response."""
        for stage in self.outbound:
            await stage.process(exchange)
