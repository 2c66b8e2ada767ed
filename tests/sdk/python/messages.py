"""Anthropic's Python SDK, as it is, against ANTHROPIC_BASE_URL with ANTHROPIC_API_KEY."""

import os

import anthropic
from anthropic import Anthropic, AsyncAnthropic

from checks import equal, run

MODEL = os.environ.get("WEIR_MODEL", "chat")
TEXT = "Say this is a test, with ümlauts and 🦀."
ASKED = {
    "model": MODEL,
    "max_tokens": 1000,
    "system": "Be brief.",
    "messages": [{"role": "user", "content": TEXT}],
}


def client(**options):
    # The SDK's own retries would hide what they are not needed for.
    return Anthropic(max_retries=0, **options)


def is_whole(answer):
    equal((answer.type, answer.role), ("message", "assistant"))
    equal([(block.type, block.text) for block in answer.content], [("text", TEXT)])
    equal((answer.stop_reason, answer.stop_sequence), ("end_turn", None))
    assert answer.id and answer.model, answer
    assert answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0, answer.usage


def an_answer_is_whole():
    is_whole(client().messages.create(**ASKED))


def a_stream_says_the_same_in_pieces():
    events = list(client().messages.create(**ASKED, stream=True))
    kinds = [event.type for event in events if event.type != "ping"]
    deltas = [event for event in events if event.type == "content_block_delta"]
    between = ["content_block_delta"] * len(deltas)
    begin, close = ["message_start", "content_block_start"], ["content_block_stop", "message_delta", "message_stop"]
    equal(kinds, begin + between + close)
    equal("".join(event.delta.text for event in deltas), TEXT)
    assert len(deltas) > 1, "it came in one piece"
    equal({event.index for event in events if hasattr(event, "index")}, {0})
    start, last = events[0].message, events[-2]
    equal((start.role, start.content, start.stop_reason), ("assistant", [], None))
    equal((last.delta.stop_reason, last.delta.stop_sequence), ("end_turn", None))
    assert last.usage.output_tokens > 0, last.usage


def the_stream_helper_gathers_the_answer():
    with client().messages.stream(**ASKED) as stream:
        equal("".join(stream.text_stream), TEXT)
        is_whole(stream.get_final_message())


async def an_answer_comes_to_the_async_client():
    async with AsyncAnthropic(max_retries=0) as client:
        is_whole(await client.messages.create(**ASKED))


async def a_stream_comes_to_the_async_client():
    async with AsyncAnthropic(max_retries=0) as client:
        async with client.messages.stream(**ASKED) as stream:
            is_whole(await stream.get_final_message())


def a_stream_that_is_left_does_no_harm():
    with client().messages.create(**ASKED, stream=True) as stream:
        next(iter(stream))
    an_answer_is_whole()


def models_are_listed_and_found():
    names = [model.id for model in client().models.list()]
    assert MODEL in names, names
    model = client().models.retrieve(MODEL)
    equal((model.id, model.type), (MODEL, "model"))
    assert model.display_name and model.created_at, model


def headers_tell_what_happened():
    raw = client().messages.with_raw_response.create(**ASKED)
    for name in ["request-id", "x-weir-provider", "x-weir-model", "x-weir-overhead-ms"]:
        assert raw.headers.get(name), f"{name} is missing: {dict(raw.headers)}"
    assert int(raw.headers["x-weir-attempts"]) >= 1
    assert float(raw.headers["x-weir-cost-usd"]) > 0
    is_whole(raw.parse())


def what_sdks_sent_until_late_2026_is_served():
    headers = {
        "X-Api-Key": os.environ["ANTHROPIC_API_KEY"],
        "Authorization": anthropic.omit,
        "anthropic-version": "2023-06-01",
    }
    # API version 2026-10-21 has no temperature, and its SDKs no parameter for it.
    is_whole(client().messages.create(**ASKED, extra_headers=headers, extra_body={"temperature": 0.5}))


def refused(error_class, status, kind, call):
    try:
        call()
    except error_class as error:
        equal(error.status_code, status)
        assert error.request_id, error
        equal(sorted(error.body), ["error", "type"])
        equal((error.body["type"], error.body["error"]["type"]), ("error", kind))
        assert error.body["error"]["message"], error
        return
    raise AssertionError(f"no {error_class.__name__}")


def a_wrong_key_is_an_authentication_error():
    stranger = client(api_key="weir_0000000000_" + "0" * 49)
    for call in [stranger.models.list, lambda: stranger.messages.create(**ASKED)]:
        refused(anthropic.AuthenticationError, 401, "authentication_error", call)


def an_unknown_model_is_a_not_found_error():
    for stream in [False, True]:
        ask = lambda: client().messages.create(**{**ASKED, "model": "no-such-model"}, stream=stream)
        refused(anthropic.NotFoundError, 404, "not_found_error", ask)


def what_is_no_request_is_a_bad_request_error():
    ask = lambda: client().messages.create(**{**ASKED, "messages": "none"})
    refused(anthropic.BadRequestError, 400, "invalid_request_error", ask)


if __name__ == "__main__":
    run([
        an_answer_is_whole,
        a_stream_says_the_same_in_pieces,
        the_stream_helper_gathers_the_answer,
        an_answer_comes_to_the_async_client,
        a_stream_comes_to_the_async_client,
        a_stream_that_is_left_does_no_harm,
        models_are_listed_and_found,
        headers_tell_what_happened,
        what_sdks_sent_until_late_2026_is_served,
        a_wrong_key_is_an_authentication_error,
        an_unknown_model_is_a_not_found_error,
        what_is_no_request_is_a_bad_request_error,
    ])
