"""What an answer of Prometheus means, from a real socket that says what the test wants it to say."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from retrain_operator.triggers.prometheus import Prometheus, QueryRefused, Unreachable

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def vector(*samples: Any) -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": "vector", "result": list(samples)}}


def scalar(value: str) -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": "scalar", "result": [1, value]}}


def failure(words: str) -> dict[str, Any]:
    return {"status": "error", "errorType": "bad_data", "error": words}


ONE = {"metric": {}, "value": [1, "0"]}


def asked(answer: Answer, *, token_file: str | None = None, seconds: float = 2) -> bool:
    """Is it true? Raises as `ask` does."""

    async def play() -> bool:
        application = web.Application()
        application.router.add_post("/prom/api/v1/query", answer)
        runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, host="127.0.0.1", port=0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/prom/"
        source = Prometheus(url=url, token_file=token_file, timeout_seconds=seconds)
        try:
            return await source.ask("up")
        finally:
            await source.close()
            await runner.cleanup()

    return asyncio.run(play())


def says(body: Any, status: int = 200) -> Answer:
    async def answer(_: web.Request) -> web.Response:
        if isinstance(body, str):
            return web.Response(text=body, status=status)
        return web.json_response(body, status=status)

    return answer


@pytest.mark.parametrize(
    ("body", "truth"),
    [
        pytest.param(vector(), False, id="an absent series is false"),
        pytest.param(vector(ONE), True, id="a sample is true, whatever its value: as an alerting rule has it"),
        pytest.param(vector(ONE, ONE), True, id="several samples are true"),
        pytest.param(scalar("0"), False, id="the number 0 is false"),
        pytest.param(scalar("0.1"), True, id="another number is true"),
        pytest.param(scalar("-1"), True, id="so is one below 0"),
        pytest.param(scalar("NaN"), False, id="no number is false"),
        pytest.param(scalar("+Inf"), True, id="without bound is true"),
    ],
)
def test_what_is_true(body: Any, truth: bool) -> None:
    assert asked(says(body)) is truth


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        pytest.param(
            failure("parse error: unexpected end"), 400, "parse error: unexpected end", id="it cannot be parsed"
        ),
        pytest.param(failure("many-to-many matching"), 422, "many-to-many", id="it cannot be executed"),
        pytest.param(failure("x\ny" * 500), 400, "x y", id="long words on many lines are cut to one"),
        pytest.param(
            {"status": "success", "data": {"resultType": "matrix", "result": []}},
            200,
            "it gives a matrix",
            id="a range",
        ),
        pytest.param(
            {"status": "success", "data": {"resultType": "string", "result": [1, "a"]}}, 200, "a string", id="a text"
        ),
        pytest.param(vector(*[{"metric": {"a": "b" * 1000}}] * 5000), 200, "longer than", id="far too many samples"),
    ],
)
def test_what_only_an_edit_mends(body: Any, status: int, words: str) -> None:
    with pytest.raises(QueryRefused, match=words) as caught:
        asked(says(body, status))
    assert len(str(caught.value)) < 500
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param(says(failure("query timed out"), 503), "HTTP 503", id="busy"),
        pytest.param(says("no healthy upstream", 502), "HTTP 502", id="a proxy without it"),
        pytest.param(says("<html>please log in</html>"), "HTTP 200", id="a page to log in"),
        pytest.param(says(failure("unauthorized"), 401), "HTTP 401", id="no token"),
        pytest.param(says({"status": "success"}, 302), "HTTP 302", id="sent elsewhere: not followed"),
    ],
)
def test_no_answer(answer: Answer, words: str) -> None:
    with pytest.raises(Unreachable, match=words):
        asked(answer)


def test_a_server_that_never_answers_is_given_up() -> None:
    async def silent(_: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    with pytest.raises(Unreachable, match="Timeout"):
        asked(silent, seconds=0.1)


def test_it_is_asked_with_the_token_of_the_moment_a_limit_and_a_timeout(tmp_path: Path) -> None:
    token, seen = tmp_path / "token", []
    token.write_text("secret\n")

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.headers.get("Authorization"), dict(await request.post())))
        return web.json_response(vector())

    asked(answer, token_file=str(token))
    token.write_text("rotated")
    asked(answer, token_file=str(token))
    form = {"query": "up", "timeout": "2s", "limit": "1"}
    assert seen == [("Bearer secret", form), ("Bearer rotated", form)]


def test_a_token_that_is_missing_is_no_answer(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="FileNotFoundError"):
        asked(says(vector()), token_file=str(tmp_path / "none"))


def _certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate of this machine that signs itself, and its key."""
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    subject = ("-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1")
    words = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1", *subject)
    subprocess.run(
        ["openssl", *words, "-keyout", key, "-out", certificate], check=True, capture_output=True, timeout=30
    )
    return certificate, key


@contextlib.asynccontextmanager
async def _served(*, certificate: Path, key: Path) -> AsyncIterator[str]:
    """A Prometheus over TLS, by its URL; every query is true."""
    application = web.Application()
    application.router.add_post("/api/v1/query", says(vector(ONE)))
    runner = web.AppRunner(application)
    await runner.setup()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    await web.TCPSite(runner, host="127.0.0.1", port=0, ssl_context=tls).start()
    try:
        yield f"https://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def test_certificates_are_rotated_without_a_restart(tmp_path: Path) -> None:
    (ours, key), (others, _) = _certificate(tmp_path, "ours"), _certificate(tmp_path, "others")
    trusted = tmp_path / "ca.crt"
    trusted.write_bytes(others.read_bytes())

    async def play() -> None:
        async with _served(certificate=ours, key=key) as url:
            source = Prometheus(url=url, ca_file=str(trusted), timeout_seconds=5)
            try:
                with pytest.raises(Unreachable):
                    await source.ask("up")
                trusted.write_bytes(ours.read_bytes())
                assert await source.ask("up")
                for unread in ("half a file", "# für später\n", ""):
                    trusted.write_text(unread, encoding="utf-8")
                    assert await source.ask("up")  # what cannot be read changes nothing
                trusted.unlink()
                assert await source.ask("up")
            finally:
                await source.close()

    asyncio.run(play())


@pytest.mark.parametrize(
    "around",
    [
        pytest.param("# Zertifikat für die Überwachung\n{}", id="a comment before it"),
        pytest.param("{}# 証明書\n", id="a comment after it"),
        pytest.param("\ufeff{}", id="a mark of its encoding"),
        pytest.param("{}", id="nothing else"),
    ],
)
def test_certificates_with_comments_in_any_language_are_read(tmp_path: Path, around: str) -> None:
    ours, key = _certificate(tmp_path, "ours")
    trusted = tmp_path / "ca.crt"
    trusted.write_text(around.format(ours.read_text()), encoding="utf-8")

    async def play() -> None:
        async with _served(certificate=ours, key=key) as url:
            source = Prometheus(url=url, ca_file=str(trusted), timeout_seconds=5)
            try:
                assert await source.ask("up")
            finally:
                await source.close()

    asyncio.run(play())


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param(None, "No such file", id="it is missing"),
        pytest.param("", "no certificate in PEM", id="it is empty, which does not mean: trust the image's"),
        pytest.param("# für später", "no certificate in PEM", id="it holds a comment alone"),
        pytest.param("-----BEGIN CERTIFICATE-----\nxx\n", "PEM", id="it was cut"),
    ],
)
def test_without_certificates_at_the_start_it_is_said_what_to_do_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str | None, why: str
) -> None:
    ours, key = _certificate(tmp_path, "ours")
    trusted = tmp_path / "ca.crt"
    if content is not None:
        trusted.write_text(content, encoding="utf-8")

    async def play() -> None:
        async with _served(certificate=ours, key=key) as url:
            source = Prometheus(url=url, ca_file=str(trusted), timeout_seconds=5)
            try:
                [told] = caplog.messages
                assert told.startswith(f"prometheusCaFile: {trusted}: ")
                assert why in told
                assert "mount" in told
                with pytest.raises(Unreachable, match="prometheusCaFile"):
                    await source.ask("up")
                trusted.write_bytes(ours.read_bytes())
                assert await source.ask("up")
            finally:
                await source.close()

    asyncio.run(play())
