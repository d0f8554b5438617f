package kit

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Finding in the making. It is an error until a verdict is given.
type Finding struct {
	Subject string
	// Label is a name for people; it may change from run to run.
	Label     string
	Status    Status
	Attention bool
	Message   string
	// Measurements are made by Measure, AtMost and AtLeast.
	Measurements []Measurement
	// AsOf is when this was true at the source.
	AsOf time.Time
	// Event is the source's own id of the event, for checks that read events: it is counted once.
	Event string
	// Extensions are room to grow: keys are vendor:name, values what encoding/json can write.
	Extensions map[string]any

	notFinite string
}

// Pass gives the verdict.
func (finding *Finding) Pass(format string, values ...any) {
	finding.verdict(StatusPass, format, values)
}

// PassWithAttention passes, but a person should look: shown in summaries, never alerted.
func (finding *Finding) PassWithAttention(format string, values ...any) {
	finding.verdict(StatusPass, format, values)
	finding.Attention = true
}

// Fail gives the verdict.
func (finding *Finding) Fail(format string, values ...any) {
	finding.verdict(StatusFail, format, values)
}

// PassIf passes or fails.
func (finding *Finding) PassIf(good bool, format string, values ...any) {
	if good {
		finding.Pass(format, values...)
	} else {
		finding.Fail(format, values...)
	}
}

// NotApplicable gives the verdict.
func (finding *Finding) NotApplicable(format string, values ...any) {
	finding.verdict(StatusNotApplicable, format, values)
}

// Error says that this subject could not be tested. Returning an error says the same.
func (finding *Finding) Error(format string, values ...any) {
	finding.verdict(StatusError, format, values)
}

func (finding *Finding) verdict(status Status, format string, values []any) {
	finding.Status, finding.Attention = status, false
	finding.Message = format
	if len(values) > 0 {
		finding.Message = fmt.Sprintf(format, values...)
	}
}

// Measure records a value without a limit. One that is not finite makes the finding an error.
func (finding *Finding) Measure(name string, value float64, unit string) {
	finding.measure(name, value, unit, nil)
}

// AtMost records a value, and answers whether it is at most limit: on the limit is good.
func (finding *Finding) AtMost(name string, value float64, unit string, limit float64) bool {
	finding.measure(name, value, unit, &limit)
	return value <= limit
}

// AtLeast records a value, and answers whether it is at least limit: on the limit is good.
func (finding *Finding) AtLeast(name string, value float64, unit string, limit float64) bool {
	finding.measure(name, value, unit, &limit)
	return value >= limit
}

func (finding *Finding) measure(name string, value float64, unit string, limit *float64) {
	isFinite := func(value float64) bool { return !math.IsNaN(value) && !math.IsInf(value, 0) }
	if !isFinite(value) || limit != nil && !isFinite(*limit) {
		if finding.notFinite == "" {
			finding.notFinite = name
		}
		return
	}
	finding.Measurements = append(finding.Measurements, Measurement{name, value, unit, limit})
}

// Findings is a report in the making: one finding for every subject, also for those that pass.
type Findings struct {
	// PopulationQuery tells the auditor how the subjects were found.
	PopulationQuery string
	// Incomplete is why not everything in scope was looked at.
	Incomplete string
	// CoveredUntil: events are judged up to here; for checks that need an interval.
	CoveredUntil time.Time
	Attachments  []Attachment
	Extensions   map[string]any

	findings    []*Finding
	population  *uint32
	sourceTotal *uint32
}

// NewFindings has no findings yet.
func NewFindings(populationQuery string) *Findings {
	return &Findings{PopulationQuery: populationQuery}
}

// Subject looks at one subject. An error that look returns, or a panic in it, becomes the error finding of this subject,
// and the loop around it goes on.
func (findings *Findings) Subject(subject string, look func(finding *Finding) error) {
	finding := &Finding{Subject: subject, Message: "the check gave no verdict"}
	findings.findings = append(findings.findings, finding)
	if err := guarded(func() error { return look(finding) }); err != nil {
		finding.Error("%s", wordsOf(err))
	} else if finding.notFinite != "" && finding.Status != StatusError {
		finding.Error("the measurement `%s` is not a finite number", finding.notFinite)
	}
}

// Attempt is for what makes several findings, or none: only an error that look returns, or a panic in it, becomes a
// finding, the error of this subject.
func (findings *Findings) Attempt(subject string, look func() error) {
	if err := guarded(look); err != nil {
		findings.Subject(subject, func(*Finding) error { return err })
	}
}

func guarded(look func() error) (err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("panic: %v", panicked)
		}
	}()
	return look()
}

func wordsOf(err error) string {
	var called *CallError
	if errors.As(err, &called) {
		return called.wordsOf(err)
	}
	return err.Error()
}

// Population sets the subjects in scope, when they are more than those that are listed: only those that do not pass.
func (findings *Findings) Population(subjects int) {
	count := uint32(subjects)
	findings.population = &count
}

// SourceTotal is what the source itself says that there is. When it differs from what was listed, a finding fails.
func (findings *Findings) SourceTotal(total, listed int) {
	count := uint32(total)
	findings.sourceTotal = &count
	if total != listed {
		findings.Subject("population-mismatch", func(finding *Finding) error {
			finding.Fail("the source says that there are %d, and lists %d", total, listed)
			return nil
		})
	}
}

// Len is how many findings there are.
func (findings *Findings) Len() int { return len(findings.findings) }

// Count is how many are of one of these statuses.
func (findings *Findings) Count(statuses ...Status) int {
	count := 0
	for _, finding := range findings.findings {
		for _, status := range statuses {
			if finding.Status == status {
				count++
			}
		}
	}
	return count
}

// NotPassed is how many do not pass.
func (findings *Findings) NotPassed() int { return findings.Len() - findings.Count(StatusPass) }

// Report is the report. Its population is the number of findings unless Population said another.
func (findings *Findings) Report(format string, values ...any) *Report {
	population := uint32(len(findings.findings))
	if findings.population != nil {
		population = *findings.population
	}
	summary := format
	if len(values) > 0 {
		summary = fmt.Sprintf(format, values...)
	}
	return &Report{
		Summary:         summary,
		Population:      population,
		SourceTotal:     findings.sourceTotal,
		PopulationQuery: findings.PopulationQuery,
		NotPassing:      findings.population != nil,
		Findings:        findings.findings,
		Incomplete:      findings.Incomplete,
		CoveredUntil:    findings.CoveredUntil,
		Attachments:     findings.Attachments,
		Extensions:      findings.Extensions,
	}
}
