// The gateway as a process of its own, between unmodified clients and simulated providers, and what both book.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const VOICEGW = process.env.VOICEGW_BINARY ?? join(ROOT, '.venv/bin/voicegw');
const PROVIDERS = ['anthropic', 'cartesia', 'deepgram', 'openai'];

// What the bill and the ledger both count.
const BILLED = [
  'input_tokens',
  'cached_input_tokens',
  'output_tokens',
  'characters',
  'sent_characters',
  'audio_seconds',
];

/** The first true value of `what`, or a failure. */
export async function until(what, milliseconds = 10_000) {
  const end = Date.now() + milliseconds;
  for (;;) {
    const found = await what();
    if (found) return found;
    if (Date.now() > end) throw new Error('waited in vain');
    await sleep(10);
  }
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Starts providers, a gateway and a key pair for a test, and ends them with it. */
export async function startGateway(t, { pace = 0.05 } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'voicegateway-'));
  const gateway = new Gateway(folder);
  t.after(() => gateway.end());
  await gateway.start(pace);
  return gateway;
}

class Gateway {
  #folder;
  #environment;
  #sim;
  #serve;

  constructor(folder) {
    this.#folder = folder;
    const own = Object.entries(process.env).filter(([name]) => !/^(LIVEKIT|VOICEGW|OPENAI)_/.test(name));
    const secret = Buffer.from([...Array(32).keys()]).toString('base64url') + '=';
    this.#environment = {
      ...Object.fromEntries(own),
      VOICEGW_CONFIG: join(folder, 'voicegw.yaml'),
      VOICEGW_SECRET: secret,
    };
  }

  async start(pace) {
    this.#sim = spawn(VOICEGW, ['sim', '--port', '0', '--seed', '7', '--pace', String(pace)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    for await (const line of createInterface(this.#sim.stdout)) {
      const ready = /^listening on (\S+)/.exec(line);
      if (ready) {
        this.simulator = ready[1];
        break;
      }
    }
    const accounts = PROVIDERS.map((name) => `  ${name}: {api_key: key-of-${name}, base_url: '${this.simulator}/${name}'}`);
    const database = join(this.#folder, 'ledger.db');
    await writeFile(
      this.#environment.VOICEGW_CONFIG,
      `providers:\n${accounts.join('\n')}\nprojects:\n  shop: {name: Shop, default_stack: front}\nstacks:\n  front: {stt: deepgram/nova-3, llm: openai/gpt-4.1-mini}\ncost_tracking:\n  db_path: '${database}'\n`,
    );
    const port = await freePort();
    this.url = `http://127.0.0.1:${port}/v1`;
    const pair = await this.#createKey('--livekit');
    // Arguments of LiveKit's clients.
    this.livekit = { baseURL: this.url, apiKey: pair.api_key, apiSecret: pair.api_secret };
    const log = await open(join(this.#folder, 'serve.log'), 'a');
    this.#serve = spawn(VOICEGW, ['serve', '--port', String(port)], {
      env: this.#environment,
      stdio: ['ignore', log.fd, log.fd],
    });
    await log.close();
    await until(async () => {
      if (this.#serve.exitCode !== null) throw new Error(await this.log());
      const answer = await fetch(`http://127.0.0.1:${port}/health`).catch(() => undefined);
      return answer?.ok;
    }, 30_000);
  }

  log() {
    return readFile(join(this.#folder, 'serve.log'), 'utf8');
  }

  async #voicegw(...args) {
    const { stdout } = await promisify(execFile)(VOICEGW, args, { env: this.#environment, maxBuffer: 1 << 26 });
    return JSON.parse(stdout);
  }

  #createKey(...args) {
    return this.#voicegw('keys', 'create', '--project', 'shop', '--json', ...args);
  }

  /** Arguments of an OpenAI client. */
  async openai() {
    const { plaintext } = await this.#createKey();
    return { baseURL: this.url, apiKey: plaintext, maxRetries: 0 };
  }

  async #call(path, body) {
    const answer = await fetch(this.simulator + path, body && { method: 'POST', body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(await answer.text());
    return answer.json();
  }

  /** What is said in the next conversation. */
  script(given) {
    return this.#call('/__script', given);
  }

  /** Has the next request of a provider fail. */
  fault(provider, modality, kind, more = {}) {
    return this.#call('/__faults', [{ provider, modality, kind, ...more }]);
  }

  meter() {
    return this.#call('/__meter');
  }

  /** The requests that have ended at the providers. */
  requests() {
    return this.#call('/__requests');
  }

  /** Ends the server as an operator does; a second time does nothing. */
  async stop() {
    if (!this.#serve || this.#serve.exitCode !== null) return;
    this.#serve.kill('SIGTERM');
    const overdue = setTimeout(() => this.#serve.kill('SIGKILL'), 15_000);
    const [code] = await once(this.#serve, 'exit');
    clearTimeout(overdue);
    if (code !== 0) throw new Error(`the server ended with ${code}:\n${await this.log()}`);
  }

  /** The whole ledger, oldest line first: ends the server, so that nothing is still on its way. */
  async lines() {
    await this.stop();
    const lines = await this.#voicegw('logs', '--tail', '1000', '--json');
    return lines.reverse();
  }

  /** Ledger minus bill where they differ, by model, modality and quantity. */
  async differences() {
    const sums = {};
    const add = (model, modality, name, amount) => {
      const key = `${model} ${modality} ${name}`;
      sums[key] = (sums[key] ?? 0) + amount;
    };
    for (const row of await this.meter())
      for (const name of BILLED) add(`${row.provider}/${row.model}`, row.modality, name, -row[name]);
    for (const line of await this.lines())
      for (const name of BILLED) add(line.model_id, line.modality, name, line.usage[name] ?? 0);
    return Object.fromEntries(Object.entries(sums).filter(([, sum]) => Math.abs(sum) > 1e-6));
  }

  async end() {
    try {
      await this.stop();
    } finally {
      if (this.#sim) {
        this.#sim.kill('SIGTERM');
        await once(this.#sim, 'exit');
      }
      await rm(this.#folder, { recursive: true, force: true });
    }
  }
}
