package kit

import (
	"math"
	"testing"
	"time"
)

func TestAMemberThatIsMissingIsRefused(t *testing.T) {
	type key struct {
		ID      string
		Created *string `json:"created"`
		Note    string  `json:"note,omitempty"`
	}
	type answer struct {
		Keys  []key
		Until time.Time
	}
	for text, expected := range map[string]string{
		`{"keys":[{"id":"k1"}],"until":"2026-03-02T06:00:00Z"}`: "",
		`{"keys":null,"until":"2026-03-02T06:00:00Z"}`:          "",
		`{"until":"2026-03-02T06:00:00Z"}`:                      "/Keys is missing",
		`{"keys":[{"id":"k1"},{}],"until":null}`:                "/Keys/1/ID is missing",
	} {
		found := ""
		if err := decode([]byte(text), &answer{}); err != nil {
			found = err.Error()
		}
		if found != expected {
			t.Errorf("%s: found %q, expected %q", text, found, expected)
		}
	}
}

func TestWhatIsForgottenOrNotFiniteOrPanicsIsAnError(t *testing.T) {
	findings := NewFindings("q")
	findings.Subject("forgotten", func(*Finding) error { return nil })
	findings.Subject("not finite", func(finding *Finding) error {
		finding.Measure("age", math.NaN(), Day)
		finding.Pass("good")
		return nil
	})
	findings.Subject("panics", func(*Finding) error { panic("no") })
	findings.Subject("passes", func(finding *Finding) error {
		finding.Pass("100%")
		return nil
	})
	found := ""
	for _, finding := range findings.Report("r").Findings {
		found += finding.Status.String() + " " + finding.Message + "\n"
	}
	const expected = `error the check gave no verdict
error the measurement ` + "`age`" + ` is not a finite number
error panic: no
pass 100%
`
	if found != expected {
		t.Error(found)
	}
}

func TestDaysAreRoundedDown(t *testing.T) {
	now := time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC)
	for hours, expected := range map[int]int{0: 0, 23: 0, 24: 1, -1: -1, -24: -1, -25: -2} {
		if days := Days(now, now.Add(time.Duration(hours)*time.Hour)); days != expected {
			t.Errorf("%d hours: %d days", hours, days)
		}
	}
}
