// Every key of every user is young: a list in pages, then all users side by side.
import { byToken, check, days, Findings, instant, pages } from './kit/index.js';

export default check({
  summary: 'Every key of every user is young',
  needs: { hosts: ['/url'] },

  async run({ config: { url, max_age_days: allowed }, now }) {
    const users = [];
    for await (const page of pages(`${url}/users?page=1`, byToken('next', 'page'), { purpose: 'users' })) {
      users.push(...(await page.json()).users.map(({ id }) => id));
    }

    const all = new Findings('every key of every user, to the last page');
    await Promise.all(users.map((user) => all.attempt(user, async (findings) => {
      const answer = await fetch(`${url}/users/${user}/keys`, { purpose: 'keys' });
      for (const { id, created } of (await answer.json()).keys) {
        findings.subject(`${user}/${id}`, (finding) => {
          const age = days(instant(created), now);
          finding.passIf(finding.atMost('age', age, 'd', allowed), `created ${age} days ago, at most ${allowed} are allowed`);
        });
      }
    })));

    return all.report(`${all.notPassed} of ${all.length} did not pass`);
  },
});
