// OpenAI's own Node SDK against the gateway.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI, { toFile } from 'openai';
import { startGateway, until } from './gateway.js';
import { RATE, tone } from './telephone.js';

const MODELS = ['openai/gpt-4.1-mini', 'anthropic/claude-sonnet-4-5'];

const WEATHER = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'Tells the weather.',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};

function asked(text) {
  return [
    { role: 'system', content: 'You are a waiter.' },
    { role: 'user', content: text },
  ];
}

/** A WAV file with something like speech in it. */
function recording(seconds) {
  const samples = Buffer.from(tone(seconds).buffer);
  const head = Buffer.alloc(44);
  head.write('RIFF', 0);
  head.writeUInt32LE(36 + samples.length, 4);
  head.write('WAVEfmt ', 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(RATE, 24);
  head.writeUInt32LE(RATE * 2, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write('data', 36);
  head.writeUInt32LE(samples.length, 40);
  return toFile(Buffer.concat([head, samples]), 'speech.wav', { type: 'audio/wav' });
}

for (const model of MODELS)
  test(`${model}: whole, streamed, with a tool, with a structure`, async (t) => {
    const gateway = await startGateway(t);
    const client = new OpenAI(await gateway.openai());

    const whole = await client.chat.completions.create({ model, messages: asked('My name is Ada Lovelace.') });
    assert.match(whole.choices[0].message.content, /^Thank you, Ada\. Your table for two/);
    assert.equal(whole.choices[0].finish_reason, 'stop');

    let text = '';
    let usage;
    const stream = await client.chat.completions.create({
      model,
      messages: asked('My name is Ada Lovelace.'),
      stream: true,
      stream_options: { include_usage: true },
    });
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      usage = chunk.usage ?? usage;
    }
    assert.equal(text, whole.choices[0].message.content);
    assert.equal(usage.completion_tokens, whole.usage.completion_tokens);

    const structure = JSON.stringify({ name: 'Ada', guests: 2 });
    const call = { tool: { name: 'get_weather', arguments: { city: 'Bonn' } }, then: 'It is sunny.' };
    await gateway.script({ transcripts: ['Structure, please.', 'What is the weather?'], replies: [structure, call] });

    const runner = client.chat.completions.stream({ model, messages: asked('What is the weather?'), tools: [WEATHER] });
    const { message, finish_reason } = (await runner.finalChatCompletion()).choices[0];
    assert.equal(finish_reason, 'tool_calls');
    assert.equal(message.tool_calls[0].function.name, 'get_weather');
    assert.deepEqual(JSON.parse(message.tool_calls[0].function.arguments), { city: 'Bonn' });
    const after = await client.chat.completions.create({
      model,
      messages: [
        ...asked('What is the weather?'),
        message,
        { role: 'tool', tool_call_id: message.tool_calls[0].id, content: 'sun' },
      ],
      tools: [WEATHER],
    });
    assert.equal(after.choices[0].message.content, 'It is sunny.');

    const schema = {
      type: 'object',
      properties: { name: { type: 'string' }, guests: { type: 'integer' } },
      required: ['name', 'guests'],
      additionalProperties: false,
    };
    const parsed = await client.chat.completions.parse({
      model,
      messages: asked('Structure, please.'),
      response_format: { type: 'json_schema', json_schema: { name: 'booking', strict: true, schema } },
    });
    assert.deepEqual(JSON.parse(parsed.choices[0].message.content), { name: 'Ada', guests: 2 });

    assert.deepEqual((await gateway.lines()).map((line) => line.status), Array(5).fill('success'));
    assert.deepEqual(await gateway.differences(), {});
  });

test('a stream left in the middle is cancelled', async (t) => {
  const gateway = await startGateway(t, { pace: 1 });
  const client = new OpenAI(await gateway.openai());
  const stream = await client.chat.completions.create({
    model: MODELS[0],
    messages: asked('Can you tell me about the menu?'),
    stream: true,
  });
  let pieces = 0;
  for await (const _ of stream) if ((pieces += 1) === 10) break;
  await until(async () => (await gateway.requests()).length);
  assert.deepEqual((await gateway.lines()).map((line) => line.status), ['cancelled']);
});

test('recordings and speech', async (t) => {
  const gateway = await startGateway(t);
  const client = new OpenAI(await gateway.openai());
  for (const model of ['openai/whisper-1', 'deepgram/nova-3', 'cartesia/ink-whisper']) {
    await gateway.script({ transcripts: ['Hello there, how are you?'] });
    const { text } = await client.audio.transcriptions.create({ model, file: await recording(1.5) });
    assert.equal(text, 'Hello there, how are you?');
  }
  for (const [model, voice] of [['openai/tts-1', 'alloy'], ['cartesia/sonic-3', 'a-voice']]) {
    const speech = await client.audio.speech.create({ model, voice, input: 'Hello there.', response_format: 'pcm' });
    assert.ok((await speech.arrayBuffer()).byteLength > 4_000);
  }
  assert.deepEqual((await gateway.lines()).map((line) => line.status), Array(5).fill('success'));
  assert.deepEqual(await gateway.differences(), {});
});

test('the models are listed, and a bad key is refused', async (t) => {
  const gateway = await startGateway(t);
  const client = new OpenAI(await gateway.openai());
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);
  assert.ok(ids.length && ids.every((id) => id.includes('/')));
  const stranger = new OpenAI({ baseURL: gateway.url, apiKey: 'vk_nobody', maxRetries: 0 });
  await assert.rejects(stranger.chat.completions.create({ model: MODELS[0], messages: asked('Hi') }), OpenAI.AuthenticationError);
  await assert.rejects(client.chat.completions.create({ model: 'nobody/nothing', messages: asked('Hi') }), OpenAI.NotFoundError);
});
