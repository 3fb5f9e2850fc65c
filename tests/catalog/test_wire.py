"""The wire: whom a request reaches, what it carries, and what of the answer gets in."""

import asyncio
import gzip
import json
import logging
import ssl
from contextlib import asynccontextmanager

import pytest
import trustme

from catalog.wire import request
from catalog.wire.body import InvalidJson, read_json
from catalog.wire.endpoint import Target, call, message_of, printable
from catalog.wire.request import Limits, NoAnswer, Unreachable, send
from tests.catalog.servers import Answer, closed_port, http_endpoint

pytestmark = pytest.mark.anyio

KEY = "tr_prod_0123456789"


async def refusal(url, **options):
    with pytest.raises(NoAnswer) as caught:
        await send(options.pop("method", "GET"), url, headers=options.pop("headers", {}), **options)
    return str(caught.value)


def leads_to(monkeypatch, *addresses):
    """Let every name lead to these addresses, and let nothing look up another one."""
    asked = []

    async def resolve(host, port, policy):
        asked.append(host)
        return addresses

    monkeypatch.setattr(request, "resolve", resolve)
    return asked


# --- whom it reaches ---


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/x", "http://2130706433/", "http://[::1]:8080/", "http://[::ffff:169.254.169.254]/latest"]
)
async def test_an_address_inside_is_not_called(monkeypatch, url):
    monkeypatch.delenv("ENDPOINT_ALLOW")

    assert "may not be called" in await refusal(url)


async def test_loopback_may_be_called_for_an_endpoint_in_development(monkeypatch):
    monkeypatch.delenv("ENDPOINT_ALLOW")
    async with http_endpoint() as endpoint:
        assert (await send("GET", endpoint.url, headers={}, private=True)).status == 200
        assert "may not be called" in await refusal(endpoint.url)

    assert len(endpoint.requests) == 1


async def test_a_denied_network_is_closed_to_an_endpoint_in_development_too(monkeypatch):
    monkeypatch.setenv("ENDPOINT_DENY", "127.0.0.0/8")

    assert "which ENDPOINT_DENY forbids" in await refusal("http://127.0.0.1/", private=True)


async def test_a_list_that_is_none_lets_nobody_be_called(monkeypatch):
    monkeypatch.setenv("ENDPOINT_DENY", "everything")

    assert "ENDPOINT_DENY must list networks" in await refusal("http://127.0.0.1/")


async def test_the_connection_goes_to_the_address_that_was_checked_and_the_request_names_the_host(monkeypatch):
    async with http_endpoint() as endpoint:
        asked = leads_to(monkeypatch, "127.0.0.1")
        port = endpoint.url.split(":")[2].split("/")[0]

        await send("GET", f"http://shop.invalid:{port}/x?a=1", headers={})

    ((line, headers),) = endpoint.requests
    assert line == "GET /x?a=1 HTTP/1.1"
    assert headers["host"] == f"shop.invalid:{port}"
    assert asked == ["shop.invalid"]


async def test_the_next_address_of_a_name_is_tried_where_nobody_listens_at_the_first(monkeypatch):
    async with http_endpoint() as endpoint:
        leads_to(monkeypatch, "127.0.0.2", "127.0.0.1")
        port = endpoint.url.split(":")[2].split("/")[0]

        assert (await send("GET", f"http://shop.invalid:{port}/", headers={})).status == 200

    assert len(endpoint.requests) == 1


async def test_a_redirect_is_an_answer_and_not_followed():
    async with http_endpoint() as other, http_endpoint() as endpoint:
        endpoint.answer = Answer(302, headers={"location": other.url})

        answer = await send("GET", endpoint.url, headers={})

        assert (answer.status, answer.headers["location"]) == (302, other.url)
        assert other.requests == []


async def test_no_proxy_of_the_environment_is_used(monkeypatch):
    proxy = f"http://127.0.0.1:{await closed_port()}"
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy)
    async with http_endpoint() as endpoint:
        assert (await send("GET", endpoint.url, headers={})).status == 200


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "file:///etc/passwd", "nonsense", "", "http://", "http://[::1"])
async def test_what_is_no_http_url_reaches_nobody(url):
    with pytest.raises(Unreachable):
        await send("GET", url, headers={})


async def test_a_url_with_a_password_reaches_nobody_and_is_not_shown():
    async with http_endpoint() as endpoint:
        text = await refusal(endpoint.url.replace("//", "//shop:s3cret@") + "?token=t0ken#f")

        assert endpoint.requests == []
    assert text == f"{endpoint.url} cannot be reached: it holds a password; a header is the place for one"


# --- TLS: by name, whatever the address ---


@asynccontextmanager
async def tls_endpoint(authority, *names):
    """An endpoint with a certificate for these names; gives it with the names that callers asked for."""
    asked = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    async with http_endpoint(ssl=context) as endpoint:
        yield endpoint, asked


@pytest.fixture
def authority(monkeypatch):
    authority = trustme.CA()
    context = ssl.create_default_context()
    authority.configure_trust(context)
    monkeypatch.setattr(request, "trusted", lambda: context)
    return authority


@pytest.mark.parametrize("written", ["shop.invalid", "shop.invalid.", "SHOP.invalid"])
async def test_the_certificate_is_asked_for_and_checked_by_the_name_of_the_url(authority, monkeypatch, written):
    async with tls_endpoint(authority, "shop.invalid") as (endpoint, asked):
        leads_to(monkeypatch, "127.0.0.1")
        port = endpoint.url.split(":")[2].split("/")[0]

        assert (await send("GET", f"https://{written}:{port}/", headers={})).status == 200

    assert asked == ["shop.invalid"]


async def test_a_name_beyond_ascii_is_asked_for_as_dns_writes_it(authority, monkeypatch):
    async with tls_endpoint(authority, "xn--bcher-kva.invalid") as (endpoint, asked):
        leads_to(monkeypatch, "127.0.0.1")
        port = endpoint.url.split(":")[2].split("/")[0]

        assert (await send("GET", f"https://bücher.invalid:{port}/", headers={})).status == 200

    assert asked == ["xn--bcher-kva.invalid"]


@pytest.mark.parametrize("certified", ["other.invalid", "127.0.0.1"])
async def test_the_certificate_of_another_name_or_of_the_address_is_refused(authority, monkeypatch, certified):
    async with tls_endpoint(authority, certified) as (endpoint, _):
        leads_to(monkeypatch, "127.0.0.1")
        port = endpoint.url.split(":")[2].split("/")[0]

        assert "shop.invalid" in await refusal(f"https://shop.invalid:{port}/", headers={"authorization": KEY})

    assert endpoint.requests == []


async def test_the_certificate_of_an_unknown_authority_is_refused(authority, monkeypatch):
    async with tls_endpoint(trustme.CA(), "shop.invalid") as (endpoint, _):
        leads_to(monkeypatch, "127.0.0.1")
        port = endpoint.url.split(":")[2].split("/")[0]

        assert "certificate verify failed" in await refusal(f"https://shop.invalid:{port}/")

    assert endpoint.requests == []


def test_certificates_are_checked_unless_a_test_says_otherwise():
    context = request.trusted()

    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


# --- what it carries ---


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("x-note", f"{KEY}{bad}") for bad in ("\r\nx-evil: 1", "\n", "\0", "ü", " ", "\x7f")],
        *[(bad, KEY) for bad in ("x-note: 1\r\nx-evil", "x note", "", "x-nöte", "x-note:")],
    ],
)
async def test_a_header_that_would_be_two_is_not_sent_and_not_shown(name, value):
    async with http_endpoint() as endpoint:
        text = await refusal(endpoint.url, headers={name: value})

        assert endpoint.requests == []
    assert KEY not in text


@pytest.mark.parametrize("method", ["GET / HTTP/1.1\r\nx-evil: 1\r\n\r\nGET", "", "GE T", "GÉT"])
async def test_a_method_that_is_no_word_is_not_sent(method):
    async with http_endpoint() as endpoint:
        assert "the method is no word" in await refusal(endpoint.url, method=method)

        assert endpoint.requests == []


async def test_a_call_says_what_it_wants_and_nothing_of_its_headers_can_be_another_ones():
    async with http_endpoint() as endpoint:
        await call(
            Target(endpoint.url, False, KEY),
            "EXECUTE_JOB",
            {"é": 1},
            headers={"x-trigger-action": "PING", "x-ts-key": "k"},
        )

    ((line, headers),) = endpoint.requests
    assert line == "POST /api/trigger HTTP/1.1"
    assert headers["x-trigger-api-key"] == KEY
    assert headers["x-trigger-action"] == "execute_job"  # the test's server lowers what it reads
    assert headers["x-trigger-version"] == "2023-09-29"
    assert headers["x-ts-key"] == "k"
    assert headers["content-type"] == "application/json"
    assert headers["accept-encoding"] == "identity"


async def test_the_key_stands_in_no_error_and_no_log(caplog):
    caplog.set_level(logging.DEBUG)
    target = Target(f"http://127.0.0.1:{await closed_port()}/", False, KEY)
    with pytest.raises(Unreachable) as caught:
        await call(target, "PING")
    async with http_endpoint() as endpoint:
        await call(Target(endpoint.url, False, KEY), "PING")

    assert KEY not in repr(target)
    assert KEY not in caplog.text
    problem = caught.value
    while problem:
        assert KEY not in f"{problem!r} {problem}"
        problem = problem.__cause__ or problem.__context__


async def test_what_a_url_says_behind_its_path_stands_in_no_error_and_no_log(caplog):
    caplog.set_level(logging.DEBUG)
    async with http_endpoint() as endpoint:
        await send("GET", f"{endpoint.url}?token=t0ken", headers={})
    text = await refusal(f"http://127.0.0.1:{await closed_port()}/x?token=t0ken#t0ken")

    assert "t0ken" not in text + caplog.text


@pytest.mark.parametrize("key", ["", " ", "tr_prod_ü", "tr_prod\r\nx-evil: 1", "tr_prod\t"])
async def test_a_key_that_no_header_can_carry_is_not_sent_and_not_shown(key):
    async with http_endpoint() as endpoint:
        with pytest.raises(NoAnswer, match="no HTTP header can carry") as caught:
            await call(Target(endpoint.url, False, key), "PING")

        assert endpoint.requests == []
    assert not key.strip() or key not in str(caught.value)


# --- what of the answer gets in ---


async def test_an_answer_that_is_too_large_is_not_read_to_its_end():
    async with http_endpoint() as endpoint:
        endpoint.answer = Answer(200, b" " * 100_001)

        assert await refusal(endpoint.url, limits=Limits(max_bytes=100_000)) == (
            f"{endpoint.url} answered with more than 100,000 bytes"
        )


async def test_a_compressed_answer_is_not_unpacked():
    packed = gzip.compress(b"[" + b"0," * 1_000_000 + b"0]")
    async with http_endpoint() as endpoint:
        endpoint.answer = Answer(200, packed, {"content-encoding": "gzip"})

        answer = await send("GET", endpoint.url, headers={}, limits=Limits(max_bytes=100_000))

    assert answer.body == packed
    with pytest.raises(InvalidJson):
        answer.json()


@pytest.mark.parametrize("answer", [Answer(hangs=True), Answer(200, b"x", {"content-length": "10"}, hangs=True)])
async def test_an_answer_that_does_not_come_to_its_end_is_given_up(answer):
    async with http_endpoint() as endpoint:
        endpoint.answer = answer

        assert await refusal(endpoint.url, limits=Limits(timeout=0.2)) == f"{endpoint.url} did not answer within 0.2 s"


async def test_a_name_that_is_never_looked_up_to_its_end_is_given_up(monkeypatch):
    async def resolve(*_args):
        await asyncio.Event().wait()

    monkeypatch.setattr(request, "resolve", resolve)

    assert "did not answer within 0.05 s" in await refusal("http://shop.invalid/", limits=Limits(timeout=0.05))


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"not json", b"{", b'{"a": NaN}', b'{"a": -Infinity}', b'{"a": 1e999}', b"\xff\xfe\xff"),
        *(b'"\\u0000"', b'{"a\\u0000": 1}', b'[["\\ud800"]]', b"[" * 100_000),
        *(b"[" * 201 + b"]" * 201, b'{"a":' * 201 + b"1" + b"}" * 201, b"9" * 5000),
    ],
)
def test_json_that_cannot_be_kept_is_none(body):
    with pytest.raises(InvalidJson):
        read_json(body)


@pytest.mark.parametrize("value", [None, True, 1.5, "ü😀", {"a": [{"b": None}]}, []])
def test_other_json_is_read_as_it_is(value):
    assert read_json(json.dumps(value).encode()) == value


def test_the_words_of_an_endpoint_are_one_line_without_the_key():
    target = Target("https://shop.example", False, KEY)
    words = f"bad {KEY}\r\n\u202eERROR faked\u2066"

    assert printable(words, target) == "bad *** ERROR faked"
    assert message_of(request.Answer(401, {}, json.dumps({"message": words}).encode()), target) == "bad *** ERROR faked"
    assert len(printable("x" * 1000, target)) == 500
