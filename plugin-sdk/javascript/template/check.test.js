// The check on recorded answers, in Node and without WebAssembly: `node --test`.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import check from './check.js';
import { exchange, FakeHost, runCheck } from './kit/testing.js';

const config = { max_latency_ms: 500, min_certificate_days: 30 };

function reportOn(http) {
  const host = new FakeHost();
  host.input('endpoint', 'ok', { http: exchange(http), observed: '2026-03-02T05:59:58.000Z' });
  return runCheck(check, config, { host, now: '2026-03-02T06:00:00.000Z' });
}

test('a good endpoint passes', async () => {
  const report = await reportOn({ totalMs: 120.5, notAfter: '2026-06-01T00:00:00.000Z' });
  assert.deepEqual(report.findings.map(({ status }) => status), ['pass', 'pass', 'pass']);
  assert.equal(report.findings[2].message, 'valid for 90 more days, at least 30 are wanted');
  assert.equal(report.summary, '0 of 3 did not pass');
});

test('a slow one with another status and an expired certificate fails', async () => {
  const report = await reportOn({ status: 503, totalMs: 812, notAfter: '2026-02-28T00:00:00.000Z' });
  assert.deepEqual(report.findings.map(({ status, message }) => `${status}: ${message}`), [
    'fail: answered 503, expected 200',
    'fail: at most 500 ms are allowed',
    'fail: expired 3 days ago',
  ]);
});

test('no certificate is an error and never passes', async () => {
  const report = await reportOn({ totalMs: 10 });
  assert.equal(report.findings[2].status, 'error');
});

test('a control without the input cannot be tested', async () => {
  await assert.rejects(runCheck(check, config), { kind: 'bad-input', message: 'input `endpoint` is missing' });
});
