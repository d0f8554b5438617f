// A report in the making: one finding for every subject, also for those that pass.
import { wordsOf } from './failure.js';

/** One finding in the making. It is an `error` until a verdict is given. */
class Draft {
  /** A name for people; it may change from run to run. */
  label = undefined;
  /** When this was true at the source: a Date. */
  asOf = undefined;
  /** The source's own id of the event, for checks that read events: it is counted once. */
  event = undefined;
  /** Room to grow: keys are `vendor:name`, values anything that JSON can hold. */
  extensions = {};

  constructor(subject) {
    this.subject = subject;
    this.measurements = [];
    this.notFinite = undefined;
    this.isWaiting = false;
    this.verdict('error', 'the check gave no verdict');
  }

  pass(message) {
    this.verdict('pass', message);
  }

  /** Passes, but a person should look: shown in summaries, never alerted. */
  passWithAttention(message) {
    this.verdict('pass', message);
    this.attention = true;
  }

  fail(message) {
    this.verdict('fail', message);
  }

  passIf(good, message) {
    this.verdict(good ? 'pass' : 'fail', message);
  }

  notApplicable(message) {
    this.verdict('not-applicable', message);
  }

  /** This subject could not be tested. Throwing says the same. */
  error(message) {
    this.verdict('error', message);
  }

  /** A value to chart. One that is not a finite number makes the finding an `error`. */
  measure(name, value, unit, limit) {
    const isGood = Number.isFinite(value) && (limit === undefined || Number.isFinite(limit));
    if (isGood) this.measurements.push({ name, value, unit, limit });
    else this.notFinite ??= name;
  }

  /** Records a value, and answers whether it is at most `limit`: on the limit is good. */
  atMost(name, value, unit, limit) {
    this.measure(name, value, unit, limit);
    return value <= limit;
  }

  /** Records a value, and answers whether it is at least `limit`: on the limit is good. */
  atLeast(name, value, unit, limit) {
    this.measure(name, value, unit, limit);
    return value >= limit;
  }

  verdict(status, message) {
    this.status = status;
    this.message = message;
    this.attention = false;
  }

  finding() {
    if (this.isWaiting) this.error('the check did not wait for this subject: `await findings.subject(…)`');
    else if (this.notFinite !== undefined && this.status !== 'error') {
      this.error(`the measurement \`${this.notFinite}\` is not a finite number`);
    }
    const { subject, label, status, attention, message, measurements, asOf, event, extensions } = this;
    return { subject, label, status, attention, message, measurements, asOf, event, extensions };
  }
}

/** Subjects in the order in which they were begun, whichever ends first. */
class Group {
  constructor() {
    this.members = [];
  }

  /** Looks at one subject: `look` gets the finding and gives a verdict. What it throws becomes the `error` finding of
   * this subject, and the loop around it goes on. Await it if `look` is asynchronous. */
  subject(subject, look) {
    const draft = new Draft(subject);
    this.members.push(draft);
    return guarded(draft, () => look(draft), (thrown) => draft.error(wordsOf(thrown)));
  }

  /** For what makes several findings, or none: `look` gets a group for them, and only what it throws becomes a finding
   * more, the `error` of this subject. Await it if `look` is asynchronous. */
  attempt(subject, look) {
    const group = new Group();
    group.state = new Draft(subject);
    group.state.isNeeded = false;
    this.members.push(group);
    return guarded(group.state, () => look(group), (thrown) => {
      group.state.isNeeded = true;
      group.state.error(wordsOf(thrown));
    });
  }

  findings() {
    const own = this.state?.isNeeded || this.state?.isWaiting ? [this.state.finding()] : [];
    const members = this.members.flatMap((member) => (member instanceof Group ? member.findings() : [member.finding()]));
    return [...members, ...own];
  }
}

function guarded(state, look, failed) {
  let looked;
  try {
    looked = look();
  } catch (thrown) {
    failed(thrown);
    return undefined;
  }
  if (typeof looked?.then !== 'function') return undefined;
  state.isWaiting = true;
  return looked.then(
    () => { state.isWaiting = false; },
    (thrown) => { state.isWaiting = false; failed(thrown); },
  );
}

export class Findings extends Group {
  /** Why not everything in scope was looked at. */
  incomplete = undefined;
  /** Events are judged up to here: a Date, for checks whose needs say `interval`. */
  coveredUntil = undefined;
  extensions = {};

  /** No findings yet. `populationQuery` tells the auditor how the subjects were found. */
  constructor(populationQuery) {
    super();
    this.populationQuery = populationQuery;
    this.attachments = [];
    this.total = undefined;
    this.subjects = undefined;
  }

  /** Subjects in scope, when they are more than those that are listed: only those that do not pass. */
  population(subjects) {
    this.subjects = subjects;
  }

  /** What the source itself says that there is. When it differs from what was `listed`, a finding fails. */
  sourceTotal(total, listed) {
    this.total = total;
    if (total !== listed) {
      this.subject('population-mismatch', (finding) => {
        finding.fail(`the source says that there are ${total}, and lists ${listed}`);
      });
    }
  }

  /** `body`: text or a Uint8Array. */
  attach(name, mediaType, body) {
    this.attachments.push({ name, mediaType, body: typeof body === 'string' ? new TextEncoder().encode(body) : body });
  }

  /** How many findings are of one of these statuses. */
  count(...statuses) {
    return this.findings().filter((finding) => statuses.includes(finding.status)).length;
  }

  get length() {
    return this.findings().length;
  }

  /** Those that are not `pass`. */
  get notPassed() {
    return this.length - this.count('pass');
  }

  /** The report. Its population is the number of findings unless `population` said another. */
  report(summary) {
    const findings = this.findings();
    return {
      summary,
      population: this.subjects ?? findings.length,
      sourceTotal: this.total,
      populationQuery: this.populationQuery,
      listing: this.subjects === undefined ? 'every-subject' : 'not-passing',
      findings,
      incomplete: this.incomplete,
      coveredUntil: this.coveredUntil,
      attachments: this.attachments,
      extensions: this.extensions,
    };
  }
}
