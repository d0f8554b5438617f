import type { Check, Exchange, Instant, Report } from './index.js';

/** What the host saw of a server; with `notAfter`, it showed a certificate that ends then. */
export interface Seen {
  status?: number;
  headers?: [string, string][];
  totalMs?: number;
  notAfter?: Instant;
  untrusted?: string;
}

export function exchange(seen?: Seen): Exchange;

/** Answers what it was told, and notes what it was asked. A call that nobody told it about is refused. */
export class FakeHost {
  /** One list for all requests that were sent side by side. */
  asked: { method: string; url: string; headers: [string, string][]; body?: Uint8Array; accept: number[]; timeoutMs: number }[][];
  logged: string[];
  /** `body` is a Uint8Array, text, or what is sent as JSON. */
  answer(url: string, body: unknown, more?: { method?: string } & Seen): void;
  error(url: string, reason: 'refused' | 'unreachable' | 'timeout' | 'tls' | 'limit', why?: string, method?: string): void;
  /** An input; by `http` when an exchange is given. */
  input(name: string, body?: unknown, more?: { http?: Exchange; observed?: Instant }): void;
  readonly state: { get(key: string): Uint8Array | undefined; set(key: string, value: string | Uint8Array): void; keys(): string[] };
}

/** Resolves to the report, rejects with a `Failure`. Meanwhile the global `fetch` asks the host and never the network. */
export function runCheck<C>(
  check: Check<C>,
  config: C,
  more?: { host?: FakeHost; now?: Instant; interval?: { from: Instant; until: Instant } },
): Promise<Report>;
