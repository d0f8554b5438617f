// JSON (RFC 8259) as values. What is not there is a value too, of the kind ABSENT, so that a path into an answer is followed
// without a question at each step: answer.get("user").get("keys").

export enum Kind { ABSENT, NULL, BOOLEAN, NUMBER, STRING, ARRAY, OBJECT }

const NO_NAMES: string[] = [];
const NO_ITEMS: Json[] = [];

export class Json {
  names: string[] = NO_NAMES;
  items: Json[] = NO_ITEMS;

  /** `raw`: the text of a string, a number as it was read, `true` or `false`. */
  constructor(public kind: Kind = Kind.ABSENT, private raw: string = "") {}

  /** A text that is no JSON, or is deeper than 64 levels, is absent. */
  static parse(text: string): Json {
    const reader = new Reader(text);
    const value = reader.value(1);
    return reader.wrong || reader.at < text.length ? ABSENT : value;
  }

  get exists(): bool { return this.kind != Kind.ABSENT; }
  get isNull(): bool { return this.kind == Kind.NULL; }
  get isString(): bool { return this.kind == Kind.STRING; }
  get isArray(): bool { return this.kind == Kind.ARRAY; }
  get isObject(): bool { return this.kind == Kind.OBJECT; }

  /** The member of an object; absent when there is none. Of two with one name the last counts. */
  get(name: string): Json {
    for (let at = this.names.length - 1; at >= 0; at--) if (this.names[at] == name) return this.items[at];
    return ABSENT;
  }

  /** NaN when it is no number, so that a measurement of it becomes an error. */
  get number(): f64 { return this.numberOr(NaN); }
  numberOr(otherwise: f64): f64 { return this.kind == Kind.NUMBER ? parseFloat(this.raw) : otherwise; }
  /** Empty when it is no string. */
  get text(): string { return this.kind == Kind.STRING ? this.raw : ""; }
  get isTrue(): bool { return this.kind == Kind.BOOLEAN && this.raw == "true"; }

  /** The value as JSON text. Numbers stand as they were read. */
  dump(): string {
    if (this.kind == Kind.STRING) return quoted(this.raw);
    if (this.kind == Kind.BOOLEAN || this.kind == Kind.NUMBER) return this.raw;
    if (this.kind < Kind.ARRAY) return "null";
    const parts: string[] = [];
    for (let at = 0; at < this.items.length; at++) {
      const item = this.items[at].dump();
      parts.push(this.isObject ? quoted(this.names[at]) + ":" + item : item);
    }
    return this.isObject ? "{" + parts.join(",") + "}" : "[" + parts.join(",") + "]";
  }
}

/** What is not there. */
export const ABSENT: Json = new Json();

/** A text as JSON. */
export function quoted(text: string): string {
  let length = text.length + 2;
  for (let at = 0; at < text.length; at++) length += widthOf(text.charCodeAt(at)) - 1;
  if (length == text.length + 2) return "\"" + text + "\"";
  const out = new StaticArray<u16>(length);
  let to = 0;
  out[to++] = 34;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at), width = widthOf(code);
    if (width > 1) out[to++] = 92;
    if (width == 6) {
      out[to++] = 117;
      out[to++] = 48;
      out[to++] = 48;
      out[to++] = <u16>(48 + (code >> 4));
    }
    out[to++] = <u16>(width < 6 ? code : "0123456789abcdef".charCodeAt(code & 15));
  }
  out[to] = 34;
  return textOf(out, length);
}

/** Characters that one is written with: `"` and `\` have two, control characters six. */
function widthOf(code: i32): i32 {
  if (code < 32) return 6;
  return code == 34 || code == 92 ? 2 : 1;
}

function textOf(units: StaticArray<u16>, count: i32): string {
  return String.UTF16.decodeUnsafe(changetype<usize>(units), count << 1);
}

/** A number in words and in JSON: whole ones without a point, others with the digits that they need. */
export function words(number: f64): string {
  return number == Math.floor(number) && Math.abs(number) < 1e15 ? (<i64>number).toString() : number.toString();
}

class Reader {
  at: i32 = 0;
  wrong: bool = false;

  constructor(private text: string) {}

  private next(): i32 { return this.at < this.text.length ? this.text.charCodeAt(this.at) : 0; }

  private take(code: i32): bool {
    if (this.next() != code) return false;
    this.at++;
    return true;
  }

  private space(): void {
    for (let c = this.next(); c == 32 || c == 9 || c == 10 || c == 13; c = this.next()) this.at++;
  }

  private word(kind: Kind, word: string): Json {
    if (!this.text.startsWith(word, this.at)) this.wrong = true;
    this.at += word.length;
    return new Json(kind, word);
  }

  value(depth: i32): Json {
    this.space();
    let value = ABSENT;
    const code = this.next();
    if (depth > 64) this.wrong = true;
    else if (code == 123 /* { */ || code == 91 /* [ */) value = this.list(code + 2, depth);
    else if (code == 34 /* " */) value = new Json(Kind.STRING, this.string());
    else if (code == 116) value = this.word(Kind.BOOLEAN, "true");
    else if (code == 102) value = this.word(Kind.BOOLEAN, "false");
    else if (code == 110) value = this.word(Kind.NULL, "null");
    else value = this.number();
    this.space();
    return value;
  }

  /** `}` and `]` come two characters after `{` and `[`. */
  private list(close: i32, depth: i32): Json {
    const value = new Json(close == 125 ? Kind.OBJECT : Kind.ARRAY);
    value.items = [];
    if (value.isObject) value.names = [];
    this.at++;
    this.space();
    if (this.take(close)) return value;
    do {
      if (value.isObject) {
        this.space();
        value.names.push(this.string());
        this.space();
        if (!this.take(58 /* : */)) this.wrong = true;
      }
      if (this.wrong) return value;
      value.items.push(this.value(depth + 1));
    } while (!this.wrong && this.take(44 /* , */));
    if (!this.take(close)) this.wrong = true;
    return value;
  }

  private digits(): i32 {
    const from = this.at;
    while (this.next() >= 48 && this.next() <= 57) this.at++;
    if (this.at == from) this.wrong = true;
    return this.at - from;
  }

  private number(): Json {
    const from = this.at;
    this.take(45 /* - */);
    const zero = this.next() == 48;
    if (this.digits() > 1 && zero) this.wrong = true;
    if (this.take(46 /* . */)) this.digits();
    if (this.take(101) || this.take(69)) {
      if (!this.take(45)) this.take(43);
      this.digits();
    }
    return new Json(Kind.NUMBER, this.text.substring(from, this.at));
  }

  /** Where it is known that nothing is escaped it is cut out, else it is written anew: one piece of memory for each string. */
  private string(): string {
    const from = this.at + 1;
    let end = from, escapes = 0, code = 0;
    for (; end < this.text.length; end++) {
      code = this.text.charCodeAt(end);
      if (code == 34 || code < 32) break;
      if (code == 92) {
        escapes++;
        end++;
      }
    }
    if (code != 34 || end >= this.text.length || !this.take(34)) {
      this.wrong = true;
      return "";
    }
    if (escapes == 0) this.at = end + 1;
    return escapes == 0 ? this.text.substring(from, end) : this.unescape(end);
  }

  private unescape(end: i32): string {
    const out = new StaticArray<u16>(end - this.at);
    let count = 0;
    while (this.at < end) {
      const code = this.next();
      this.at++;
      out[count++] = <u16>(code == 92 ? this.escape() : code);
    }
    this.at = end + 1;
    return textOf(out, count);
  }

  private escape(): i32 {
    const code = this.next();
    this.at++;
    if (code == 34 || code == 92 || code == 47) return code;
    if (code == 98) return 8;
    if (code == 102) return 12;
    if (code == 110) return 10;
    if (code == 114) return 13;
    if (code == 116) return 9;
    if (code != 117 /* u */) this.wrong = true;
    let unit = 0;
    for (let i = 0; i < 4; i++, this.at++) {
      let digit = this.next() | 32;
      digit = digit >= 97 && digit <= 102 ? digit - 87 : digit >= 48 && digit <= 57 ? digit - 48 : -1;
      if (digit < 0) this.wrong = true;
      unit = unit << 4 | digit;
    }
    // Halves of what is beyond the first plane come one after the other, as they are in a string.
    return unit;
  }
}
