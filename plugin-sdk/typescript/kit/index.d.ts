// The kit's types. What is not said here is the global `fetch`'s: see `kit/globals.d.ts`.

/** Text of RFC 3339 in UTC, 24 characters: `2026-03-02T06:00:00.000Z`. */
export type Instant = string;
export type Status = 'error' | 'fail' | 'pass' | 'not-applicable';
export type FailureKind = 'internal' | 'unreachable' | 'denied' | 'throttled' | 'timeout' | 'bad-input' | 'unsupported';
/** Anything that JSON can hold. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** A check: `summary`, what it `needs`, and `run`. Name and version are those of `package.json`, the schema of the
 * configuration is `config.schema.json`. `C` is the configuration, which the host has held against the schema. */
export function check<C = Record<string, unknown>>(definition: Definition<C>): Check<C>;

export interface Definition<C> {
  summary: string;
  needs?: Needs;
  run(run: Run<C>): Report | Promise<Report>;
}

export interface Check<C> {
  readonly summary: string;
  readonly needs: Needs;
  run(run: Run<C>): Report | Promise<Report>;
}

/** What a check asks of its control's configuration. */
export interface Needs {
  /** Names, or more where there is more to say. */
  inputs?: (string | { name: string; mediaType?: string; optional?: boolean })[];
  /** JSON Pointers into the configuration, whose values are the URLs that the check calls: `['/url']`. */
  hosts?: string[];
  tls?: boolean;
  state?: boolean;
  history?: boolean;
  interval?: boolean;
}

/** One run: what it is told, and what may be asked besides `fetch`. Its functions may be taken apart:
 * `async run({ config, now, input }) { … }`. */
export interface Run<C> {
  readonly config: C;
  readonly control: string;
  /** Digest of the control's definition. */
  readonly definition: string;
  /** The scheduled time; a late run has `now` well after it. */
  readonly slot: Date;
  /** The only clock: it stands still during the run. */
  readonly now: Date;
  /** The events to judge, from <= time < until; only for checks whose needs say `interval`. */
  readonly interval: Interval | undefined;
  readonly inputs: Input[];
  /** 32 bytes; `Math.random` comes from them. */
  readonly seed: Uint8Array;
  readonly limits: Limits;
  readonly extensions: Record<string, Json>;

  /** Where an input came from; undefined when the control has none of this name. */
  input(name: string): Input | undefined;
  /** An input whole; for what fits into memory. */
  read(name: string): Uint8Array;
  readText(name: string): string;
  readJson<T = unknown>(name: string): T;
  /** An input in pieces of at most so many bytes. */
  open(name: string, size?: number): Iterable<Uint8Array>;
  /** The lines of an input, one after the other, without their ends. */
  lines(name: string): Iterable<string>;
  /** A TLS handshake and no more, with every address of a name; an untrusted chain is an answer. */
  handshake(name: string, port?: number): (Peer | HttpError)[];
  /** A small map of bytes that a control keeps between its runs. */
  readonly state: State;
  /** Earlier measurements of a control (undefined: this one), oldest first. */
  points(measurement: string, during: Interval, control?: string): Point[];
  /** How the slots of a control ended. */
  slotsIn(during: Interval, control?: string): Slots;
  /** Not everything in scope was looked at. The first reason stays, and reaches the report by itself. */
  noteIncomplete(why: string): void;
}

export interface State {
  get(key: string): Uint8Array | undefined;
  /** Writes take effect only if the run returns a report. */
  set(key: string, value: string | Uint8Array): void;
  delete(key: string): void;
  keys(): string[];
}

export interface Interval { from: Date; until: Date }
export interface Point { slot: Date; subject: string; status: Status; value: number }
export interface Slots {
  due: number; run: number; late: number; pass: number; fail: number; error: number; notApplicable: number; missed: number;
}
export interface Limits { wallMs: number; memoryBytes: number; reportBytes: number; requests: number; responseBytes: number }

export interface Input {
  name: string;
  source: string;
  query: string;
  mediaType: string;
  observed: Date;
  bytes: number;
  rows?: number | null;
  /** What the source itself says that there is. */
  sourceTotal?: number | null;
  digest: string;
  /** Of inputs by `http` only. */
  http?: Exchange;
}

export interface Exchange {
  status: number;
  headers: [name: string, value: string][];
  timings: Timings;
  peer?: Peer;
  attempts: number;
}

/** Milliseconds, measured by the host. */
export interface Timings { resolve: number; connect: number; handshake: number; firstByte: number; total: number }

/** The other side of a TLS connection. */
export interface Peer {
  address: string;
  protocol: string;
  cipher: string;
  /** undefined: the chain leads to a trusted root and the name matches; else why not. */
  untrusted?: string;
  chain: Certificate[];
}

export interface Certificate {
  subject: string; issuer: string; serial: string; names: string[]; notBefore: Date; notAfter: Date; key: string; digest: string;
}

/** The control could not be tested at all. Thrown outside of `subject`, the run ends with it. */
export class Failure extends Error {
  constructor(kind: FailureKind, message: string, source?: string);
  readonly kind: FailureKind;
  readonly source?: string;
}

/** A call without an answer that counts. Thrown outside of `subject` it is the failure that it means. */
export class HttpError extends Failure {
  readonly reason: 'refused' | 'unreachable' | 'timeout' | 'tls' | 'status' | 'limit';
  /** What went wrong, without what the call was for. */
  readonly words: string;
  /** The answer whose status does not count. */
  readonly response?: Answer;
  readonly status?: number;
}

/** One finding in the making. It is an `error` until a verdict is given. */
export interface Draft {
  /** A name for people; it may change from run to run. */
  label?: string;
  /** When this was true at the source. */
  asOf?: Date;
  /** The source's own id of the event, for checks that read events: it is counted once. */
  event?: string;
  /** Room to grow: keys are `vendor:name`. */
  extensions: Record<string, Json>;

  pass(message: string): void;
  /** Passes, but a person should look: shown in summaries, never alerted. */
  passWithAttention(message: string): void;
  fail(message: string): void;
  passIf(good: boolean, message: string): void;
  notApplicable(message: string): void;
  /** This subject could not be tested. Throwing says the same. */
  error(message: string): void;
  /** A value to chart, its unit as a UCUM code: `d`, `s`, `ms`, `%`, `1`, `By`. */
  measure(name: string, value: number, unit: string, limit?: number): void;
  /** Records a value, and answers whether it is at most `limit`: on the limit is good. */
  atMost(name: string, value: number, unit: string, limit: number): boolean;
  /** Records a value, and answers whether it is at least `limit`: on the limit is good. */
  atLeast(name: string, value: number, unit: string, limit: number): boolean;
}

/** Subjects in the order in which they were begun, whichever ends first. */
export interface Group {
  /** Looks at one subject. What `look` throws becomes the `error` finding of this subject, and the loop around it goes
   * on. Await it if `look` is asynchronous. */
  subject(subject: string, look: (finding: Draft) => Promise<void>): Promise<void>;
  subject(subject: string, look: (finding: Draft) => void): void;
  /** For what makes several findings, or none: only what `look` throws becomes a finding more, the `error` of this
   * subject. Await it if `look` is asynchronous. */
  attempt(subject: string, look: (findings: Group) => Promise<void>): Promise<void>;
  attempt(subject: string, look: (findings: Group) => void): void;
}

export class Findings implements Group {
  /** No findings yet. `populationQuery` tells the auditor how the subjects were found. */
  constructor(populationQuery: string);
  subject(subject: string, look: (finding: Draft) => Promise<void>): Promise<void>;
  subject(subject: string, look: (finding: Draft) => void): void;
  attempt(subject: string, look: (findings: Group) => Promise<void>): Promise<void>;
  attempt(subject: string, look: (findings: Group) => void): void;
  /** Why not everything in scope was looked at. */
  incomplete?: string;
  /** Events are judged up to here; for checks whose needs say `interval`. */
  coveredUntil?: Date;
  extensions: Record<string, Json>;
  /** Subjects in scope, when they are more than those that are listed: only those that do not pass. */
  population(subjects: number): void;
  /** What the source itself says that there is. When it differs from what was `listed`, a finding fails. */
  sourceTotal(total: number, listed: number): void;
  attach(name: string, mediaType: string, body: string | Uint8Array): void;
  count(...statuses: Status[]): number;
  readonly length: number;
  /** Those that are not `pass`. */
  readonly notPassed: number;
  /** The report. Its population is the number of findings unless `population` said another. */
  report(summary: string): Report;
}

/** Made by `Findings.report`. */
export interface Report {
  summary: string;
  population: number;
  sourceTotal?: number;
  populationQuery: string;
  listing: 'not-passing' | 'every-subject';
  findings: Finding[];
  incomplete?: string;
  coveredUntil?: Date;
  attachments: { name: string; mediaType: string; body: Uint8Array }[];
  extensions: Record<string, Json>;
}

export interface Finding {
  subject: string;
  label?: string;
  status: Status;
  attention: boolean;
  message: string;
  measurements: { name: string; value: number; unit: string; limit?: number }[];
  asOf?: Date;
  event?: string;
  extensions: Record<string, Json>;
}

/** Milliseconds of a day. */
export const DAY: number;
/** Whole days from one moment to a later one, rounded down; negative when it is earlier. */
export function days(from: Date, to: Date): number;
/** A moment from text of RFC 3339; what is no moment, or has no zone, is a failure. */
export function instant(text: string): Date;

/** What `fetch` takes. */
export interface Ask {
  method?: string;
  headers?: Record<string, string> | [string, string][];
  body?: string | Uint8Array | URLSearchParams | null;
  /** The credential of the grant (the default), none, or the name of another one of the same host. */
  auth?: 'granted' | 'anonymous' | (string & {});
  /** Statuses besides 200 to 299 that answer the question; every other one rejects. */
  accept?: number[];
  /** 0: what is left of the run. */
  timeoutMs?: number;
  /** What the call is for, in the words of errors and evidence: `iam:ListUsers`. */
  purpose?: string;
}

/** What `fetch` resolves to. */
export interface Answer {
  readonly url: string;
  readonly purpose: string;
  readonly status: number;
  /** Of an accepted status it may be false. */
  readonly ok: boolean;
  readonly headers: { get(name: string): string | null; has(name: string): boolean } & Iterable<[string, string]>;
  readonly timings: Timings;
  readonly peer?: Peer;
  readonly attempts: number;
  json<T = any>(): Promise<T>;
  text(): Promise<string>;
  bytes(): Promise<Uint8Array>;
  arrayBuffer(): Promise<ArrayBuffer>;
  /** The failure of a check that cannot make sense of this answer; to be thrown. */
  notAsExpected(why: string): Failure;
}

/** The URL of the page after this one; `null` at the end. An answer that does not say is a failure. */
export type NextPage = (page: Answer) => Promise<string | null>;

/** A list that comes in pages, to its end: `for await (const page of pages(url, byLinkHeader)) { … }`. */
export function pages(url: string, next: NextPage, options?: Ask & { atMost?: number }): AsyncGenerator<Answer, void>;
/** `Link: <URL>; rel="next"` (RFC 8288), as GitHub and GitLab have them. No such link: the last page. */
export const byLinkHeader: NextPage;
/** A token in a JSON object (null, empty: the last page), sent back as a parameter of the query. An answer without the
 * key is a failure unless `absentIsLast`. */
export function byToken(key: string, parameter: string, options?: { absentIsLast?: boolean }): NextPage;
