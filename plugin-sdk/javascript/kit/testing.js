// Runs a check on recorded answers, in Node and without WebAssembly.
//
//     const host = new FakeHost();
//     host.answer('https://api.example.com/users?page=1', { users: [], next: null });
//     const report = await runCheck(check, { url: 'https://api.example.com' }, { host, now: '2026-03-02T06:00:00Z' });
import { runOn } from './check.js';
import { Failure } from './failure.js';
import { fetch } from './http.js';

const NO_DIGEST = `sha256:${'0'.repeat(64)}`;
const bytesOf = (body) => (body instanceof Uint8Array ? body : new TextEncoder().encode(typeof body === 'string' ? body : JSON.stringify(body)));

/** What the host saw of a server; with `notAfter`, it showed a certificate that ends then. */
export function exchange({ status = 200, headers = [], totalMs = 0, notAfter, untrusted } = {}) {
  const certificate = {
    subject: 'CN=example', issuer: 'CN=example CA', serial: '01', names: [], notBefore: '2026-01-01T00:00:00.000Z', notAfter, key: 'EC P-256', digest: NO_DIGEST,
  };
  return {
    status,
    headers,
    timings: { resolve: 0, connect: 0, handshake: 0, firstByte: 0, total: totalMs },
    peer: notAfter ? { address: '192.0.2.1:443', protocol: 'TLSv1.3', cipher: 'TLS13_AES_256_GCM_SHA384', untrusted, chain: [certificate] } : undefined,
    attempts: 1,
  };
}

/** Answers what it was told, and notes what it was asked. A call that nobody told it about is refused. */
export class FakeHost {
  /** The requests, in the form of the contract, one list for all that were sent side by side. */
  asked = [];
  logged = [];
  inputs = [];
  #bodies = new Map();
  #answers = new Map();
  #state = new Map();

  /** `body` is a Uint8Array, text, or what is sent as JSON; `more` is what `exchange` takes. */
  answer(url, body, { method = 'GET', ...more } = {}) {
    this.#answers.set(`${method} ${url}`, { tag: 'ok', val: { exchange: exchange(more), body: bytesOf(body) } });
  }

  /** `reason`: refused, unreachable, timeout, tls, limit. */
  error(url, reason, why = 'as the test says', method = 'GET') {
    this.#answers.set(`${method} ${url}`, { tag: 'err', val: { tag: reason, val: why } });
  }

  /** An input; by `http` when an exchange is given. */
  input(name, body = '', { http, observed = '2026-01-01T00:00:00.000Z' } = {}) {
    const bytes = bytesOf(body);
    this.#bodies.set(name, bytes);
    this.inputs.push({
      name, source: http ? `https://${name}.example` : `file:${name}`, query: '', mediaType: '', observed, bytes: bytes.length, digest: NO_DIGEST, http,
    });
  }

  log = (level, message) => { this.logged.push(`${level}: ${message}`); };

  sendAll = (requests) => {
    this.asked.push(requests);
    return requests.map(({ method, url, accept }) => {
      const answer = this.#answers.get(`${method} ${url}`) ?? { tag: 'err', val: { tag: 'refused', val: `the test has no answer to ${method} ${url}` } };
      if (answer.tag === 'err') return answer;
      const { status } = answer.val.exchange;
      const counts = (status >= 200 && status <= 299) || accept.includes(status);
      return counts ? answer : { tag: 'err', val: { tag: 'status', val: answer.val } };
    });
  };

  read = (name) => {
    const bytes = this.#bodies.get(name);
    if (!bytes) throw new Failure('unsupported', `the control has no input \`${name}\``, name);
    return bytes;
  };

  readText = (name) => new TextDecoder().decode(this.read(name));

  open = (name) => {
    let rest = this.read(name);
    return (size) => {
      const piece = rest.subarray(0, size);
      rest = rest.subarray(size);
      return piece;
    };
  };

  handshake = (name, port) => { throw new Failure('unsupported', `the test has no handshake with ${name}:${port}`); };

  state = {
    get: (key) => this.#state.get(key),
    set: (key, value) => { this.#state.set(key, bytesOf(value)); },
    delete: (key) => { this.#state.delete(key); },
    keys: () => [...this.#state.keys()].sort(),
  };

  points = () => [];

  slotsIn = () => ({ due: 0, run: 0, late: 0, pass: 0, fail: 0, error: 0, notApplicable: 0, missed: 0 });
}

/** Resolves to the report, rejects with a `Failure`. Meanwhile the global `fetch` asks the host and never the network. */
export async function runCheck(check, config, { host = new FakeHost(), now = '2026-03-02T06:00:00.000Z', interval } = {}) {
  const request = {
    control: 'TEST-01', definition: NO_DIGEST, slot: now, now, interval, config, inputs: host.inputs, seed: new Uint8Array(32),
    limits: { wallMs: 0, memoryBytes: 0, reportBytes: 0, requests: 0, responseBytes: 0 }, extensions: {},
  };
  const before = globalThis.fetch;
  globalThis.fetch = fetch;
  try {
    return await runOn(check, request, host);
  } finally {
    globalThis.fetch = before;
  }
}
