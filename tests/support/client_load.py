"""Clients that never stop asking, and remember what was acknowledged to them."""

import http.client
import json
import threading
import time
import uuid
from dataclasses import dataclass, field
from types import TracebackType
from urllib.parse import urlsplit

_PAUSE_S = 0.05


@dataclass
class ClientLoad:
    """Send chat requests, every second one streamed, from `clients` threads until the block ends.

    `acknowledged` holds the ids of requests whose whole answer arrived with status 200, `longest_s` the time that the
    slowest call took, whatever its end.
    """

    gateway_url: str
    model: str
    key: str
    clients: int = 2
    timeout_s: float = 60.0
    acknowledged: list[str] = field(default_factory=list)
    failed: int = 0
    longest_s: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> "ClientLoad":
        self._threads = [threading.Thread(target=self._ask_on, daemon=True) for _ in range(self.clients)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(self.timeout_s * 2)
        hanging = [thread for thread in self._threads if thread.is_alive()]
        if error is None:
            assert not hanging, "a client hangs"

    def _ask_on(self) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            request_id = f"load-{uuid.uuid4().hex}"
            started = time.monotonic()
            answered = self._ask(request_id, streamed=number % 2 == 0)
            took = time.monotonic() - started
            with self._lock:
                self.longest_s = max(self.longest_s, took)
                if answered:
                    self.acknowledged.append(request_id)
                else:
                    self.failed += 1
            self._stop.wait(_PAUSE_S)

    def _ask(self, request_id: str, *, streamed: bool) -> bool:
        address = urlsplit(self.gateway_url)
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=self.timeout_s)
        body = {
            "model": self.model,
            "messages": [{"role": "user", "content": "Hello"}],
            "max_tokens": 4,
            "stream": streamed,
        }
        headers = {
            "Authorization": f"Bearer {self.key}",
            "Content-Type": "application/json",
            "X-Request-Id": request_id,
        }
        try:
            connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        if answer.status != http.client.OK:
            return False
        return content.rstrip().endswith(b"data: [DONE]") and b'"error"' not in content if streamed else True
