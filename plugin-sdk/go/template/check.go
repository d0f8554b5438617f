// An HTTPS endpoint answers as expected, in time, and its certificate does not expire soon.
package main

import (
	_ "embed"

	"evidenced/kit"
)

// Config is as config.schema.json describes it.
type Config struct {
	Status             int `json:"status"`
	MaxLatencyMs       int `json:"max_latency_ms"`
	MinCertificateDays int `json:"min_certificate_days"`
}

//go:embed config.schema.json
var schema string

func init() {
	kit.Check(kit.Description{
		Name:    "{{name}}",
		Version: "0.1.0",
		Summary: "An HTTPS endpoint answers as expected, in time, and its certificate does not expire soon",
		Schema:  schema,
		Inputs:  []kit.InputNeed{{Name: "endpoint"}},
	}, run)
}

func run(run *kit.Run, config Config) (*kit.Report, error) {
	if config.Status == 0 {
		config.Status = 200
	}
	endpoint := run.Input("endpoint")
	if endpoint == nil {
		return nil, kit.Fail(kit.BadInput, "input `endpoint` is missing")
	}
	http := endpoint.HTTP
	if http == nil {
		return nil, kit.Fail(kit.BadInput, "input `endpoint` is no answer of a server: give it by `http`")
	}
	findings := kit.NewFindings("status, latency and certificate of the input `endpoint`")

	// An error that one of these functions returns becomes the error finding of its subject.
	findings.Subject("status", func(finding *kit.Finding) error {
		finding.AsOf = endpoint.Observed
		finding.Measure("status", float64(http.Status), kit.One)
		finding.PassIf(http.Status == config.Status, "answered %d, expected %d", http.Status, config.Status)
		return nil
	})

	findings.Subject("latency", func(finding *kit.Finding) error {
		finding.AsOf = endpoint.Observed
		good := finding.AtMost("latency", http.Timings.Total, kit.Millisecond, float64(config.MaxLatencyMs))
		finding.PassIf(good, "at most %d ms are allowed", config.MaxLatencyMs)
		return nil
	})

	findings.Subject("certificate", func(finding *kit.Finding) error {
		finding.AsOf = endpoint.Observed
		if http.Peer == nil || len(http.Peer.Chain) == 0 {
			finding.Error("no certificate was seen: is the URL https?")
			return nil
		}
		if http.Peer.Untrusted != "" {
			finding.Fail("not trusted: %s", http.Peer.Untrusted)
			return nil
		}
		days := kit.Days(run.Now, http.Peer.Chain[0].NotAfter)
		good := finding.AtLeast("days_left", float64(days), kit.Day, float64(config.MinCertificateDays))
		if days < 0 {
			finding.PassIf(good, "expired %d days ago", -days)
		} else {
			finding.PassIf(good, "valid for %d more days, at least %d are wanted", days, config.MinCertificateDays)
		}
		return nil
	})

	return findings.Report("%d of %d did not pass", findings.NotPassed(), findings.Len()), nil
}

// The host calls the check, and never this.
func main() {}
