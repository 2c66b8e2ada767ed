"""One way to ask through either SDK: what differs between the SDKs is here, what differs between vendors nowhere."""

import json
from dataclasses import dataclass, field

from anthropic import Anthropic
from openai import OpenAI


@dataclass
class Tool:
    name: str
    description: str
    schema: dict


@dataclass
class Call:
    id: str
    name: str
    arguments: dict


@dataclass
class Answer:
    """What came, in words that no SDK has a part in; `turn` is the SDK's own, to be sent back."""

    text: str
    thought: str
    calls: list[Call]
    reason: str
    tokens: tuple[int, int, int]
    """Of the prompt in all, those of them from a cache, and of the answer."""
    turn: dict = field(repr=False)


class Chat:
    """OpenAI's SDK."""

    name = "OpenAI's SDK"
    reasons = {"stop": "end", "length": "bound", "tool_calls": "tools"}

    def __init__(self):
        self.create = OpenAI(max_retries=0).chat.completions.create

    @staticmethod
    def results(results):
        return [{"role": "tool", "tool_call_id": call.id, "content": text} for call, text in results]

    def ask(self, model, turns, stream, system=None, tools=(), bound=None, think=False):
        options = {"model": model, "messages": turns}
        if system:
            options["messages"] = [{"role": "system", "content": system}, *turns]
        if tools:
            options["tools"] = [
                {
                    "type": "function",
                    "function": {"name": tool.name, "description": tool.description, "parameters": tool.schema},
                }
                for tool in tools
            ]
        if bound:
            options["max_tokens"] = bound
        if think:
            options["reasoning_effort"] = "low"
        return self._streamed(options) if stream else self._whole(options)

    def _whole(self, options):
        answer = self.create(**options)
        (choice,) = answer.choices
        said = choice.message
        calls = [(call.id, call.function.name, call.function.arguments) for call in said.tool_calls or []]
        return self._answer(said.content, thought_of(said), calls, choice.finish_reason, answer.usage)

    def _streamed(self, options):
        text, thought, reason, usage, calls = "", "", None, None, {}
        for chunk in self.create(**options, stream=True, stream_options={"include_usage": True}):
            usage = chunk.usage or usage
            for choice in chunk.choices:
                text += choice.delta.content or ""
                thought += thought_of(choice.delta) or ""
                reason = choice.finish_reason or reason
                for part in choice.delta.tool_calls or []:
                    call = calls.setdefault(part.index, ["", "", ""])
                    told = [part.id, part.function.name, part.function.arguments]
                    calls[part.index] = [had + (more or "") for had, more in zip(call, told)]
        assert list(calls) == list(range(len(calls))), calls
        return self._answer(text, thought, calls.values(), reason, usage)

    def _answer(self, text, thought, calls, reason, usage):
        sent = [
            {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}
            for id, name, arguments in calls
        ]
        turn = {"role": "assistant", "content": text or None}
        if sent:
            turn["tool_calls"] = sent
        calls = [Call(id, name, json.loads(arguments)) for id, name, arguments in calls]
        cached = usage.prompt_tokens_details.cached_tokens if usage.prompt_tokens_details else 0
        tokens = (usage.prompt_tokens, cached, usage.completion_tokens)
        return Answer(text or "", thought or "", calls, self.reasons.get(reason, reason), tokens, turn)


class Messages:
    """Anthropic's SDK."""

    name = "Anthropic's SDK"
    reasons = {"end_turn": "end", "max_tokens": "bound", "tool_use": "tools"}

    def __init__(self):
        self.client = Anthropic(max_retries=0)

    @staticmethod
    def results(results):
        blocks = [{"type": "tool_result", "tool_use_id": call.id, "content": text} for call, text in results]
        return [{"role": "user", "content": blocks}]

    def ask(self, model, turns, stream, system=None, tools=(), bound=None, think=False):
        options = {"model": model, "messages": turns, "max_tokens": bound or 4096}
        if system:
            options["system"] = system
        if tools:
            options["tools"] = [
                {"name": tool.name, "description": tool.description, "input_schema": tool.schema} for tool in tools
            ]
        if think:
            options["thinking"] = {"type": "enabled", "budget_tokens": 1024}
        if not stream:
            return self._answer(self.client.messages.create(**options))
        with self.client.messages.stream(**options) as events:
            return self._answer(events.get_final_message())

    def _answer(self, message):
        blocks = message.content
        text = "".join(block.text for block in blocks if block.type == "text")
        thought = "".join(block.thinking for block in blocks if block.type == "thinking")
        calls = [Call(block.id, block.name, block.input) for block in blocks if block.type == "tool_use"]
        usage = message.usage
        read, written = usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0
        tokens = (usage.input_tokens + read + written, read, usage.output_tokens)
        turn = {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in blocks]}
        reason = self.reasons.get(message.stop_reason, message.stop_reason)
        return Answer(text, thought, calls, reason, tokens, turn)


def thought_of(said):
    """OpenAI's API has no field for it; others have this one, which the SDK keeps among what it does not know."""
    return (said.model_extra or {}).get("reasoning_content")
