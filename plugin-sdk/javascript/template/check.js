// An HTTPS endpoint answers as expected, in time, and its certificate does not expire soon.
import { check, days, Failure, Findings } from './kit/index.js';

export default check({
  summary: 'An HTTPS endpoint answers as expected, in time, and its certificate does not expire soon',
  needs: { inputs: ['endpoint'] },

  async run({ config, input, now }) {
    const endpoint = input('endpoint');
    if (!endpoint) throw new Failure('bad-input', 'input `endpoint` is missing');
    if (!endpoint.http) throw new Failure('bad-input', 'input `endpoint` is no answer of a server: give it by `http`');
    const { status, timings, peer } = endpoint.http;
    const { status: expected = 200, max_latency_ms: maxMs, min_certificate_days: minDays } = config;
    const findings = new Findings('status, latency and certificate of the input `endpoint`');

    // What one of these functions throws becomes the `error` finding of its subject.
    findings.subject('status', (finding) => {
      finding.asOf = endpoint.observed;
      finding.measure('status', status, '1');
      finding.passIf(status === expected, `answered ${status}, expected ${expected}`);
    });

    findings.subject('latency', (finding) => {
      finding.asOf = endpoint.observed;
      finding.passIf(finding.atMost('latency', timings.total, 'ms', maxMs), `at most ${maxMs} ms are allowed`);
    });

    findings.subject('certificate', (finding) => {
      finding.asOf = endpoint.observed;
      if (!peer?.chain.length) return finding.error('no certificate was seen: is the URL https?');
      if (peer.untrusted !== undefined) return finding.fail(`not trusted: ${peer.untrusted}`);
      const left = days(now, peer.chain[0].notAfter);
      const good = finding.atLeast('days_left', left, 'd', minDays);
      return finding.passIf(good, left >= 0 ? `valid for ${left} more days, at least ${minDays} are wanted` : `expired ${-left} days ago`);
    });

    return findings.report(`${findings.notPassed} of ${findings.length} did not pass`);
  },
});
