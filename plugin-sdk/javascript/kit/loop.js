// Promises, timers and what is done when nothing else is to do.
//
// The component's `run` is synchronous, and QuickJS does not finish its own promises before such a call returns. So the
// build turns `async` and `await` into generators over the global `Promise` (esbuild does that), and inside of a
// component the global `Promise` is the one in here, whose queue `settle` empties. Natively all of it is Node's own.

const jobs = [];
let timers = [];
let idle = [];
let rejected = new Set();
let native = true;

/** Calls back when all promises that can go on have gone on, so that what was asked meanwhile is sent side by side. */
export function whenIdle(callback) {
  if (native) globalThis.setTimeout(callback, 0);
  else idle.push(callback);
}

class Settled {
  #state = 'pending';
  #value;
  #waiting = [];

  constructor(start) {
    const { resolve, reject } = this.#functions();
    try {
      start(resolve, reject);
    } catch (thrown) {
      reject(thrown);
    }
  }

  #functions() {
    let done = false;
    const once = (then) => (value) => {
      if (done) return;
      done = true;
      then(value);
    };
    return {
      resolve: once((value) => this.#resolve(value)),
      reject: once((reason) => this.#settle('rejected', reason)),
    };
  }

  #resolve(value) {
    if (value === this) return this.#settle('rejected', new TypeError('a promise cannot wait for itself'));
    let then;
    try {
      then = value !== null && (typeof value === 'object' || typeof value === 'function') ? value.then : undefined;
    } catch (thrown) {
      return this.#settle('rejected', thrown);
    }
    if (typeof then !== 'function') return this.#settle('fulfilled', value);
    const { resolve, reject } = this.#functions();
    jobs.push(() => {
      try {
        then.call(value, resolve, reject);
      } catch (thrown) {
        reject(thrown);
      }
    });
    return undefined;
  }

  #settle(state, value) {
    this.#state = state;
    this.#value = value;
    if (state === 'rejected' && this.#waiting.length === 0) rejected.add(this);
    jobs.push(...this.#waiting);
    this.#waiting = [];
  }

  /** What a promise that nobody waits for was rejected with. */
  get reason() {
    return this.#value;
  }

  then(fulfilled, refused) {
    rejected.delete(this);
    return new Settled((resolve, reject) => {
      const job = () => {
        const isGood = this.#state === 'fulfilled';
        const handler = isGood ? fulfilled : refused;
        if (typeof handler !== 'function') return isGood ? resolve(this.#value) : reject(this.#value);
        try {
          return resolve(handler(this.#value));
        } catch (thrown) {
          return reject(thrown);
        }
      };
      if (this.#state === 'pending') this.#waiting.push(job);
      else jobs.push(job);
    });
  }

  catch(refused) {
    return this.then(undefined, refused);
  }

  finally(always) {
    return this.then(
      (value) => Settled.resolve(always()).then(() => value),
      (reason) => Settled.resolve(always()).then(() => { throw reason; }),
    );
  }

  get [Symbol.toStringTag]() {
    return 'Promise';
  }

  static resolve(value) {
    return value instanceof Settled ? value : new Settled((resolve) => resolve(value));
  }

  static reject(reason) {
    return new Settled((_, reject) => reject(reason));
  }

  static try(start, ...values) {
    return new Settled((resolve) => resolve(start(...values)));
  }

  static withResolvers() {
    const made = {};
    made.promise = new Settled((resolve, reject) => Object.assign(made, { resolve, reject }));
    return made;
  }

  static race(values) {
    return new Settled((resolve, reject) => {
      for (const value of values) Settled.resolve(value).then(resolve, reject);
    });
  }

  static all(values) {
    return gather(values, (promise, done, reject) => promise.then(done, reject));
  }

  static allSettled(values) {
    return gather(values, (promise, done) => promise.then(
      (value) => done({ status: 'fulfilled', value }),
      (reason) => done({ status: 'rejected', reason }),
    ));
  }

  static any(values) {
    const refused = gather(values, (promise, done, reject) => promise.then(reject, done));
    return refused.then((reasons) => { throw new AggregateError(reasons, 'all were rejected'); }, (value) => value);
  }
}

function gather(values, wait) {
  return new Settled((resolve, reject) => {
    const results = [];
    let open = 1;
    const less = () => { if ((open -= 1) === 0) resolve(results); };
    let at = 0;
    for (const value of values) {
      const place = at++;
      open += 1;
      wait(Settled.resolve(value), (result) => { results[place] = result; less(); }, reject);
    }
    less();
  });
}

/** Replaces the promises and timers of the interpreter; once, before the check is loaded. */
export function install() {
  native = false;
  globalThis.Promise = Settled;
  globalThis.queueMicrotask = (job) => { jobs.push(job); };
  let ids = 0;
  let clock = 0;
  globalThis.setTimeout = (callback, ms = 0, ...values) => {
    const timer = { id: ids += 1, due: clock + Math.max(0, Number(ms) || 0), run: () => { clock = timer.due; callback(...values); } };
    timers.push(timer);
    return timer.id;
  };
  globalThis.clearTimeout = (id) => { timers = timers.filter((timer) => timer.id !== id); };
}

/** Goes on until a promise is settled: with its value, or by throwing what it was rejected with. Waiting takes no time. */
export function settle(promise) {
  let outcome;
  Settled.resolve(promise).then((value) => { outcome = { value }; }, (reason) => { outcome = { reason }; });
  for (;;) {
    while (jobs.length > 0) jobs.splice(0).forEach((job) => job());
    if (outcome) break;
    if (idle.length > 0) idle.splice(0).forEach((callback) => callback());
    else if (timers.length > 0) {
      const next = timers.reduce((first, timer) => (timer.due < first.due ? timer : first));
      timers = timers.filter((timer) => timer !== next);
      next.run();
    } else throw new Error('the check waits for something that never happens');
  }
  if ('reason' in outcome) throw outcome.reason;
  for (const { reason } of rejected) throw new Error(`nobody waited for a promise that was rejected: ${reason}`);
  return outcome.value;
}
