// Judges what the host gathered from an HTTPS endpoint: its status, how long it took, and its certificate.

import { Description, Failure, Finding, Json, Run, days, instant, words } from "./kit/evidenced";
import { SCHEMA } from "./build/schema";

export function describe(): Description {
  const summary = "An HTTPS endpoint answers as expected, in time, and its certificate does not expire soon";
  return new Description("{{name}}", "0.1.0", summary, SCHEMA).needsInput("endpoint");
}

export function check(run: Run): void {
  const input = run.input("endpoint");
  const http = input.get("http");
  if (!input.exists) run.fail(Failure.BAD_INPUT, "input `endpoint` is missing");
  if (!http.isObject) run.fail(Failure.BAD_INPUT, "input `endpoint` is no answer of a server: give it by `http`");

  run.scope = "status, latency and certificate of the input `endpoint`";
  const status = run.subject("status");
  const latency = run.subject("latency");
  const certificate = run.subject("certificate");
  status.asOf = latency.asOf = certificate.asOf = input.get("observed").text;

  lookAtStatus(status, http.get("status").number, run.config.get("status").numberOr(200));
  lookAtLatency(latency, http.get("timings").get("total").number, run.config.get("max_latency_ms").number);
  lookAtCertificate(certificate, http.get("peer"), run.now, run.config.get("min_certificate_days").number);
}

function lookAtStatus(finding: Finding, status: f64, expected: f64): void {
  finding.measure("status", status, "1");
  finding.passIf(status == expected, `answered ${words(status)}, expected ${words(expected)}`);
}

function lookAtLatency(finding: Finding, total: f64, max: f64): void {
  const good = finding.atMost("latency", total, "ms", max);
  finding.passIf(good, `at most ${words(max)} ms are allowed`);
}

function lookAtCertificate(finding: Finding, peer: Json, now: f64, min: f64): void {
  const chain = peer.get("chain").items;
  const untrusted = peer.get("untrusted");
  if (chain.length == 0) return finding.error("no certificate was seen: is the URL https?");
  if (untrusted.isString) return finding.fail("not trusted: " + untrusted.text);

  // An instant that cannot be read is not a number, and so is what is measured by it: the finding is then an error.
  const left = days(now, instant(chain[0].get("not_after").text));
  const good = finding.atLeast("days_left", left, "d", min);
  if (left < 0) finding.passIf(good, `expired ${words(-left)} days ago`);
  else finding.passIf(good, `valid for ${words(left)} more days, at least ${words(min)} are wanted`);
}
