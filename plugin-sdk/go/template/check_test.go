// The check on recorded answers, natively and without WebAssembly: go test.
package main

import (
	"testing"

	"evidenced/kit"
	"evidenced/kit/kittest"
)

const config = `{"max_latency_ms": 500, "min_certificate_days": 30}`

func reportOn(t *testing.T, http *kit.Exchange) *kit.Report {
	t.Helper()
	host := kittest.NewHost()
	host.Input("endpoint", "ok", http, "2026-03-02T05:59:58Z")
	report, failure := host.Run(config, "2026-03-02T06:00:00Z")
	if failure != nil {
		t.Fatal(failure)
	}
	return report
}

func expect(t *testing.T, report *kit.Report, expected ...string) {
	t.Helper()
	for at, finding := range report.Findings {
		if found := finding.Status.String() + ": " + finding.Message; found != expected[at] {
			t.Errorf("%s: found %q, expected %q", finding.Subject, found, expected[at])
		}
	}
}

func TestAGoodEndpointPasses(t *testing.T) {
	report := reportOn(t, kittest.Exchange(200, 120.5, "2026-06-01T00:00:00Z", ""))
	expect(t, report, "pass: answered 200, expected 200", "pass: at most 500 ms are allowed",
		"pass: valid for 90 more days, at least 30 are wanted")
	if report.Summary != "0 of 3 did not pass" {
		t.Error(report.Summary)
	}
}

func TestASlowOneWithAnotherStatusAndAnExpiredCertificateFails(t *testing.T) {
	report := reportOn(t, kittest.Exchange(503, 812, "2026-02-28T00:00:00Z", ""))
	expect(t, report, "fail: answered 503, expected 200", "fail: at most 500 ms are allowed", "fail: expired 3 days ago")
}

func TestNoCertificateIsAnErrorAndNeverPasses(t *testing.T) {
	report := reportOn(t, kittest.Exchange(200, 10, "", ""))
	if status := report.Findings[2].Status; status != kit.StatusError {
		t.Error(status)
	}
}

func TestAControlWithoutTheInputCannotBeTested(t *testing.T) {
	_, failure := kittest.NewHost().Run(config, "2026-03-02T06:00:00Z")
	if failure == nil || failure.Kind != kit.BadInput || failure.Message != "input `endpoint` is missing" {
		t.Error(failure)
	}
}
