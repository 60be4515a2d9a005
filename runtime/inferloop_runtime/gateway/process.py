"""The gateway process: make its parts, run them, and put them away in order."""

import asyncio
import contextlib
import functools
import gc
import logging

import aiohttp
import uvloop

from inferloop_runtime.asgi_server import claim_port, serve_until_stopped
from inferloop_runtime.errors import DatabaseError
from inferloop_runtime.gateway.application import Application, Page
from inferloop_runtime.gateway.console import Console
from inferloop_runtime.gateway.database import ReconnectingDatabase
from inferloop_runtime.gateway.duty import start_duty
from inferloop_runtime.gateway.journal import Journal
from inferloop_runtime.gateway.key_table import KeyTable
from inferloop_runtime.gateway.pipeline import Pipeline
from inferloop_runtime.gateway.probes import Probes
from inferloop_runtime.gateway.settings import GatewaySettings
from inferloop_runtime.gateway.stages.ask_usage import AskUsage
from inferloop_runtime.gateway.stages.authenticate import Authenticate
from inferloop_runtime.gateway.stages.forward import Forward
from inferloop_runtime.gateway.stages.meter import Meter
from inferloop_runtime.gateway.stages.read_body import ReadBody
from inferloop_runtime.gateway.stages.route import Route
from inferloop_runtime.gateway.telemetry import Telemetry
from inferloop_runtime.gateway.timeline import Timeline
from inferloop_runtime.gateway.upstreams import UpstreamPool, UpstreamServer
from inferloop_runtime.gateway.usage_writer import UsageWriter
from inferloop_runtime.settings_file import read_secret

log = logging.getLogger(__name__)

_GC_THRESHOLD = 20_000
_KEEP_ALIVE_S = 60.0
_LAST_FLUSH_S = 5.0


def run_gateway(settings: GatewaySettings) -> None:
    """Serve until SIGTERM or SIGINT, then drain and return.

    Raises SettingsError where a secret file is missing, the port is taken or another gateway owns the journal.
    """
    uvloop.run(_serve(settings))


async def _serve(settings: GatewaySettings) -> None:
    dsn, admin_key = read_secret(settings.dsn_file), read_secret(settings.admin_key_file)
    port = claim_port(settings.host, settings.port)
    journal = Journal(settings.journal_dir, max_bytes=settings.journal_max_bytes)
    # The console's and the keys' statements must not wait behind a batch of usage.
    usage_database, database = ReconnectingDatabase(dsn), ReconnectingDatabase(dsn)
    writer = UsageWriter(journal, usage_database)
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE_S),
        timeout=aiohttp.ClientTimeout(
            total=None, sock_connect=settings.connect_timeout_s, sock_read=settings.upstream_timeout_s
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=("user-agent",),
    )
    keys = KeyTable(database, admin_key=admin_key, refresh_s=settings.key_refresh_s)
    upstreams = UpstreamPool(settings.upstreams, session)
    telemetry, timeline = Telemetry(), Timeline()
    pipeline = Pipeline(
        inbound=(
            Authenticate(keys),
            ReadBody(settings.max_body_bytes),
            Route(upstreams),
            AskUsage(),
            Forward(session, upstreams, telemetry),
        ),
        outbound=(Meter(journal, writer, telemetry, timeline),),
    )
    pages: dict[str, Page] = {}
    application = Application(pipeline, pages, telemetry, timeline)
    probes = Probes(keys, journal, upstreams, telemetry, lambda: application.draining)
    console = Console(
        settings.stack,
        settings.console_access,
        keys=keys,
        upstreams=upstreams,
        timeline=timeline,
        probes=probes,
        database=database,
    )
    pages |= {"/healthz": probes.healthz, "/readyz": probes.readyz, "/metrics": probes.metrics}
    pages |= {path: functools.partial(console.file, path=path) for path in console.paths}
    pages |= {"/": console.to_page, "/console/data": console.data}
    _watch_parts(telemetry, application, keys, journal, writer, upstreams)

    # What is here now stays to the end; a request leaves few cycles, so the collector need not look after every 700.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD)

    tasks = [
        start_duty(keys.keep_fresh(), "keys"),
        start_duty(upstreams.watch(), "upstreams"),
        start_duty(writer.run(), "usage"),
    ]
    try:
        await serve_until_stopped(
            application,
            host=settings.host,
            port=port,
            drain=functools.partial(application.drain, settings.drain_timeout_s),
        )
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with contextlib.suppress(DatabaseError, TimeoutError):
            await asyncio.wait_for(writer.flush(), _LAST_FLUSH_S)
        left = journal.backlog_bytes
        journal.close()
        await session.close()
        await usage_database.close()
        await database.close()
        log.info("stopped", extra={"journal_backlog_bytes": left})


def _watch_parts(
    telemetry: Telemetry,
    application: Application,
    keys: KeyTable,
    journal: Journal,
    writer: UsageWriter,
    upstreams: UpstreamPool,
) -> None:
    telemetry.watch("requests_in_flight", "Requests that are not yet answered in full", lambda: application.in_flight)
    telemetry.watch("keys", "API keys in memory", lambda: len(keys))
    telemetry.watch("keys_age_seconds", "Since the API keys were last read", lambda: keys.age_s)
    telemetry.watch(
        "journal_backlog_bytes", "Usage records that the database does not have yet", lambda: journal.backlog_bytes
    )
    telemetry.watch("journal_lost_records", "Usage records that could not be kept", lambda: journal.dropped)
    telemetry.watch("usage_write_failures", "Failed attempts to write usage to the database", lambda: writer.failures)
    for server in upstreams.servers:
        telemetry.watch_upstream(server.model, server.url, functools.partial(_is_up, server))


def _is_up(server: UpstreamServer) -> float:
    return float(server.healthy)
