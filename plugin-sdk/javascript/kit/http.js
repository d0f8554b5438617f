// `fetch` over the contract: what is asked in one go is sent side by side.
import { Failure } from './failure.js';
import { whenIdle } from './loop.js';
import { Headers } from './web.js';

let host;
let waiting = [];

/** Where calls go; for each run. */
export function setHost(outside) {
  host = outside;
  waiting = [];
}

/** A call without an answer that counts. Thrown outside of `subject` it is the failure that it means.
 * `reason` is one of refused, unreachable, timeout, tls, status, limit. */
export class HttpError extends Failure {
  constructor(call, reason, why, response) {
    const words = wordsOfReason(reason, why, response?.status);
    super(kindOf(reason, why, response?.status), `${call.purpose}: ${words}`, call.url);
    this.name = 'HttpError';
    this.reason = reason;
    /** What went wrong, without what the call was for. */
    this.words = words;
    /** The answer whose status does not count. */
    this.response = response;
    this.status = response?.status;
  }
}

function wordsOfReason(reason, why, status) {
  switch (reason) {
    case 'timeout': return 'timed out';
    case 'tls': return `TLS: ${why}`;
    case 'status': return `status ${status}`;
    case 'limit': return `over the limit ${why}`;
    default: return `${reason}: ${why}`;
  }
}

function kindOf(reason, why, status) {
  switch (reason) {
    case 'refused': return 'unsupported';
    case 'unreachable': case 'tls': return 'unreachable';
    case 'timeout': return 'timeout';
    case 'limit': return why === 'wall' ? 'timeout' : 'unsupported';
  }
  if (status === 401 || status === 403) return 'denied';
  if (status === 408 || status === 504) return 'timeout';
  if (status === 429) return 'throttled';
  return status >= 500 && status <= 599 ? 'unreachable' : 'bad-input';
}

/** The `fetch` that checks know, with these differences: it rejects every status outside of 200 to 299 that is not in
 * `accept`; the host adds the credential of the grant (`auth`: 'granted', 'anonymous', or the name of another one);
 * `purpose` is what errors call it; there are no redirects, no cookies and no streams. */
export function fetch(resource, options = {}) {
  return new Promise((resolve, reject) => {
    const call = callOf(String(resource?.href ?? resource), options);
    if (waiting.push({ call, resolve, reject }) === 1) whenIdle(flush);
  });
}

function flush() {
  const calls = waiting;
  waiting = [];
  const answers = host.sendAll(calls.map(({ call }) => call.request));
  calls.forEach(({ call, resolve, reject }, at) => {
    const { tag, val } = answers[at];
    if (tag === 'ok') resolve(new Response(call, val));
    else reject(errorOf(call, val));
  });
}

/** The error that a value of the contract means. */
export function errorOf(call, { tag, val }) {
  return tag === 'status' ? new HttpError(call, tag, '', new Response(call, val)) : new HttpError(call, tag, val);
}

function callOf(url, options) {
  const method = (options.method ?? 'GET').toUpperCase();
  const headers = [...new Headers(options.headers)];
  const hasType = headers.some(([name]) => name === 'content-type');
  let { body } = options;
  if (body === null) body = undefined;
  if (body !== undefined && !(body instanceof Uint8Array)) {
    if (body instanceof ArrayBuffer) body = new Uint8Array(body);
    else {
      const isForm = body instanceof URLSearchParams;
      if (!hasType) headers.push(['content-type', isForm ? 'application/x-www-form-urlencoded;charset=UTF-8' : 'text/plain;charset=UTF-8']);
      body = new TextEncoder().encode(String(body));
    }
  }
  const auth = options.auth ?? 'granted';
  const known = auth === 'granted' || auth === 'anonymous';
  const isStatus = (status) => Number.isInteger(status) && status >= 100 && status <= 599;
  if (!(options.accept ?? []).every(isStatus)) throw new TypeError('`accept` is a list of statuses');
  const request = {
    method,
    url: url.toWellFormed(),
    headers,
    body,
    auth: known ? { tag: auth } : { tag: 'named', val: String(auth) },
    accept: options.accept ?? [],
    timeoutMs: Math.max(0, Math.trunc(Number(options.timeoutMs ?? 0))) || 0,
  };
  return { url, purpose: options.purpose ?? `${method} ${url}`, request };
}

/** An answer. Its body is there already; `text` and `json` are promises because those of `fetch` are. */
class Response {
  constructor(call, { exchange, body }) {
    this.url = call.url;
    this.purpose = call.purpose;
    this.status = exchange.status;
    this.ok = exchange.status >= 200 && exchange.status <= 299;
    this.headers = new Headers(exchange.headers);
    this.timings = exchange.timings;
    this.peer = exchange.peer ?? undefined;
    this.attempts = exchange.attempts;
    this.body = body instanceof Uint8Array ? body : Uint8Array.from(body);
  }

  async bytes() {
    return this.body;
  }

  async arrayBuffer() {
    return this.body.slice().buffer;
  }

  async text() {
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(this.body);
    } catch {
      throw this.notAsExpected('the answer is not UTF-8');
    }
  }

  async json() {
    const text = await this.text();
    try {
      return JSON.parse(text);
    } catch (thrown) {
      throw this.notAsExpected(`the answer is not the JSON that was expected: ${thrown.message}`);
    }
  }

  /** The failure of a check that cannot make sense of this answer; to be thrown. */
  notAsExpected(why) {
    return new Failure('bad-input', `${this.purpose}: ${why}`, this.url);
  }
}

/** A list that comes in pages, to its end: `for await (const page of pages(url, byLinkHeader, { purpose: 'keys' }))`.
 * A page that fails ends the run. `next(page)` resolves to the URL of the page after it, `null` at the end. */
export async function* pages(url, next, options = {}) {
  const { atMost = 10_000, ...rest } = options;
  for (let count = 0; url !== null; count += 1) {
    if (count === atMost) {
      host.noteIncomplete(`${rest.purpose ?? url}: there are more than ${atMost} pages`);
      return;
    }
    const page = await fetch(url, rest);
    const following = await next(page);
    if (following === url) throw page.notAsExpected('the next page is this page again');
    yield page;
    url = following;
  }
}

/** `Link: <URL>; rel="next"` (RFC 8288), as GitHub and GitLab have them. No such link: the last page. */
export async function byLinkHeader(page) {
  for (const part of (page.headers.get('link') ?? '').split('<').slice(1)) {
    const [target, parameters = ''] = part.split('>');
    if (/(^|[;,\s])rel\s*=\s*("([^"]*\s)?next(\s[^"]*)?"|next\b)/i.test(parameters)) return new URL(target, page.url).href;
  }
  return null;
}

/** A token in a JSON object (null, empty: the last page), sent back as a parameter of the query. An answer without the
 * key does not say whether it is the last page, which is a failure unless `absentIsLast`. */
export function byToken(key, parameter, { absentIsLast = false } = {}) {
  return async (page) => {
    const answer = await page.json();
    if (answer === null || typeof answer !== 'object' || (!(key in answer) && !absentIsLast)) {
      throw page.notAsExpected('the answer does not say whether it is the last page');
    }
    const token = answer[key] ?? '';
    if (token === '') return null;
    const [path, query = ''] = page.url.split('?');
    const kept = query.split('&').filter((part) => part !== '' && part.split('=')[0] !== parameter);
    return `${path}?${[...kept, `${parameter}=${encodeURIComponent(token)}`].join('&')}`;
  };
}
