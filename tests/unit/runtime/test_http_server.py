"""The HTTP server of a service, over a real socket: health, metrics, mounted routes, and errors as problem details."""

import asyncio
import json
import urllib.error
import urllib.request
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest
from rx_runtime.errors import DependencyUnavailable, InvalidInput, InvalidSettings, NotFound, RefusedToRun
from rx_runtime.http_server import HttpServer, listen
from rx_runtime.telemetry.metrics import REGISTRY
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from structlog.testing import capture_logs

ERRORS = {
    "input": InvalidInput("TOO_MANY", "ask for fewer"),
    "missing": NotFound("NO_ALERT", "there is no such alert"),
    "dependency": DependencyUnavailable("DATABASE_UNREACHABLE", "start it"),
    "refused": RefusedToRun("STATE_OLD", "rebuild it"),
    "settings": InvalidSettings("SITES_INVALID", "correct it"),
    "defect": ValueError("patient Jane Doe"),
}


async def fail(request):
    raise ERRORS[request.path_params["error"]]


async def greet(_request):
    return PlainTextResponse("hello")


async def wait(request):
    request.app.state.waiting.set()
    await asyncio.sleep(0.3)
    return PlainTextResponse("late")


@asynccontextmanager
async def running():
    server = HttpServer(listen("127.0.0.1:0"), grace_seconds=5)
    server.address = await server.start()
    try:
        yield server
    finally:
        await server.stop()


@pytest.fixture
async def server():
    async with running() as started:
        yield started


def ask(server, path, method="GET", **headers):
    """Status, media type and body."""
    request = urllib.request.Request(
        f"http://{server.address}{path}", method=method, headers=headers
    )  # our own address
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  # as above
            return answer.status, answer.headers["content-type"], answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["content-type"], error.read()


async def asked(server, path, method="GET", **headers):
    return await asyncio.to_thread(ask, server, path, method, **headers)


async def health(server, path):
    status, media_type, body = await asked(server, path)
    assert media_type == "application/json"
    return status, json.loads(body)


async def test_a_server_is_live_and_not_ready_until_its_service_says_so(server):
    assert await health(server, "/livez") == (200, {"status": "live"})
    assert await health(server, "/readyz") == (503, {"status": "not_ready", "reason": "STARTING"})
    server.set_ready(None)
    assert await health(server, "/readyz") == (200, {"status": "ready"})


async def test_a_process_without_progress_is_told_apart_from_one_that_is_not_ready(server):
    server.set_ready(None)
    server.set_live("NO_PROGRESS")
    assert await health(server, "/livez") == (503, {"status": "not_live", "reason": "NO_PROGRESS"})
    assert await health(server, "/readyz") == (200, {"status": "ready"})


async def test_metrics_are_exposed_in_the_format_that_the_scraper_accepts(server):
    status, media_type, body = await asked(server, "/metrics")
    assert (status, media_type.partition(";")[0]) == (200, "text/plain")
    assert b"# HELP rx_http_requests_total " in body
    status, media_type, body = await asked(server, "/metrics", accept="application/openmetrics-text; version=1.0.0")
    assert (status, media_type.partition(";")[0]) == (200, "application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


@pytest.mark.parametrize(
    ("error", "status", "title", "code_and_detail"),
    [
        ("input", 400, "Bad Request", ("TOO_MANY", "ask for fewer")),
        ("missing", 404, "Not Found", ("NO_ALERT", "there is no such alert")),
        ("dependency", 503, "Service Unavailable", ("DATABASE_UNREACHABLE", "start it")),
        ("refused", 409, "Conflict", ("STATE_OLD", "rebuild it")),
        ("settings", 500, "Internal Server Error", ("SITES_INVALID", "correct it")),
        ("defect", 500, "Internal Server Error", ("INTERNAL", "a defect in the service; its log names the place")),
    ],
)
async def test_an_error_of_a_mounted_route_is_a_problem_with_its_code(server, error, status, title, code_and_detail):
    server.mount("/errors", [Route("/{error}", fail)])
    answer = await asked(server, f"/errors/{error}")
    assert answer[:2] == (status, "application/problem+json")
    code, detail = code_and_detail
    assert json.loads(answer[2]) == {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
    }


async def test_a_defect_is_logged_once_by_its_route_and_the_server_goes_on(server):
    server.mount("/errors", [Route("/{error}", fail)])
    with capture_logs() as logged:
        await asked(server, "/errors/defect")
    assert [(line["event"], line["route"]) for line in logged] == [("http_request_failed", "/errors")]
    assert (await health(server, "/livez"))[0] == 200


async def test_an_unknown_path_and_a_wrong_method_are_problems_too(server):
    status, media_type, body = await asked(server, "/nothing-here")
    assert (status, media_type, json.loads(body)["code"]) == (404, "application/problem+json", "NOT_FOUND")
    status, media_type, body = await asked(server, "/readyz", "POST")
    assert (status, media_type, json.loads(body)["code"]) == (405, "application/problem+json", "METHOD_NOT_ALLOWED")


async def test_requests_are_counted_by_mounted_path_and_never_by_their_own(server):
    server.mount("/greetings", [Route("/{who}", greet)])

    def counted(route, method="GET", code="200"):
        labels = {"route": route, "method": method, "code": code}
        return REGISTRY.get_sample_value("rx_http_requests_total", labels) or 0

    before = counted("/greetings"), counted("other", code="404"), counted("/greetings", "other", "405")
    await asked(server, "/greetings/jane-doe")
    await asked(server, "/greetings-of-old")
    await asked(server, "/greetings/jane-doe", "BREW")
    after = counted("/greetings"), counted("other", code="404"), counted("/greetings", "other", "405")
    assert [new - old for old, new in zip(before, after, strict=True)] == [1, 1, 1]
    seconds = REGISTRY.get_sample_value("rx_http_duration_seconds_count", {"route": "/greetings"})
    assert seconds >= 2
    assert b"jane-doe" not in (await asked(server, "/metrics"))[2]


async def test_an_answer_has_the_date_that_http_requires(server):
    answer = await asyncio.to_thread(urllib.request.urlopen, f"http://{server.address}/livez")
    with answer:
        dated = parsedate_to_datetime(answer.headers["date"])
    assert abs(datetime.now(UTC) - dated) < timedelta(seconds=60)


@pytest.mark.parametrize("path", ["worklist", "/worklist/", "/metrics", ""])
async def test_a_path_that_cannot_be_mounted_is_refused(server, path):
    with pytest.raises(ValueError, match="cannot mount"):
        server.mount(path, [])


async def test_a_running_request_ends_before_the_server_does():
    async with running() as server:
        server.mount("/slow", [Route("/", wait)])
        server._app.state.waiting = asyncio.Event()
        answer = asyncio.create_task(asked(server, "/slow/"))
        await server._app.state.waiting.wait()
    assert (await answer)[0] == 200
    with pytest.raises(urllib.error.URLError):
        await asked(server, "/livez")


def test_an_address_that_is_taken_raises():
    with listen("127.0.0.1:0") as taken:
        taken.listen()
        with pytest.raises(OSError, match="in use"):
            listen(f"127.0.0.1:{taken.getsockname()[1]}")
