// What browsers and Node have and QuickJS has not: `TextEncoder`, `TextDecoder`, `URL`, `URLSearchParams`, `Headers`,
// `atob`, `btoa`. As much of them as checks use; `install` adds those that are missing.

export class Headers {
  #pairs = [];

  constructor(init = []) {
    const pairs = typeof init[Symbol.iterator] === 'function' ? init : Object.entries(init);
    for (const [name, value] of pairs) this.append(name, value);
  }

  append(name, value) {
    this.#pairs.push([String(name).toLowerCase(), String(value)]);
  }

  set(name, value) {
    this.delete(name);
    this.append(name, value);
  }

  delete(name) {
    this.#pairs = this.#pairs.filter(([other]) => other !== name.toLowerCase());
  }

  /** All values of this name, in any case; `null` when there is none. */
  get(name) {
    const values = this.#pairs.filter(([other]) => other === name.toLowerCase()).map(([, value]) => value);
    return values.length > 0 ? values.join(', ') : null;
  }

  has(name) {
    return this.get(name) !== null;
  }

  forEach(callback) {
    for (const [name, value] of this.#pairs) callback(value, name, this);
  }

  entries() {
    return this.#pairs[Symbol.iterator]();
  }

  [Symbol.iterator]() {
    return this.entries();
  }
}

class Encoder {
  encoding = 'utf-8';

  encode(text = '') {
    // `unescape` of what `encodeURIComponent` makes of well-formed text has one character for each byte.
    const bytes = unescape(encodeURIComponent(String(text).toWellFormed()));
    return Uint8Array.from(bytes, (character) => character.charCodeAt(0));
  }
}

const PIECE = 8192;

class Decoder {
  encoding = 'utf-8';

  constructor(encoding = 'utf-8', { fatal = false, ignoreBOM = false } = {}) {
    if (!/^utf-?8$/i.test(encoding)) throw new RangeError(`no encoding but UTF-8 is known, and not ${encoding}`);
    this.fatal = fatal;
    this.ignoreBOM = ignoreBOM;
  }

  decode(buffer = new Uint8Array(0)) {
    let bytes = buffer;
    if (!(bytes instanceof Uint8Array)) {
      bytes = buffer instanceof ArrayBuffer ? new Uint8Array(buffer) : new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    }
    const parts = [];
    for (let from = 0; from < bytes.length; from += PIECE) {
      parts.push(String.fromCharCode.apply(null, bytes.subarray(from, from + PIECE)));
    }
    const binary = parts.join('');
    let text = binary;
    // The language's own decoder of percent-encoded text is the quick way, and strict.
    if (/[\x80-\xff]/.test(binary)) {
      try {
        text = decodeURIComponent(escape(binary));
      } catch {
        if (this.fatal) throw new TypeError('the bytes are not UTF-8');
        text = repaired(bytes);
      }
    }
    return !this.ignoreBOM && text.startsWith('\ufeff') ? text.slice(1) : text;
  }
}

/** Bytes that are not UTF-8 as text, with U+FFFD for those that are not. */
function repaired(bytes) {
  let text = '';
  for (let at = 0; at < bytes.length;) {
    const first = bytes[at];
    const length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    try {
      text += decodeURIComponent(escape(String.fromCharCode(...bytes.subarray(at, at + length))));
      at += length;
    } catch {
      text += '\ufffd';
      at += 1;
    }
  }
  return text;
}

class SearchParams {
  #pairs = [];

  constructor(init = '') {
    if (typeof init === 'string') {
      for (const part of init.replace(/^\?/, '').split('&')) {
        if (part === '') continue;
        const at = part.indexOf('=');
        this.append(plain(at < 0 ? part : part.slice(0, at)), plain(at < 0 ? '' : part.slice(at + 1)));
      }
    } else {
      for (const [name, value] of typeof init[Symbol.iterator] === 'function' ? init : Object.entries(init)) this.append(name, value);
    }
  }

  append(name, value) {
    this.#pairs.push([String(name), String(value)]);
  }

  set(name, value) {
    const at = this.#pairs.findIndex(([other]) => other === name);
    if (at < 0) return this.append(name, value);
    this.#pairs = this.#pairs.filter(([other], index) => other !== name || index === at);
    this.#pairs[at][1] = String(value);
    return undefined;
  }

  delete(name) {
    this.#pairs = this.#pairs.filter(([other]) => other !== name);
  }

  get(name) {
    return this.#pairs.find(([other]) => other === name)?.[1] ?? null;
  }

  getAll(name) {
    return this.#pairs.filter(([other]) => other === name).map(([, value]) => value);
  }

  has(name) {
    return this.get(name) !== null;
  }

  entries() {
    return this.#pairs[Symbol.iterator]();
  }

  [Symbol.iterator]() {
    return this.entries();
  }

  toString() {
    return this.#pairs.map(([name, value]) => `${formed(name)}=${formed(value)}`).join('&');
  }
}

function plain(text) {
  try {
    return decodeURIComponent(text.replace(/\+/g, ' '));
  } catch {
    return text;
  }
}

function formed(text) {
  const percent = (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(text).replace(/[!'()~]/g, percent).replace(/%20/g, '+');
}

const PARTS = /^(https?):\/\/(?:([^/?#@]*)@)?(\[[^\]]*\]|[^/?#:]*)(?::(\d+))?([^?#]*)(\?[^#]*)?(#.*)?$/i;
const PORTS = { 'http:': '80', 'https:': '443' };

/** URLs of http and https. */
class HttpUrl {
  constructor(text, base) {
    const parts = PARTS.exec(String(text)) ?? (base === undefined ? null : PARTS.exec(relative(String(text), new HttpUrl(base))));
    if (!parts || parts[3] === '') throw new TypeError(`not a URL of http or https: ${text}`);
    this.protocol = `${parts[1].toLowerCase()}:`;
    [this.username, this.password = ''] = (parts[2] ?? '').split(':');
    this.hostname = parts[3].toLowerCase();
    this.port = parts[4] === PORTS[this.protocol] ? '' : parts[4] ?? '';
    this.pathname = withoutDots(parts[5] || '/');
    this.searchParams = new SearchParams(parts[6] ?? '');
    this.hash = parts[7] ?? '';
    // As it was written, until `searchParams` are changed.
    this.written = [parts[6] === '?' ? '' : parts[6] ?? '', this.searchParams.toString()];
  }

  get search() {
    const now = this.searchParams.toString();
    if (now === this.written[1]) return this.written[0];
    return now === '' ? '' : `?${now}`;
  }

  set search(text) {
    this.searchParams = new SearchParams(String(text));
    this.written = [text === '' || text.startsWith('?') ? text : `?${text}`, this.searchParams.toString()];
  }

  get host() {
    return this.port === '' ? this.hostname : `${this.hostname}:${this.port}`;
  }

  get origin() {
    return `${this.protocol}//${this.host}`;
  }

  get href() {
    const user = this.username === '' ? '' : `${this.username}${this.password === '' ? '' : `:${this.password}`}@`;
    return `${this.protocol}//${user}${this.host}${this.pathname}${this.search}${this.hash}`;
  }

  toString() {
    return this.href;
  }

  toJSON() {
    return this.href;
  }
}

function relative(text, base) {
  if (/^[a-z][a-z0-9+.-]*:/i.test(text)) return text;
  if (text.startsWith('//')) return `${base.protocol}${text}`;
  if (text.startsWith('/')) return `${base.origin}${text}`;
  if (text.startsWith('?')) return `${base.origin}${base.pathname}${text}`;
  return `${base.origin}${base.pathname.replace(/[^/]*$/, '')}${text}`;
}

function withoutDots(path) {
  const kept = [];
  const parts = path.split('/').slice(1);
  parts.forEach((part, at) => {
    if (part === '..') kept.pop();
    else if (part !== '.') kept.push(part);
    if (at === parts.length - 1 && (part === '.' || part === '..')) kept.push('');
  });
  return `/${kept.join('/')}`.replace(/ /g, '%20');
}

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

function toBase64(text) {
  let encoded = '';
  for (let at = 0; at < text.length; at += 3) {
    const codes = [0, 1, 2].map((step) => text.charCodeAt(at + step));
    if (codes.some((code) => code > 255)) throw new TypeError('btoa takes characters of one byte');
    const bits = (codes[0] << 16) | ((codes[1] || 0) << 8) | (codes[2] || 0);
    const four = [18, 12, 6, 0].map((shift) => BASE64[(bits >> shift) & 63]).join('');
    const left = text.length - at;
    encoded += left === 1 ? `${four.slice(0, 2)}==` : left === 2 ? `${four.slice(0, 3)}=` : four;
  }
  return encoded;
}

function fromBase64(encoded) {
  const text = encoded.replace(/\s/g, '').replace(/={1,2}$/, '');
  if (text.length % 4 === 1 || /[^A-Za-z0-9+/]/.test(text)) throw new TypeError('atob takes base64');
  let decoded = '';
  for (let at = 0; at < text.length; at += 4) {
    const four = text.slice(at, at + 4);
    let bits = 0;
    for (const character of four.padEnd(4, 'A')) bits = (bits << 6) | BASE64.indexOf(character);
    decoded += String.fromCharCode((bits >> 16) & 255, (bits >> 8) & 255, bits & 255).slice(0, four.length - 1);
  }
  return decoded;
}

export function install() {
  const missing = {
    Headers,
    TextEncoder: Encoder,
    TextDecoder: Decoder,
    URL: HttpUrl,
    URLSearchParams: SearchParams,
    btoa: toBase64,
    atob: fromBase64,
    structuredClone: (value) => JSON.parse(JSON.stringify(value)),
  };
  for (const [name, value] of Object.entries(missing)) globalThis[name] ??= value;
}

/** The same classes for tests, whatever the interpreter has. */
export const replacements = { TextEncoder: Encoder, TextDecoder: Decoder, URL: HttpUrl, URLSearchParams: SearchParams, btoa: toBase64, atob: fromBase64 };
