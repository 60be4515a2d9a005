"""What a gateway does beside its requests."""

import asyncio
import signal

import pytest
from inferloop_runtime.gateway.duty import start_duty


async def test_a_duty_that_fails_tells_the_process_to_end_and_one_that_is_cancelled_does_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, told.set)
    try:

        async def fail() -> None:
            raise RuntimeError("unforeseen")

        cancelled = start_duty(asyncio.sleep(60), "cancelled")
        cancelled.cancel()
        await asyncio.gather(cancelled, return_exceptions=True)
        await asyncio.sleep(0.05)
        assert not told.is_set()
        start_duty(fail(), "usage")
        await asyncio.wait_for(told.wait(), 5)
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
    assert "'usage' failed" in caplog.text
    assert "unforeseen" in caplog.text
