// A telephone line made of nothing: a microphone and a loudspeaker in real time, for agents without a room.

import { voice } from '@livekit/agents';
import { AudioFrame } from '@livekit/rtc-node';
import { setTimeout as sleep } from 'node:timers/promises';

export const RATE = 16_000;
const FRAME = RATE / 50;

/** Something the simulators take for speech, 16 bit mono. */
export function tone(seconds, rate = RATE) {
  return Int16Array.from({ length: Math.floor(seconds * rate) }, (_, n) => 8_000 * Math.sin((2 * Math.PI * 220 * n) / rate));
}

export function silence(seconds, rate = RATE) {
  return new Int16Array(Math.floor(seconds * rate));
}

/** Frames of 20 ms. */
export function* frames(...pieces) {
  for (const samples of pieces)
    for (let start = 0; start < samples.length; start += FRAME) {
      const part = samples.slice(start, start + FRAME);
      yield new AudioFrame(part, RATE, 1, part.length);
    }
}

/** A microphone in real time: silence, and speech when there is something to say. */
export class Caller extends voice.AudioInput {
  #toSay = [];
  #hungUp = false;

  constructor() {
    super();
    const caller = this;
    let next = performance.now();
    this.multiStream.addInputStream(
      new ReadableStream({
        async pull(controller) {
          if (caller.#hungUp) return controller.close();
          next = Math.max(next, performance.now() - 1_000) + 20;
          await sleep(Math.max(0, next - performance.now()));
          const said = caller.#toSay.shift() ?? new Int16Array(FRAME);
          controller.enqueue(new AudioFrame(said, RATE, 1, FRAME));
        },
      }),
    );
  }

  async say(seconds) {
    const samples = tone(seconds);
    for (let start = 0; start + FRAME <= samples.length; start += FRAME)
      this.#toSay.push(samples.slice(start, start + FRAME));
    await sleep(seconds * 1_000);
  }

  async close() {
    this.#hungUp = true;
    await super.close();
  }
}

/** A loudspeaker: plays in real time what it is given, and stops at once when it is told to. */
export class Speaker extends voice.AudioOutput {
  #given = 0;
  #began;
  #playing;
  /** How often it began and ended to speak. */
  started = 0;
  finished = 0;

  constructor() {
    super(24_000, undefined, { pause: false });
  }

  async captureFrame(frame) {
    await super.captureFrame(frame);
    if (this.#began === undefined) {
      this.#began = performance.now();
      this.#given = 0;
      this.started += 1;
      this.onPlaybackStarted(Date.now());
    }
    this.#given += (frame.samplesPerChannel / frame.sampleRate) * 1_000;
  }

  flush() {
    super.flush();
    if (this.#began === undefined) return;
    const left = this.#began + this.#given - performance.now();
    this.#playing = setTimeout(() => this.#finish(false), Math.max(0, left));
  }

  clearBuffer() {
    if (this.#began === undefined) return;
    clearTimeout(this.#playing);
    this.#finish(true);
  }

  #finish(interrupted) {
    const played = Math.min(this.#given, performance.now() - this.#began);
    this.#began = undefined;
    this.finished += 1;
    this.onPlaybackFinished({ playbackPosition: played / 1_000, interrupted });
  }
}
