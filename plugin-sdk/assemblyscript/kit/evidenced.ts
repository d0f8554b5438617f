// A check for evidenced, in AssemblyScript: `check.ts` exports two functions.
//
//     export function describe(): Description { … }
//     export function check(run: Run): void { … }
//
// What is forgotten is never a pass: a finding without a verdict is an error, and so is one with a measurement that is not a
// finite number. There are no exceptions to catch: `throw` ends the run as the failure `internal` with its message, `run.fail`
// as the one that it names; what is wrong with one subject alone is told by `finding.error`.
//
// The program is run anew for each round of questions. It is written as if it were answered at once: a question without an
// answer ends the round there, and everything before it happens again in the next. Older answers are kept in the memo, which
// holds 1 MiB; of an answer of which little is needed say what, by `Call.reduce`: from the first time on that is its body.

import { ABSENT, Json, quoted, words } from "./json";
import { end, readInput, write } from "./host";
import { instant } from "./time";

export { Json, quoted, words } from "./json";
export { days, instant } from "./time";

export enum Failure { INTERNAL, UNREACHABLE, DENIED, THROTTLED, TIMEOUT, BAD_INPUT, UNSUPPORTED }
const FAILURES = ["internal", "unreachable", "denied", "throttled", "timeout", "bad-input", "unsupported"];

/** What the check is and needs. Pure: nothing can be asked for it. */
export class Description {
  private inputs: string[] = [];
  private hosts: string[] = [];
  private others: string[] = [];

  constructor(private name: string, private version: string, private summary: string, private schema: string) {}

  needsInput(name: string, mediaType: string = "", optional: bool = false): Description {
    const type = quoted(mediaType);
    this.inputs.push(`{"name":${quoted(name)},"media_type":${type},"optional":${optional ? "true" : "false"}}`);
    return this;
  }

  /** A JSON Pointer to a URL in the configuration that the check will call, such as `/url`. */
  needsHost(pointer: string): Description {
    this.hosts.push(quoted(pointer));
    return this;
  }

  /** `tls`, `state`, `history`, `interval`. */
  needs(what: string): Description {
    this.others.push(`,"${what}":true`);
    return this;
  }

  dump(): string {
    const about = `"name":${quoted(this.name)},"version":${quoted(this.version)},"summary":${quoted(this.summary)}`;
    const needs = `"inputs":[${this.inputs.join(",")}],"hosts":[${this.hosts.join(",")}]${this.others.join("")}`;
    return `{"contract":"1.0",${about},"config_schema":${this.schema},"needs":{${needs}}}`;
  }
}

/** One question over HTTP. The host adds the credential. */
export class Call {
  method: string = "GET";
  headers: string[][] = [];
  body: string = "";
  /** Without the credential of the grant. */
  anonymous: bool = false;
  /** Statuses besides 200 to 299 that are an answer. */
  accept: i32[] = [];
  /** 0 = what is left of the run. */
  timeoutMs: u32 = 0;
  reduce: ((body: string) => string) | null = null;

  constructor(public url: string) {}

  dump(): string {
    const parts: string[] = [`"http":{"method":${quoted(this.method)},"url":${quoted(this.url)}`];
    const pairs: string[] = [];
    for (let i = 0; i < this.headers.length; i++) pairs.push(`[${quoted(this.headers[i][0])},${quoted(this.headers[i][1])}]`);
    if (pairs.length > 0) parts.push(`"headers":[${pairs.join(",")}]`);
    if (this.body != "") parts.push(`"body":${quoted(this.body)}`);
    if (this.anonymous) parts.push(`"auth":"anonymous"`);
    if (this.accept.length > 0) parts.push(`"accept":[${this.accept.join(",")}]`);
    if (this.timeoutMs > 0) parts.push(`"timeout_ms":${this.timeoutMs.toString()}`);
    return parts.join(",") + "}";
  }
}

/** An answer, or why there is none. */
export class Answer {
  ok: bool = false;
  /** "status 403", "unreachable: …", "timed out" */
  error: string = "";
  kind: Failure = Failure.INTERNAL;
  /** 0 = no answer at all. */
  status: i32 = 0;
  body: string = "";
  /** `headers`, `timings`, `peer`; absent in an answer that was reduced. */
  http: Json = ABSENT;

  constructor(public url: string, given: Json) {
    const error = given.get("error");
    this.ok = given.get("ok").exists;
    this.http = this.ok ? given.get("ok") : error;
    this.status = <i32>this.http.get("status").numberOr(0);
    this.body = this.http.get("body").text;
    if (!this.ok) this.explain(error.get("kind").text, error.get("message").text);
  }

  /** The body as JSON; absent when it is none. */
  get json(): Json { return Json.parse(this.body); }

  private explain(kind: string, message: string): void {
    this.kind = Failure.BAD_INPUT;
    this.error = message;
    if (kind == "refused") this.become(Failure.UNSUPPORTED, "refused: " + message);
    if (kind == "unreachable") this.become(Failure.UNREACHABLE, "unreachable: " + message);
    if (kind == "tls") this.become(Failure.UNREACHABLE, "TLS: " + message);
    if (kind == "timeout") this.become(Failure.TIMEOUT, "timed out");
    if (kind == "limit") this.become(message == "wall" ? Failure.TIMEOUT : Failure.UNSUPPORTED, "over the limit " + message);
    if (kind == "status") this.become(kindOfStatus(this.status), "status " + this.status.toString());
  }

  private become(kind: Failure, error: string): void {
    this.kind = kind;
    this.error = error;
  }
}

function kindOfStatus(status: i32): Failure {
  if (status == 401 || status == 403) return Failure.DENIED;
  if (status == 408 || status == 504) return Failure.TIMEOUT;
  if (status == 429) return Failure.THROTTLED;
  return status >= 500 && status < 600 ? Failure.UNREACHABLE : Failure.BAD_INPUT;
}

/** One finding; an `error` until it is judged. */
export class Finding {
  label: string = "";
  /** When this was true at the source. */
  asOf: string = "";
  /** The source's own id of the event. */
  event: string = "";
  /** Passes, but a person should look. */
  attention: bool = false;
  private status: string = "error";
  private message: string = "the check came to no verdict";
  private measurements: string[] = [];
  private notFinite: string = "";

  constructor(private subject: string) {}

  pass(message: string): void { this.judge("pass", message); }
  fail(message: string): void { this.judge("fail", message); }
  error(message: string): void { this.judge("error", message); }
  notApplicable(message: string): void { this.judge("not-applicable", message); }
  passIf(good: bool, message: string): void { this.judge(good ? "pass" : "fail", message); }

  private judge(status: string, message: string): void {
    this.status = status;
    this.message = message;
  }

  /** A value without a limit. One that is not finite makes the finding an `error`. */
  measure(name: string, value: f64, unit: string): void { this.add(name, value, unit, ""); }

  /** Records a value with its limit, and answers whether it is good: on the limit is. */
  atMost(name: string, value: f64, unit: string, limit: f64): bool {
    this.add(name, value + limit * 0, unit, `,"limit":${words(limit)}`);
    return value <= limit;
  }

  atLeast(name: string, value: f64, unit: string, limit: f64): bool {
    this.add(name, value + limit * 0, unit, `,"limit":${words(limit)}`);
    return value >= limit;
  }

  private add(name: string, value: f64, unit: string, limit: string): void {
    if (!isFinite(value)) this.notFinite = name;
    else this.measurements.push(`{"name":${quoted(name)},"value":${words(value)},"unit":${quoted(unit)}${limit}}`);
  }

  get passes(): bool { return this.status == "pass" && this.notFinite == ""; }

  dump(): string {
    if (this.notFinite != "") this.error("the measurement `" + this.notFinite + "` is not a finite number");
    const parts: string[] = [`{"subject":${quoted(this.subject)},"status":"${this.status}"`];
    if (this.label != "") parts.push(`"label":${quoted(this.label)}`);
    if (this.attention && this.passes) parts.push(`"attention":true`);
    if (this.asOf != "") parts.push(`"as_of":${quoted(this.asOf)}`);
    if (this.event != "") parts.push(`"event":${quoted(this.event)}`);
    parts.push(`"message":${quoted(this.message)},"measurements":[${this.measurements.join(",")}]}`);
    return parts.join(",");
  }
}

/** One run: what it is told, how it asks, and the report that it becomes. */
export class Run {
  /** Milliseconds since 1970: the only clock, and it stands still. */
  now: f64;
  config: Json;
  /** How the subjects were found, for the auditor. */
  scope: string = "";
  /** Subjects in scope, when they are more than those that are listed. */
  population: i32 = -1;
  /** "N of M did not pass", unless it is set. */
  summary: string = "";
  /** Why not everything in scope was looked at. */
  incomplete: string = "";
  /** Events are judged up to here; for checks whose needs say `interval`. */
  coveredUntil: string = "";
  private findings: Finding[] = [];
  private known: Map<string, Json> = new Map();
  private kept: i32;
  private asked: i32 = 0;

  constructor(public request: Json) {
    this.now = instant(request.get("now").text);
    this.config = request.get("config");
    const memo = request.get("memo"), answers = request.get("answers").items;
    for (let i = 0; i < memo.names.length; i++) this.known.set(memo.names[i], memo.items[i]);
    for (let i = 0; i < answers.length; i++) this.known.set(answers[i].get("id").text, answers[i]);
    this.kept = memo.names.length;
  }

  /** Facts of an input: `observed`, `rows`, `http` …; absent when the control has none of this name. */
  input(name: string): Json {
    const inputs = this.request.get("inputs").items;
    for (let i = 0; i < inputs.length; i++) if (inputs[i].get("name").text == name) return inputs[i];
    return ABSENT;
  }

  /** The text of an input; without it the run ends. */
  read(name: string): string {
    const text = readInput(name);
    if (text == null) this.fail(Failure.UNSUPPORTED, "the control has no input `" + name + "`");
    return text!;
  }

  /** A line in the daemon's log; never evidence. */
  log(line: string): void { write(2, line + "\n"); }

  /** The control cannot be tested: the run ends here. */
  fail(kind: Failure, message: string, source: string = ""): void {
    const from = source == "" ? "" : `,"source":${quoted(source)}`;
    end(`{"failure":{"kind":"${FAILURES[kind]}","message":${quoted(message)}${from}}}`);
  }

  /** The same for an answer that does not count: "keys: status 403", and its URL as the source. */
  failBy(answer: Answer, purpose: string): void { this.fail(answer.kind, purpose + ": " + answer.error, answer.url); }

  /** A subject that is looked at. */
  subject(id: string): Finding {
    const finding = new Finding(id);
    this.findings.push(finding);
    return finding;
  }

  get(url: string): Answer { return this.send(new Call(url)); }
  send(call: Call): Answer { return this.sendAll([call])[0]; }

  /** Side by side, in one round; answers in the order of the calls. */
  sendAll(calls: Call[]): Answer[] {
    const answers: Answer[] = [], questions: string[] = [];
    for (let i = 0; i < calls.length; i++) {
      const id = "q" + (++this.asked).toString();
      if (this.known.has(id)) answers.push(new Answer(calls[i].url, this.recall(id, calls[i])));
      else questions.push(`{"id":"${id}",${calls[i].dump()}}`);
    }
    if (questions.length > 0) this.endRound(questions);
    return answers;
  }

  /** What else a command may ask, as the contract writes it: `"tls":{"host":"a.example","port":443}`. It has `ok` or `error`. */
  ask(question: string): Json {
    const id = "q" + (++this.asked).toString();
    if (!this.known.has(id)) this.endRound([`{"id":"${id}",${question}}`]);
    return this.known.get(id);
  }

  /** What came out of the memo was reduced before. */
  private recall(id: string, call: Call): Json {
    const given = this.known.get(id), ok = given.get("ok"), reduce = call.reduce;
    if (reduce == null || !ok.exists || this.asked <= this.kept) return given;
    const body = quoted(reduce(ok.get("body").text));
    const short = Json.parse(`{"ok":{"status":${ok.get("status").dump()},"body":${body}}}`);
    this.known.set(id, short);
    return short;
  }

  private endRound(questions: string[]): void {
    const memo: string[] = [], ids = this.known.keys();
    for (let i = 0; i < ids.length; i++) {
      const given = this.known.get(ids[i]), name = given.get("ok").exists ? "ok" : "error";
      memo.push(`"${ids[i]}":{"${name}":${given.get(name).dump()}}`);
    }
    const text = memo.join(",");
    if (String.UTF8.byteLength(text) > (1 << 20) - 2)
      this.fail(Failure.INTERNAL, "the answers so far do not fit into the memo of 1 MiB: use `reduce`");
    end(`{"ask":[${questions.join(",")}],"memo":{${text}}}`);
  }

  report(): string {
    const made: string[] = [], listed = this.findings.length;
    let passed = 0;
    for (let i = 0; i < listed; i++) {
      made.push(this.findings[i].dump());
      if (this.findings[i].passes) passed++;
    }
    const summary = this.summary != "" ? this.summary : `${listed - passed} of ${listed} did not pass`;
    const population = this.population >= 0 ? this.population : listed;
    const parts: string[] = [`{"summary":${quoted(summary)},"population":${population}`];
    parts.push(`"population_query":${quoted(this.scope)}`);
    parts.push(`"listing":"${this.population >= 0 ? "not-passing" : "every-subject"}"`);
    if (this.incomplete != "") parts.push(`"incomplete":${quoted(this.incomplete)}`);
    if (this.coveredUntil != "") parts.push(`"covered_until":${quoted(this.coveredUntil)}`);
    parts.push(`"findings":[${made.join(",")}]}`);
    return parts.join(",");
  }
}

/** What `throw`, and a mistake such as an index out of bounds, comes to. */
export function onAbort(message: string | null, file: string | null, line: u32, column: u32): void {
  let words = "ended";
  if (message) words = message;
  if (file) words += ` (${file}:${line})`;
  end(`{"failure":{"kind":"internal","message":${quoted(words)}}}`);
}
