// OpenAI's Node SDK, as it is, against OPENAI_BASE_URL with OPENAI_API_KEY.

import assert from "node:assert/strict";
import OpenAI from "openai";

const model = process.env.WEIR_MODEL ?? "chat";
const text = "Say this is a test, with ümlauts and 🦀.";
const messages = [
  { role: "system", content: "Be brief." },
  { role: "user", content: text },
];
// The SDK's own retries would hide what they are not needed for.
const client = new OpenAI({ maxRetries: 0 });

const checks = {
  async "an answer is whole"() {
    const answer = await client.chat.completions.create({ model, messages });
    assert.equal(answer.object, "chat.completion");
    assert.equal(answer.choices[0].message.content, text);
    assert.equal(answer.choices[0].finish_reason, "stop");
    assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
    assert.ok(answer.usage.completion_tokens > 0);
  },

  async "a stream says the same in pieces"() {
    const pieces = [];
    const reasons = [];
    for await (const chunk of await client.chat.completions.create({ model, messages, stream: true })) {
      assert.equal(chunk.usage ?? null, null);
      for (const choice of chunk.choices) {
        if (choice.delta.content) pieces.push(choice.delta.content);
        if (choice.finish_reason) reasons.push(choice.finish_reason);
      }
    }
    assert.equal(pieces.join(""), text);
    assert.deepEqual(reasons, ["stop"]);
    assert.ok(pieces.length > 1, "it came in one piece");
  },

  async "a stream tells its usage to who asks"() {
    const options = { model, messages, stream: true, stream_options: { include_usage: true } };
    const chunks = [];
    for await (const chunk of await client.chat.completions.create(options)) chunks.push(chunk);
    const last = chunks.pop();
    assert.ok(chunks.length > 0 && chunks.every((chunk) => !chunk.usage));
    assert.deepEqual(last.choices, []);
    assert.ok(last.usage.prompt_tokens > 0 && last.usage.completion_tokens > 0);
  },

  async "the stream helper gathers the answer"() {
    const stream = client.chat.completions.stream({ model, messages });
    assert.equal(await stream.finalContent(), text);
  },

  async "a stream that is left does no harm"() {
    for await (const chunk of await client.chat.completions.create({ model, messages, stream: true })) {
      assert.equal(chunk.object, "chat.completion.chunk");
      break;
    }
    await checks["an answer is whole"]();
  },

  async "models are listed and found"() {
    const names = [];
    for await (const entry of client.models.list()) names.push(entry.id);
    assert.ok(names.includes(model), names.join(", "));
    assert.equal((await client.models.retrieve(model)).id, model);
  },

  async "headers tell what happened"() {
    const { data, response } = await client.chat.completions.create({ model, messages }).withResponse();
    assert.equal(data.choices[0].message.content, text);
    for (const name of ["x-request-id", "x-weir-provider", "x-weir-model", "x-weir-overhead-ms"]) {
      assert.ok(response.headers.get(name), `${name} is missing`);
    }
    assert.ok(Number(response.headers.get("x-weir-attempts")) >= 1);
    assert.ok(Number(response.headers.get("x-weir-cost-usd")) > 0);
  },

  async "a wrong key is an authentication error"() {
    const stranger = new OpenAI({ maxRetries: 0, apiKey: `weir_0000000000_${"0".repeat(49)}` });
    const refused = (error) =>
      error instanceof OpenAI.AuthenticationError && error.status === 401 && error.code === "invalid_api_key";
    await assert.rejects(stranger.chat.completions.create({ model, messages }), refused);
  },

  async "an unknown model is a not found error"() {
    const refused = (error) =>
      error instanceof OpenAI.NotFoundError && error.status === 404 && error.code === "model_not_found";
    for (const stream of [false, true]) {
      await assert.rejects(client.chat.completions.create({ model: "no-such-model", messages, stream }), refused);
    }
  },
};

let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  try {
    await check();
    console.log(`ok      ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}\n${error.stack}`);
  }
}
console.log(`${Object.keys(checks).length - failed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
