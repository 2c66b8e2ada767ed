"""Every model that is named, through both SDKs, unary and as a stream: all answers are the same.

Models are those of `weir-upstream --talk`, whose words are tokens. No line here knows what is behind a model.
usage: both.py MODEL...
"""

import sys

from checks import equal, run
from clients import Chat, Messages, Tool

TEXT = "Say this is a test, with ümlauts and 🦀."
WORDS = len(TEXT.split())
CACHED, CALL, THOUGHT = 1, 10, "Let me think."

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = Tool("get_weather", "How the weather is in a city.", CITY)
TIME = Tool("get_time", "What time it is.", {"type": "object", "properties": {}})


def user(text):
    return {"role": "user", "content": text}


def text(sdk, model, stream):
    answer = sdk.ask(model, [user(TEXT)], stream)
    equal((answer.text, answer.calls, answer.reason), (TEXT, [], "end"))
    equal(answer.tokens, (WORDS, CACHED, WORDS))


def several_turns(sdk, model, stream):
    first = sdk.ask(model, [user("One.")], stream)
    answer = sdk.ask(model, [user("One."), first.turn, user(TEXT)], stream)
    equal((answer.text, answer.reason), (TEXT, "end"))
    equal(answer.tokens, (2 + WORDS, CACHED, WORDS))


def system_prompt(sdk, model, stream):
    answer = sdk.ask(model, [user("What are your instructions?")], stream, system=TEXT)
    equal((answer.text, answer.reason), (TEXT, "end"))
    equal(answer.tokens, (WORDS + 4, CACHED, WORDS))


def callers_bound(sdk, model, stream):
    answer = sdk.ask(model, [user(TEXT)], stream, bound=3)
    equal((answer.text, answer.reason), ("Say this is ", "bound"))
    equal(answer.tokens, (WORDS, CACHED, 3))


def tool_loop(sdk, model, stream):
    turns = [user("Wien")]
    called = sdk.ask(model, turns, stream, tools=[WEATHER])
    equal([(call.name, call.arguments) for call in called.calls], [("get_weather", {"city": "Wien"})])
    equal((called.text, called.reason, called.tokens), ("", "tools", (1, CACHED, CALL)))
    turns += [called.turn, *sdk.results([(called.calls[0], "Rain, 7 °C.")])]
    answer = sdk.ask(model, turns, stream, tools=[WEATHER])
    equal((answer.text, answer.calls, answer.reason), ("The tool says: Rain, 7 °C.", [], "end"))
    equal(answer.tokens, (4, CACHED, 6))


def parallel_tools(sdk, model, stream):
    tools = [WEATHER, TIME]
    called = sdk.ask(model, [user("Wien")], stream, tools=tools)
    wanted = [("get_weather", {"city": "Wien"}), ("get_time", {})]
    equal([(call.name, call.arguments) for call in called.calls], wanted)
    assert len({call.id for call in called.calls}) == 2, called.calls
    results = sdk.results(list(zip(called.calls, ["Rain.", "Noon."])))
    answer = sdk.ask(model, [user("Wien"), called.turn, *results], stream, tools=tools)
    equal((answer.text, answer.reason), ("The tool says: Rain. Noon.", "end"))


def thinking(sdk, model, stream):
    answer = sdk.ask(model, [user(TEXT)], stream, think=True)
    equal((answer.thought, answer.text, answer.reason), (THOUGHT, TEXT, "end"))
    equal(answer.tokens, (WORDS, CACHED, WORDS + len(THOUGHT.split())))
    again = sdk.ask(model, [user("One."), answer.turn, user(TEXT)], stream, think=True)
    equal((again.thought, again.text), (THOUGHT, TEXT))


def every(checks, models):
    """A check for each SDK and model, unary and as a stream."""
    for model in models:
        for sdk in [Chat(), Messages()]:
            for check in checks:
                for stream in [False, True]:
                    def one(check=check, sdk=sdk, model=model, stream=stream):
                        check(sdk, model, stream)

                    how = "stream" if stream else "whole"
                    one.__name__ = f"{model}, {sdk.name}, {how}: {check.__name__}"
                    yield one


if __name__ == "__main__":
    checks = [text, several_turns, system_prompt, callers_bound, tool_loop, parallel_tools, thinking]
    run(list(every(checks, sys.argv[1:])))
