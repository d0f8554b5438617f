// What a check may take for granted. Loaded before it.
import { fetch } from './http.js';
import { install as installLoop } from './loop.js';
import { install as installWeb } from './web.js';
import { write } from 'evidenced:check/log@1.0.0';

installWeb();
installLoop();
globalThis.fetch = fetch;

const words = (value) => {
  if (typeof value === 'string') return value;
  if (value instanceof Error) return `${value}\n${value.stack ?? ''}`.trimEnd();
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
};
const line = (level) => (...values) => write(level, values.map(words).join(' '));
globalThis.console = { debug: line('debug'), log: line('info'), info: line('info'), warn: line('warn'), error: line('error'), trace: line('debug') };

/** `Math.random` from the seed of a run (the generator is sfc32). */
export function seedRandom(seed) {
  const view = new DataView(Uint8Array.from(seed).buffer);
  let [a, b, c, counter] = [0, 4, 8, 12].map((at) => view.getUint32(at) ^ view.getUint32(at + 16));
  const next = () => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum | 0;
    return (sum >>> 0) / 4_294_967_296;
  };
  // The state of a seed of zeros is mixed after some rounds, too.
  counter = (counter + 1) | 0;
  for (let round = 0; round < 15; round += 1) next();
  Math.random = next;
}
