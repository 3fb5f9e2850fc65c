"""INDEX_ENDPOINT: what is sent to an endpoint, and a clear word for everything that may come back."""

import pytest

from catalog.indexing.client import EndpointError, request_index
from catalog.wire.endpoint import Target
from catalog.wire.request import Limits
from tests.catalog.servers import Answer, closed_port, http_endpoint

pytestmark = pytest.mark.anyio

KEY = "tr_prod_0123456789"


def at(url, key=KEY):
    return Target(url, private=False, api_key=key)


async def refusal(endpoint, answer, limits=None):
    endpoint.answer = answer
    with pytest.raises(EndpointError) as caught:
        await request_index(at(endpoint.url), limits)
    return str(caught.value)


async def test_the_request_is_a_post_without_a_body_with_the_headers_of_the_protocol():
    async with http_endpoint() as endpoint:
        endpoint.says({"jobs": []})

        assert await request_index(at(endpoint.url)) == {"jobs": []}

    ((line, headers),) = endpoint.requests
    assert line == "POST /api/trigger HTTP/1.1"
    assert headers["x-trigger-api-key"] == KEY
    assert headers["x-trigger-action"] == "index_endpoint"  # the test's server lowers what it reads
    assert headers["x-trigger-version"] == "2023-09-29"
    assert headers["user-agent"] == "triggerdotdev-server/2.0.0"
    assert headers["accept"] == "application/json"
    assert headers.get("content-length", "0") == "0"
    assert "content-type" not in headers


async def test_a_wrong_key_is_told_in_the_endpoints_own_words():
    words = "Forbidden: client apiKey mismatch"
    async with http_endpoint() as endpoint:
        assert await refusal(endpoint, Answer(401, b'{"message": "%s"}' % words.encode())) == words


@pytest.mark.parametrize("body", [b"", b"<h1>no</h1>", b"{}", b'{"message": 5}', b'{"message": " "}', b"[" * 100_000])
async def test_a_wrong_key_without_words_is_told_in_ours(body):
    async with http_endpoint() as endpoint:
        assert await refusal(endpoint, Answer(401, body)) == "Trigger API key is invalid"


async def test_an_endpoint_that_quotes_the_key_or_breaks_lines_does_not_get_it_into_our_errors():
    async with http_endpoint() as endpoint:
        text = await refusal(
            endpoint, Answer(401, b'{"message": "bad key tr_prod_0123456789\\r\\nERROR faked\\u0000"}')
        )

    assert text == "bad key *** ERROR faked"


@pytest.mark.parametrize("status", [400, 404, 405, 429, 500, 503])
async def test_any_other_status_is_named(status):
    async with http_endpoint() as endpoint:
        assert await refusal(endpoint, Answer(status, b"oops")) == (
            f"Could not connect to endpoint {endpoint.url}. Status code: {status}"
        )


async def test_what_a_url_says_behind_its_path_stands_in_no_error():
    secret = f"http://127.0.0.1:{await closed_port()}/api?bypass=s3cret"
    with pytest.raises(EndpointError) as caught:
        await request_index(at(secret))

    assert "s3cret" not in str(caught.value)


async def test_no_redirect_is_followed():
    async with http_endpoint() as other, http_endpoint() as endpoint:
        text = await refusal(endpoint, Answer(307, headers={"location": other.url}))

        assert text.endswith("Status code: 307")
        assert other.requests == []


async def test_a_closed_port_is_told():
    url = f"http://127.0.0.1:{await closed_port()}/api/trigger"

    with pytest.raises(EndpointError) as caught:
        await request_index(at(url))

    assert str(caught.value) == f"Could not connect to endpoint {url}"


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "nonsense", "http://", "http://[::1", "http://127.0.0.1:port/"])
async def test_a_url_that_leads_nowhere_is_told(url):
    with pytest.raises(EndpointError, match="Could not connect to endpoint"):
        await request_index(at(url))


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "invalid JSON at line 1, column 1: Expecting value"),
        (b"not json", "invalid JSON at line 1, column 1: Expecting value"),
        (b"<!DOCTYPE html>", "invalid JSON at line 1, column 1: Expecting value"),
        (b'{"jobs": [', "invalid JSON at line 1, column 11: Expecting value"),
        (b'{"jobs": NaN}', "invalid JSON"),
        (b"\xff\xfe\xff", "invalid JSON"),
        (b"[" * 100_000, "JSON that is nested too deeply"),
    ],
)
async def test_what_is_no_json_is_told(body, problem):
    async with http_endpoint() as endpoint:
        assert await refusal(endpoint, Answer(200, body)) == f"Endpoint {endpoint.url} answered with {problem}"


@pytest.mark.parametrize("body", [b'{"jobs": ["a\\u0000"]}', b'{"a\\u0000": 1}', b'{"jobs": [{"x": "\\ud800"}]}'])
async def test_text_that_no_database_keeps_is_refused(body):
    async with http_endpoint() as endpoint:
        assert "cannot be stored" in await refusal(endpoint, Answer(200, body))


async def test_an_answer_that_is_too_large_is_not_read_to_its_end():
    async with http_endpoint() as endpoint:
        text = await refusal(endpoint, Answer(200, b" " * (6 << 20)))

    assert text == f"Endpoint {endpoint.url} answered with more than 5,242,880 bytes"


async def test_an_endpoint_that_never_answers_is_left_after_the_time_limit():
    async with http_endpoint() as endpoint:
        text = await refusal(endpoint, Answer(hangs=True), Limits(timeout=0.2))

    assert text == f"Endpoint {endpoint.url} did not answer within 0.2 s"


@pytest.mark.parametrize("key", ["", " ", "tr_prod_ü", "tr_prod\r\nx-evil: 1"])
async def test_a_key_that_no_header_can_carry_is_not_sent_and_not_shown(key):
    async with http_endpoint() as endpoint:
        with pytest.raises(EndpointError, match="no HTTP header can carry") as caught:
            await request_index(at(endpoint.url, key))

        assert endpoint.requests == []
    assert not key.strip() or key not in str(caught.value)
