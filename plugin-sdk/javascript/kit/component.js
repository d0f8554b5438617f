// Between the component's imports and the kit: the only code of the kit, with `globals.js`, that a native test does not
// run. Nothing here decides anything. An error of a host call is thrown with the WIT's value as `payload`, and a failure
// is thrown the same way.
import { seedRandom } from './globals.js';
import definition from '#check';
import schema from '#schema';
import { name, version } from '#manifest';

import { points, slotsIn } from 'evidenced:check/history@1.0.0';
import { sendAll } from 'evidenced:check/http@1.0.0';
import { open, read, readText } from 'evidenced:check/inputs@1.0.0';
import { write } from 'evidenced:check/log@1.0.0';
import { get, keys, remove, set } from 'evidenced:check/state@1.0.0';
import { handshake } from 'evidenced:check/tls@1.0.0';

import { describe, failureOf, runOn } from './check.js';
import { Failure } from './failure.js';
import { errorOf } from './http.js';
import { settle } from './loop.js';

/** Calls the host; what it refuses is thrown as `explain` has it. */
function asked(call, explain) {
  try {
    return call();
  } catch (thrown) {
    throw thrown?.payload === undefined ? thrown : explain(thrown.payload);
  }
}

const ofInput = (name) => ({ tag, val }) => (tag === 'unknown'
  ? new Failure('unsupported', `the control has no input \`${name}\``, name)
  : new Failure('bad-input', `an input cannot be read: ${val}`, name));
const ofHistory = ({ tag, val }) => new Failure('unsupported', tag === 'refused' ? `the history is refused: ${val}` : `too many points: ${val}`);
const ofState = ({ val }) => new Failure('internal', `the state of the control would be larger than ${val} bytes`);

const bytesOf = (list) => (list instanceof Uint8Array ? list : Uint8Array.from(list));

const host = {
  log: write,
  sendAll,
  read: (name) => bytesOf(asked(() => read(name), ofInput(name))),
  readText: (name) => asked(() => readText(name), ofInput(name)),
  open(name) {
    const reader = asked(() => open(name), ofInput(name));
    return (size) => bytesOf(asked(() => reader.read(size), ofInput(name)));
  },
  handshake(host, port) {
    const call = { url: `https://${host}:${port}`, purpose: `TLS handshake with ${host}:${port}` };
    const peers = asked(() => handshake(host, port), (error) => errorOf(call, error));
    return peers.map(({ tag, val }) => (tag === 'ok' ? val : errorOf(call, val)));
  },
  state: {
    get: (key) => { const value = get(key); return value === null || value === undefined ? undefined : bytesOf(value); },
    set: (key, value) => asked(() => set(key, typeof value === 'string' ? new TextEncoder().encode(value) : value), ofState),
    delete: remove,
    keys,
  },
  points: (control, measurement, during) => asked(() => points(control, measurement, during), ofHistory),
  slotsIn: (control, during) => asked(() => slotsIn(control, during), ofHistory),
};

function run(request) {
  try {
    seedRandom(request.seed);
    const extensions = Object.fromEntries(request.extensions.map(([key, value]) => [key, JSON.parse(value)]));
    return reportOut(settle(runOn(definition, { ...request, config: JSON.parse(request.config), extensions }, host)));
  } catch (thrown) {
    const { kind, message, source } = failureOf(thrown, host);
    throw Object.assign(new Error(message), { payload: { kind, message: text(message), source: textOrNone(source) } });
  }
}

// What is of another type than the contract's would be a trap without words.
const text = (value) => String(value).toWellFormed();
const textOrNone = (value) => (value === undefined || value === null ? undefined : text(value));

function number(value) {
  if (Number.isInteger(value) && value >= 0 && value < 2 ** 32) return value;
  throw new TypeError(`no whole number from 0 to ${2 ** 32 - 1}: ${value}`);
}

function reportOut(report) {
  return {
    summary: text(report.summary),
    population: number(report.population),
    sourceTotal: report.sourceTotal === undefined ? undefined : number(report.sourceTotal),
    populationQuery: text(report.populationQuery),
    listing: report.listing,
    findings: report.findings.map(findingOut),
    incomplete: textOrNone(report.incomplete),
    coveredUntil: report.coveredUntil?.toISOString(),
    attachments: report.attachments.map(({ name, mediaType, body }) => ({ name: text(name), mediaType: text(mediaType), body: Uint8Array.from(body) })),
    extensions: extensionsOut(report.extensions),
  };
}

function findingOut(finding) {
  return {
    subject: text(finding.subject),
    label: textOrNone(finding.label),
    status: finding.status,
    attention: Boolean(finding.attention),
    message: text(finding.message),
    measurements: finding.measurements.map(({ name, value, unit, limit }) => ({ name: text(name), value, unit: text(unit), limit })),
    asOf: finding.asOf?.toISOString(),
    event: textOrNone(finding.event),
    extensions: extensionsOut(finding.extensions),
  };
}

function extensionsOut(extensions) {
  return Object.entries(extensions).map(([key, value]) => [text(key), JSON.stringify(value) ?? 'null']);
}

export const checker = { describe: () => describe(definition, { name, version, schema }), run };
