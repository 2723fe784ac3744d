// A whole Node agent, unmodified: models named by strings, and an environment that leads to the gateway.

import { initializeLogger, voice } from '@livekit/agents';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startGateway, until } from './gateway.js';
import { Caller, Speaker } from './telephone.js';

initializeLogger({ pretty: false, level: 'fatal' });

test('a conversation with a barge-in is booked as it is billed', async (t) => {
  const gateway = await startGateway(t, { pace: 1 });
  Object.assign(process.env, {
    LIVEKIT_INFERENCE_URL: gateway.livekit.baseURL,
    LIVEKIT_INFERENCE_API_KEY: gateway.livekit.apiKey,
    LIVEKIT_INFERENCE_API_SECRET: gateway.livekit.apiSecret,
  });
  const [caller, speaker] = [new Caller(), new Speaker()];
  const session = new voice.AgentSession({
    stt: 'deepgram/nova-3',
    llm: 'openai/gpt-4.1-mini',
    tts: 'cartesia/sonic-3:a-voice',
    vad: null,
    turnHandling: { turnDetection: 'stt' },
    aecWarmupDuration: null,
  });
  const said = [];
  session.on(voice.AgentSessionEventTypes.ConversationItemAdded, ({ item }) => {
    if (item.type === 'message') said.push(`${item.role}: ${item.textContent}`);
  });
  session.input.audio = caller;
  session.output.audio = speaker;
  await session.start({ agent: new voice.Agent({ instructions: 'You take bookings. Be brief.' }), record: false });

  await caller.say(2);
  await until(() => speaker.finished === 1, 30_000);
  await caller.say(1.2);
  await until(() => speaker.finished === 2, 30_000);
  await caller.say(1.4);
  await until(() => speaker.finished === 3, 30_000);
  // The caller cuts a long answer short while it is spoken.
  await caller.say(1.5);
  await until(() => speaker.started === 4, 30_000);
  await sleep(1_000);
  await caller.say(1.2);
  await until(() => speaker.finished === 5, 30_000);
  await session.close();
  await caller.close();

  assert.equal(said[0], 'user: Hi, I would like to book a table for two tonight.');
  assert.equal(said[1], 'assistant: Of course, I can help you with that. What time would you like to come?');
  await until(async () => (await gateway.requests()).some((entry) => entry.modality === 'stt'));
  const lines = await gateway.lines();
  const statuses = (modality) => lines.filter((line) => line.modality === modality).map((line) => line.status);
  assert.equal(statuses('stt').length, 1);
  assert.ok(statuses('tts').includes('cancelled'));
  assert.ok(!lines.some((line) => line.status === 'error'));
  const differences = await gateway.differences();
  const estimated = lines.filter((line) => line.usage_sources.output_tokens === 'estimated');
  for (const name of ['input_tokens', 'output_tokens', 'cached_input_tokens']) {
    const key = `openai/gpt-4.1-mini llm ${name}`;
    const allowed = estimated.reduce((sum, line) => sum + Math.max(3, 0.05 * line.usage[name]), 0);
    const unknown = lines.some((line) => line.modality === 'llm' && line.usage[name] === null);
    if (unknown || Math.abs(differences[key] ?? 0) <= allowed) delete differences[key];
  }
  assert.deepEqual(differences, {});
});
