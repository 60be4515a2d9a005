import os
import signal
import threading
from collections.abc import Iterator

import pytest

from inferloop.rehearsal.interruption import noticed_interrupts


@pytest.fixture(autouse=True)
def _as_at_a_terminal() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_lost_ctrl_c_is_raised_again_by_the_next_check() -> None:
    with noticed_interrupts() as check:
        check()
        try:
            os.kill(os.getpid(), signal.SIGINT)
            signal.pthread_sigmask(signal.SIG_BLOCK, ())
        except KeyboardInterrupt:
            # As the interpreter drops it while it forks.
            pass
        with pytest.raises(KeyboardInterrupt):
            check()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_another_thread_changes_no_handler() -> None:
    seen: list[object] = []

    def work() -> None:
        with noticed_interrupts() as check:
            check()
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]
