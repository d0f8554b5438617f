package main

import (
	"testing"

	"evidenced/kit"
	"evidenced/kit/kittest"
)

const (
	url    = "https://api.example.com"
	config = `{"url": "https://api.example.com", "max_age_days": 90}`
	now    = "2026-03-02T06:00:00Z"
)

func TestUsersThatCannotBeReadAreErrorsAndTheOthersAreLookedAtSideBySide(t *testing.T) {
	host := kittest.NewHost()
	host.Answer(url+"/users?page=1", 200, `{"users":[{"id":"u001"}],"next":2}`)
	host.Answer(url+"/users?page=2", 200, `{"users":[{"id":"u002"},{"id":"u003"}],"next":null}`)
	host.Answer(url+"/users/u001/keys", 200, `{"keys":[{"id":"k1","created":"2025-11-01T09:00:00.000Z"}]}`)
	host.Answer(url+"/users/u002/keys", 403, "")
	host.Answer(url+"/users/u003/keys", 200, `{"keys":[{"id":"k1","created":"2026-01-05T09:00:00.000Z"}]}`)
	report, failure := host.Run(config, now)
	if failure != nil {
		t.Fatal(failure)
	}
	expected := []string{
		"fail u001/k1: created 120 days ago, at most 90 are allowed",
		"error u002: keys: status 403",
		"pass u003/k1: created 55 days ago, at most 90 are allowed",
	}
	for at, finding := range report.Findings {
		if found := finding.Status.String() + " " + finding.Subject + ": " + finding.Message; found != expected[at] {
			t.Errorf("found %q, expected %q", found, expected[at])
		}
	}
	if report.Summary != "2 of 3 did not pass" || len(host.Asked) != 3 || len(host.Asked[2]) != 3 {
		t.Error(report.Summary, host.Asked)
	}
}

func TestAListThatMayGoOnIsAFailure(t *testing.T) {
	host := kittest.NewHost()
	host.Answer(url+"/users?page=1", 200, `{"users":[]}`)
	_, failure := host.Run(config, now)
	expected := kit.Failure{
		Kind: kit.BadInput, Message: "users: the answer does not say whether it is the last page", Source: url + "/users?page=1",
	}
	if failure == nil || *failure != expected {
		t.Error(failure)
	}
}

func TestAPageThatIsThrottledIsAFailure(t *testing.T) {
	host := kittest.NewHost()
	host.Answer(url+"/users?page=1", 429, "")
	_, failure := host.Run(config, now)
	if failure == nil || failure.Kind != kit.Throttled || failure.Message != "users: status 429" {
		t.Error(failure)
	}
}
