"""Notice Ctrl-C even where the interpreter loses it.

An exception that is raised while the interpreter forks, within what libraries do before and after a fork, is printed
and dropped (https://docs.python.org/3/library/os.html#os.register_at_fork), and with it the KeyboardInterrupt.
"""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType


@contextlib.contextmanager
def noticed_interrupts() -> Iterator[Callable[[], None]]:
    """Give a function that raises KeyboardInterrupt where Ctrl-C was pressed since the block began.

    Outside the main thread, and where somebody else handles the signal, it does nothing.
    """
    pressed = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        pressed.set()
        raise KeyboardInterrupt

    def check() -> None:
        if pressed.is_set():
            raise KeyboardInterrupt

    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield check
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
