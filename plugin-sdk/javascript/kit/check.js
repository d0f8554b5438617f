// What a check is, and one run of it.
import { Failure, instant } from './failure.js';
import { setHost } from './http.js';

/** A check: `summary`, what it `needs`, and `run`. Name and version are those of `package.json`, the schema of the
 * configuration is `config.schema.json`. */
export function check({ summary, needs = {}, run }) {
  if (typeof run !== 'function') throw new TypeError('a check needs a function `run`');
  const unknown = Object.keys(needs).find((key) => !['inputs', 'hosts', 'tls', 'state', 'history', 'interval'].includes(key));
  if (unknown) throw new TypeError(`a check cannot need \`${unknown}\``);
  return { summary, needs, run };
}

/** The description as the contract has it. */
export function describe(definition, { name, version, schema }) {
  const { inputs = [], hosts = [], tls = false, state = false, history = false, interval = false } = definition.needs;
  const need = (input) => ({ mediaType: '', optional: false, ...(typeof input === 'string' ? { name: input } : input) });
  return {
    name,
    version,
    summary: definition.summary ?? '',
    configSchema: schema,
    needs: { inputs: inputs.map(need), hosts, tls, state, history, interval },
    extensions: [],
  };
}

/** Runs a check on a request and a host of the contract. Resolves to a report; rejects with nothing but a Failure. */
export async function runOn(definition, request, host) {
  try {
    const run = new Run(request, host);
    setHost({ sendAll: host.sendAll, noteIncomplete: (why) => run.noteIncomplete(why) });
    const report = await definition.run(run);
    if (!Array.isArray(report?.findings)) throw new Failure('internal', 'the check returned no report: `return findings.report(…)`');
    report.incomplete ??= run.incomplete;
    return report;
  } catch (thrown) {
    throw failureOf(thrown, host);
  }
}

/** What was thrown as a failure; what is none is an internal one, with where it came from in the log. */
export function failureOf(thrown, host) {
  if (thrown instanceof Failure) return thrown;
  host.log('error', thrown instanceof Error ? `${thrown}\n${thrown.stack ?? ''}`.trimEnd() : String(thrown));
  return new Failure('internal', String(thrown));
}

/** One run: what it is told, and what may be asked besides `fetch`. Its functions may be taken apart:
 * `async run({ config, now, input }) { … }`. */
class Run {
  constructor(request, host) {
    this.config = request.config;
    this.control = request.control;
    /** The scheduled time; a late run has `now` well after it. */
    this.slot = instant(request.slot);
    /** The only clock: a Date that stands still during the run. */
    this.now = instant(request.now);
    /** The events to judge: from <= time < until; only for checks whose needs say `interval`. */
    this.interval = request.interval ? { from: instant(request.interval.from), until: instant(request.interval.until) } : undefined;
    this.inputs = request.inputs.map(inputOf);
    /** 32 bytes. */
    this.seed = request.seed;
    this.limits = request.limits;
    this.extensions = request.extensions;
    this.incomplete = undefined;

    /** Where an input came from; undefined when the control has none of this name. */
    this.input = (name) => this.inputs.find((input) => input.name === name);
    /** An input whole, as a Uint8Array; for what fits into memory. */
    this.read = (name) => host.read(name);
    this.readText = (name) => host.readText(name);
    this.readJson = (name) => {
      const text = host.readText(name);
      try {
        return JSON.parse(text);
      } catch (thrown) {
        throw new Failure('bad-input', `the input \`${name}\` is not the JSON that was expected: ${thrown.message}`, name);
      }
    };
    /** An input in pieces of at most so many bytes: `for (const piece of open(name)) { … }`. */
    this.open = (name, size = 65_536) => pieces(host.open(name), size);
    /** The lines of an input, one after the other, without their ends. */
    this.lines = (name) => lines(this.open(name), name);
    /** A TLS handshake and no more, with every address of a name; an untrusted chain is an answer. Those that failed are
     * `HttpError`s in the list. */
    this.handshake = (name, port = 443) => host.handshake(name, port).map((peer) => (peer instanceof Error ? peer : peerOf(peer)));
    /** A small map of bytes that a control keeps between its runs: `get`, `set`, `delete`, `keys`. */
    this.state = host.state;
    /** Earlier measurements of a control (undefined: this one), oldest first. */
    this.points = (measurement, during, control) => host.points(control, measurement, intervalOf(during))
      .map((point) => ({ ...point, slot: instant(point.slot) }));
    /** How the slots of a control ended. */
    this.slotsIn = (during, control) => host.slotsIn(control, intervalOf(during));
    /** Not everything in scope was looked at. The first reason stays, and reaches the report by itself. */
    this.noteIncomplete = (why) => { this.incomplete ??= why; };
  }
}

function inputOf(given) {
  return { ...given, observed: instant(given.observed), http: given.http ? { ...given.http, peer: peerOf(given.http.peer) } : undefined };
}

/** A peer of the contract with dates; undefined when there is none. */
export function peerOf(peer) {
  if (!peer) return undefined;
  const dated = (shown) => ({ ...shown, notBefore: instant(shown.notBefore), notAfter: instant(shown.notAfter) });
  return { ...peer, untrusted: peer.untrusted ?? undefined, chain: peer.chain.map(dated) };
}

function intervalOf({ from, until }) {
  return { from: from.toISOString(), until: until.toISOString() };
}

function* pieces(read, size) {
  for (;;) {
    const piece = read(size);
    if (piece.length === 0) return;
    yield piece;
  }
}

function* lines(parts, name) {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const text = (bytes) => {
    try {
      return decoder.decode(bytes).replace(/\r$/, '');
    } catch {
      throw new Failure('bad-input', `the input \`${name}\` is not UTF-8`, name);
    }
  };
  let rest = new Uint8Array(0);
  for (const part of parts) {
    let from = 0;
    for (let end = part.indexOf(10); end >= 0; end = part.indexOf(10, from)) {
      yield text(joined(rest, part.subarray(from, end)));
      rest = new Uint8Array(0);
      from = end + 1;
    }
    rest = joined(rest, part.subarray(from));
  }
  if (rest.length > 0) yield text(rest);
}

function joined(first, second) {
  if (first.length === 0) return second.slice();
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
