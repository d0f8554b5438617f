// A check in JavaScript: `export default check({ summary, needs, async run(run) { … } })`.
//
//     import { check, days, Findings, instant } from './kit/index.js';
//
//     export default check({
//       summary: 'Every key is young',
//       needs: { hosts: ['/url'] },
//       async run({ config, now }) {
//         const keys = await (await fetch(config.url, { purpose: 'keys' })).json();
//         const findings = new Findings('every key of the API');
//         for (const key of keys) {
//           findings.subject(key.id, (finding) => {           // an error in here is this subject's
//             const age = days(instant(key.created), now);
//             finding.passIf(finding.atMost('age', age, 'd', config.max_age_days), `created ${age} days ago`);
//           });
//         }
//         return findings.report('keys were looked at');
//       },
//     });
//
// What was not looked at never passes by accident: an error inside of `subject` is that subject's `error` finding, an
// error outside of it the failure of the run, a subject without a verdict is an `error`, and `fetch` rejects what is not
// a status of 200 to 299 unless it is accepted.
export { check } from './check.js';
export { Failure, DAY, days, instant } from './failure.js';
export { Findings } from './findings.js';
export { HttpError, byLinkHeader, byToken, pages } from './http.js';
