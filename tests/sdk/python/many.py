"""A thousand requests over a route whose first provider fails at random: every one must succeed.

The SDK's own retries are off: whatever is rescued, the gateway rescues.
"""

import asyncio
import os
import sys

from openai import AsyncOpenAI

MODEL = os.environ.get("WEIR_MODEL", "chat")
REQUESTS = int(os.environ.get("WEIR_REQUESTS", "1000"))
AT_ONCE = 32


async def whole(client, text):
    raw = await client.chat.completions.with_raw_response.create(model=MODEL, messages=text)
    answer = raw.parse().choices[0]
    return answer.message.content, answer.finish_reason, raw.headers


async def streamed(client, text):
    raw = await client.chat.completions.with_raw_response.create(model=MODEL, messages=text, stream=True)
    pieces, reason = [], None
    async for chunk in raw.parse():
        for choice in chunk.choices:
            pieces.append(choice.delta.content or "")
            reason = choice.finish_reason or reason
    return "".join(pieces), reason, raw.headers


async def one(client, turn, number):
    """Whether it needed a second attempt; an exception unless the answer is right."""
    text = f"This is request {number}."
    ask = streamed if number % 2 else whole
    async with turn:
        found, reason, headers = await ask(client, [{"role": "user", "content": text}])
    if (found, reason) != (text, "stop"):
        raise AssertionError(f"request {number}: found {found!r}, finish reason {reason!r}")
    return int(headers["x-weir-attempts"]) > 1


async def main():
    turn = asyncio.Semaphore(AT_ONCE)
    async with AsyncOpenAI(max_retries=0, timeout=60) as client:
        asked = (one(client, turn, number) for number in range(REQUESTS))
        results = await asyncio.gather(*asked, return_exceptions=True)
    failures = [result for result in results if isinstance(result, BaseException)]
    for failure in failures[:10]:
        print(f"FAILED  {type(failure).__name__}: {failure}")
    rescued = sum(1 for result in results if result is True)
    print(f"{rescued} needed more than one attempt")
    print(f"{len(results) - len(failures)} of {REQUESTS}", flush=True)
    # Without a failure to be rescued from, this would show nothing.
    return 0 if not failures and rescued > 0 else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
