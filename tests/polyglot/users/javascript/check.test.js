import assert from 'node:assert/strict';
import { test } from 'node:test';

import check from './check.js';
import { FakeHost, runCheck } from './kit/testing.js';

const url = 'https://api.example.com';
const config = { url, max_age_days: 90 };

test('users that cannot be read are errors and the others are looked at, side by side', async () => {
  const host = new FakeHost();
  host.answer(`${url}/users?page=1`, { users: [{ id: 'u001' }], next: 2 });
  host.answer(`${url}/users?page=2`, { users: [{ id: 'u002' }, { id: 'u003' }], next: null });
  host.answer(`${url}/users/u001/keys`, { keys: [{ id: 'k1', created: '2025-11-01T09:00:00.000Z' }] });
  host.answer(`${url}/users/u002/keys`, '', { status: 403 });
  host.answer(`${url}/users/u003/keys`, { keys: [{ id: 'k1', created: '2026-01-05T09:00:00.000Z' }] });
  const report = await runCheck(check, config, { host });
  assert.deepEqual(report.findings.map(({ subject, status, message }) => `${status} ${subject}: ${message}`), [
    'fail u001/k1: created 120 days ago, at most 90 are allowed',
    'error u002: keys: status 403',
    'pass u003/k1: created 55 days ago, at most 90 are allowed',
  ]);
  assert.equal(report.summary, '2 of 3 did not pass');
  assert.deepEqual(host.asked.map((requests) => requests.length), [1, 1, 3]);
});

test('a list that may go on is a failure', async () => {
  const host = new FakeHost();
  host.answer(`${url}/users?page=1`, { users: [] });
  await assert.rejects(runCheck(check, config, { host }), {
    kind: 'bad-input', message: 'users: the answer does not say whether it is the last page', source: `${url}/users?page=1`,
  });
});

test('a page that is throttled is a failure', async () => {
  const host = new FakeHost();
  host.answer(`${url}/users?page=1`, '', { status: 429 });
  await assert.rejects(runCheck(check, config, { host }), { kind: 'throttled', message: 'users: status 429' });
});
