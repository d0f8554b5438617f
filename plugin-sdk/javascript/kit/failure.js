// Failures and instants.

const KINDS = ['internal', 'unreachable', 'denied', 'throttled', 'timeout', 'bad-input', 'unsupported'];

/** The control could not be tested at all. Thrown outside of `subject`, the run ends with it. */
export class Failure extends Error {
  constructor(kind, message, source) {
    super(message);
    if (!KINDS.includes(kind)) throw new TypeError(`no kind of failure: ${kind}`);
    this.name = 'Failure';
    this.kind = kind;
    this.source = source;
  }
}

/** What was thrown, in words: one of the language's own errors with its class. */
export function wordsOf(thrown) {
  return thrown instanceof Failure ? thrown.message : String(thrown);
}

/** Milliseconds of a day. */
export const DAY = 86_400_000;

/** Whole days from one moment to a later one, rounded down; negative when it is earlier. */
export function days(from, to) {
  return Math.floor((to.getTime() - from.getTime()) / DAY);
}

const RFC_3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

/** A moment from text of RFC 3339; what is no moment, or has no zone, is a failure. */
export function instant(text) {
  const parts = RFC_3339.exec(text);
  if (parts) {
    const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number);
    const fraction = Number(`${parts[7] ?? ''}000`.slice(0, 3));
    const offset = parts[8] ? (Number(parts[9]) * 60 + Number(parts[10])) * (parts[8] === '+' ? 1 : -1) : 0;
    const date = new Date(0);
    date.setUTCFullYear(year, month - 1, day);
    const exists = date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
    if (exists && hour <= 23 && minute <= 59 && second <= 60) {
      date.setUTCHours(hour, minute - offset, second, fraction);
      return date;
    }
  }
  throw new Failure('bad-input', `not a date and time with a zone: \`${String(text).slice(0, 64)}\``);
}
