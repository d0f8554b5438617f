// What a check may take for granted. There is no DOM and no Node, so that what is not there is an error of the compiler.
import type { Answer, Ask } from './index.js';

declare global {
  /** Rejects every status outside of 200 to 299 that is not in `accept`; the host adds the credential of the grant. */
  function fetch(url: string | URL, options?: Ask): Promise<Answer>;

  /** To the daemon's log and the run's; never evidence. */
  const console: Record<'debug' | 'log' | 'info' | 'warn' | 'error' | 'trace', (...values: unknown[]) => void>;

  /** Waiting takes no time: it returns when nothing else is to do. */
  function setTimeout<A extends unknown[]>(callback: (...values: A) => void, ms?: number, ...values: A): number;
  function clearTimeout(id: number): void;
  function queueMicrotask(job: () => void): void;

  class TextEncoder {
    readonly encoding: string;
    encode(text?: string): Uint8Array<ArrayBuffer>;
  }

  class TextDecoder {
    constructor(encoding?: 'utf-8', options?: { fatal?: boolean; ignoreBOM?: boolean });
    readonly encoding: string;
    decode(bytes?: ArrayBuffer | ArrayBufferView): string;
  }

  class Headers implements Iterable<[string, string]> {
    constructor(init?: Record<string, string> | Iterable<[string, string]>);
    append(name: string, value: string): void;
    set(name: string, value: string): void;
    delete(name: string): void;
    get(name: string): string | null;
    has(name: string): boolean;
    forEach(callback: (value: string, name: string) => void): void;
    entries(): IterableIterator<[string, string]>;
    [Symbol.iterator](): IterableIterator<[string, string]>;
  }

  class URLSearchParams implements Iterable<[string, string]> {
    constructor(init?: string | Record<string, string> | Iterable<[string, string]>);
    append(name: string, value: string): void;
    set(name: string, value: string): void;
    delete(name: string): void;
    get(name: string): string | null;
    getAll(name: string): string[];
    has(name: string): boolean;
    entries(): IterableIterator<[string, string]>;
    [Symbol.iterator](): IterableIterator<[string, string]>;
    toString(): string;
  }

  /** Of http and https. */
  class URL {
    constructor(text: string | URL, base?: string | URL);
    protocol: string;
    username: string;
    password: string;
    hostname: string;
    port: string;
    pathname: string;
    search: string;
    hash: string;
    readonly searchParams: URLSearchParams;
    readonly host: string;
    readonly origin: string;
    readonly href: string;
    toString(): string;
    toJSON(): string;
  }

  function atob(text: string): string;
  function btoa(text: string): string;
  /** Of what JSON can hold. */
  function structuredClone<T>(value: T): T;
}
