"""OpenAI's Python SDK, as it is, against OPENAI_BASE_URL with OPENAI_API_KEY."""

import os

import openai
from openai import AsyncOpenAI, OpenAI

from checks import equal, run

MODEL = os.environ.get("WEIR_MODEL", "chat")
TEXT = "Say this is a test, with ümlauts and 🦀."
MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": TEXT}]


def client(**options):
    # The SDK's own retries would hide what they are not needed for.
    return OpenAI(max_retries=0, **options)


def an_answer_is_whole():
    answer = client().chat.completions.create(model=MODEL, messages=MESSAGES)
    equal(answer.object, "chat.completion")
    equal(answer.choices[0].message.role, "assistant")
    equal(answer.choices[0].message.content, TEXT)
    equal(answer.choices[0].finish_reason, "stop")
    equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens)
    assert answer.usage.completion_tokens > 0


def a_stream_says_the_same_in_pieces():
    pieces, reasons = [], []
    for chunk in client().chat.completions.create(model=MODEL, messages=MESSAGES, stream=True):
        equal(chunk.object, "chat.completion.chunk")
        equal(chunk.usage, None)
        pieces += [choice.delta.content or "" for choice in chunk.choices]
        reasons += [choice.finish_reason for choice in chunk.choices if choice.finish_reason]
    equal("".join(pieces), TEXT)
    equal(reasons, ["stop"])
    assert sum(1 for piece in pieces if piece) > 1, "it came in one piece"


def a_stream_tells_its_usage_to_who_asks():
    stream = client().chat.completions.create(
        model=MODEL, messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    equal([chunk.usage is not None for chunk in chunks], [False] * (len(chunks) - 1) + [True])
    equal(chunks[-1].choices, [])
    assert chunks[-1].usage.prompt_tokens > 0 and chunks[-1].usage.completion_tokens > 0


async def an_answer_comes_to_the_async_client():
    async with AsyncOpenAI(max_retries=0) as client:
        answer = await client.chat.completions.create(model=MODEL, messages=MESSAGES)
    equal(answer.choices[0].message.content, TEXT)


async def a_stream_comes_to_the_async_client():
    async with AsyncOpenAI(max_retries=0) as client:
        stream = await client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True)
        pieces = [choice.delta.content or "" async for chunk in stream for choice in chunk.choices]
    equal("".join(pieces), TEXT)


def a_stream_that_is_left_does_no_harm():
    with client().chat.completions.create(model=MODEL, messages=MESSAGES, stream=True) as stream:
        next(iter(stream))
    an_answer_is_whole()


def the_stream_helper_gathers_the_answer():
    with client().chat.completions.stream(model=MODEL, messages=MESSAGES) as stream:
        stream.until_done()
        equal(stream.get_final_completion().choices[0].message.content, TEXT)


def models_are_listed_and_found():
    names = [model.id for model in client().models.list()]
    assert MODEL in names, names
    equal(client().models.retrieve(MODEL).id, MODEL)


def headers_tell_what_happened():
    raw = client().chat.completions.with_raw_response.create(model=MODEL, messages=MESSAGES)
    for name in ["x-request-id", "x-weir-provider", "x-weir-model", "x-weir-overhead-ms"]:
        assert raw.headers.get(name), f"{name} is missing: {dict(raw.headers)}"
    assert int(raw.headers["x-weir-attempts"]) >= 1
    assert float(raw.headers["x-weir-cost-usd"]) > 0
    equal(raw.parse().choices[0].message.content, TEXT)


def refused(error_class, status, code, call):
    try:
        call()
    except error_class as error:
        equal((error.status_code, error.code), (status, code))
        assert error.message and error.request_id, error
        equal(sorted(error.body), ["code", "message", "param", "type"])
        return
    raise AssertionError(f"no {error_class.__name__}")


def a_wrong_key_is_an_authentication_error():
    stranger = client(api_key="weir_0000000000_" + "0" * 49)
    refused(openai.AuthenticationError, 401, "invalid_api_key", lambda: stranger.models.list())
    chat = stranger.chat.completions
    ask = lambda: chat.create(model=MODEL, messages=MESSAGES)
    refused(openai.AuthenticationError, 401, "invalid_api_key", ask)


def an_unknown_model_is_a_not_found_error():
    chat = client().chat.completions
    for stream in [False, True]:
        ask = lambda: chat.create(model="no-such-model", messages=MESSAGES, stream=stream)
        refused(openai.NotFoundError, 404, "model_not_found", ask)


if __name__ == "__main__":
    run([
        an_answer_is_whole,
        a_stream_says_the_same_in_pieces,
        a_stream_tells_its_usage_to_who_asks,
        an_answer_comes_to_the_async_client,
        a_stream_comes_to_the_async_client,
        a_stream_that_is_left_does_no_harm,
        the_stream_helper_gathers_the_answer,
        models_are_listed_and_found,
        headers_tell_what_happened,
        a_wrong_key_is_an_authentication_error,
        an_unknown_model_is_a_not_found_error,
    ])
