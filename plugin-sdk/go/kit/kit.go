// Package kit is for checks in Go: one function that gets a [Run] and its configuration, and returns a [Report].
//
//	type Config struct {
//		URL        string `json:"url"`
//		MaxAgeDays int    `json:"max_age_days"`
//	}
//
//	func init() {
//		kit.Check(kit.Description{Name: "key-age", Version: "0.1.0", Summary: "Keys are young", Hosts: []string{"/url"}}, run)
//	}
//
//	func run(run *kit.Run, config Config) (*kit.Report, error) {
//		var keys []struct{ ID, Created string }
//		if err := run.Send(kit.Call{URL: config.URL, Purpose: "keys"}).JSON(&keys); err != nil {
//			return nil, err
//		}
//		findings := kit.NewFindings("every key of the API")
//		for _, key := range keys {
//			findings.Subject(key.ID, func(finding *kit.Finding) error { // an error in here is this subject's
//				created, err := kit.Instant(key.Created)
//				if err != nil {
//					return err
//				}
//				age := kit.Days(created, run.Now)
//				good := finding.AtMost("age", float64(age), kit.Day, float64(config.MaxAgeDays))
//				finding.PassIf(good, "created %d days ago", age)
//				return nil
//			})
//		}
//		return findings.Report("keys were looked at"), nil
//	}
//
// What was not looked at never passes by accident: an error or a panic inside of Subject is that subject's error
// finding, an error or a panic outside of it the failure of the run, and a subject without a verdict is an error.
package kit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
)

// Description is what a plugin is and needs.
type Description struct {
	Name    string
	Version string
	Summary string
	// Schema is the JSON Schema of the configuration; empty: any object.
	Schema string
	// Inputs that the control must give.
	Inputs []InputNeed
	// Hosts are JSON Pointers into the configuration, whose values are the URLs that the check calls: "/url".
	Hosts []string
	// What else of the host is used.
	TLS, State, History bool
	// Interval: the check reads events, gets [Run.Interval] and sets [Findings.CoveredUntil].
	Interval bool
}

// InputNeed is an input by name.
type InputNeed struct {
	Name      string
	MediaType string
	Optional  bool
}

// Plugin is a check with what it is; made by [Check].
type Plugin struct {
	Description Description
	run         func(run *Run, config []byte) (*Report, error)
}

// Registered is the plugin of the last call of [Check].
var Registered *Plugin

// Check makes a function the plugin's check: once, in an init function, since the host never calls main. The
// configuration is read into C; a member of it that C does not have is a failure.
func Check[C any](description Description, run func(run *Run, config C) (*Report, error)) {
	Registered = &Plugin{description, func(asked *Run, text []byte) (*Report, error) {
		var config C
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&config); err != nil {
			return nil, Fail(BadInput, "the configuration does not fit the check: %v", err)
		}
		return run(asked, config)
	}}
}

// RunOn runs the check. The failure is nil when there is a report; it is an internal one for whatever error is none of
// the kit's, and for a panic.
func (plugin *Plugin) RunOn(host Host, facts Facts, config []byte) (report *Report, failure *Failure) {
	defer func() {
		if panicked := recover(); panicked != nil {
			host.Log(Error, fmt.Sprintf("panic: %v\n%s", panicked, debug.Stack()))
			report, failure = nil, Fail(Internal, "panic: %v", panicked)
		}
	}()
	run := &Run{Facts: facts, host: host}
	report, err := plugin.run(run, config)
	switch {
	case err != nil:
		return nil, failureOf(err)
	case report == nil:
		return nil, Fail(Internal, "the check returned neither a report nor an error")
	}
	if report.Incomplete == "" {
		report.Incomplete = run.incomplete
	}
	return report, nil
}

// FailureKind is why a control could not be tested.
type FailureKind uint8

// In the order of the contract: what was forgotten is internal.
const (
	Internal FailureKind = iota
	Unreachable
	Denied
	Throttled
	Timeout
	BadInput
	Unsupported
)

func (kind FailureKind) String() string {
	return [...]string{"internal", "unreachable", "denied", "throttled", "timeout", "bad-input", "unsupported"}[kind]
}

// Failure is the error of a control that could not be tested at all.
type Failure struct {
	Kind    FailureKind
	Message string
	// Source is where it came from, usually a URL; empty: not known.
	Source string
}

func (failure *Failure) Error() string { return failure.Message }

// Fail makes a Failure without a source.
func Fail(kind FailureKind, format string, values ...any) *Failure {
	return &Failure{Kind: kind, Message: fmt.Sprintf(format, values...)}
}

// From names where a failure came from.
func (failure *Failure) From(source string) *Failure {
	failure.Source = source
	return failure
}

// failureOf finds what an error means. Errors that wrap a Failure or a CallError keep its kind and source, and their own
// words.
func failureOf(err error) *Failure {
	var called *CallError
	if errors.As(err, &called) {
		return &Failure{called.Kind(), called.wordsOf(err), called.Call.URL}
	}
	var failure *Failure
	if errors.As(err, &failure) {
		return &Failure{failure.Kind, err.Error(), failure.Source}
	}
	return &Failure{Kind: Internal, Message: err.Error()}
}
