// Package kittest runs a check on recorded answers, natively and without WebAssembly.
//
//	host := kittest.NewHost()
//	host.Answer("https://api.example.com/users?page=1", 200, `{"users":[],"next":null}`)
//	report, failure := host.Run(`{"url":"https://api.example.com"}`, "2026-03-02T06:00:00Z")
package kittest

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"time"

	"evidenced/kit"
)

// Host answers what it was told, and notes what it was asked. A call that nobody told it about is refused.
type Host struct {
	// Asked has one list for all calls that were sent side by side.
	Asked  [][]kit.Call
	Logged []string
	Inputs []kit.Input

	answers map[string]kit.Response
	errors  map[string]kit.CallError
	bodies  map[string][]byte
	state   map[string][]byte
}

// NewHost knows no answers.
func NewHost() *Host {
	return &Host{
		answers: map[string]kit.Response{}, errors: map[string]kit.CallError{}, bodies: map[string][]byte{}, state: map[string][]byte{},
	}
}

// Run runs the check that init registered; now is of RFC 3339.
func (host *Host) Run(config, now string) (*kit.Report, *kit.Failure) {
	moment := Moment(now)
	facts := kit.Facts{Control: "TEST-01", Slot: moment, Now: moment, Inputs: host.Inputs, Seed: make([]byte, 32)}
	return kit.Registered.RunOn(host, facts, []byte(config))
}

// Moment is one of RFC 3339; a text that is none panics.
func Moment(text string) time.Time {
	moment, err := kit.Instant(text)
	if err != nil {
		panic(err)
	}
	return moment
}

// Exchange is what the host saw of a server; with notAfter, it showed a certificate that ends then.
func Exchange(status int, totalMs float64, notAfter, untrusted string) *kit.Exchange {
	exchange := &kit.Exchange{Status: status, Timings: kit.Timings{Total: totalMs}, Attempts: 1}
	if notAfter != "" {
		exchange.Peer = &kit.Peer{
			Address: "192.0.2.1:443", Protocol: "TLSv1.3", Cipher: "TLS13_AES_256_GCM_SHA384", Untrusted: untrusted,
			Chain: []kit.Certificate{{Subject: "CN=example", NotBefore: Moment("2026-01-01T00:00:00Z"), NotAfter: Moment(notAfter)}},
		}
	}
	return exchange
}

// Input gives an input; by http when an exchange is given.
func (host *Host) Input(name, body string, exchange *kit.Exchange, observed string) {
	host.bodies[name] = []byte(body)
	host.Inputs = append(host.Inputs, kit.Input{
		Name: name, Source: "file:" + name, Observed: Moment(observed), Bytes: int64(len(body)), HTTP: exchange,
	})
}

// Answer of a GET.
func (host *Host) Answer(url string, status int, body string) {
	host.AnswerTo("GET", url, kit.Exchange{Status: status, Attempts: 1}, body)
}

// AnswerTo any method, with headers and what else there is.
func (host *Host) AnswerTo(method, url string, exchange kit.Exchange, body string) {
	host.answers[method+" "+url] = *kit.Answered(kit.Call{}, exchange, []byte(body))
}

// Fail a GET.
func (host *Host) Fail(url string, reason kit.CallReason, why string) {
	host.errors["GET "+url] = kit.CallError{Reason: reason, Why: why}
}

// Log notes a line.
func (host *Host) Log(level kit.Level, message string) { host.Logged = append(host.Logged, message) }

// SendAll answers.
func (host *Host) SendAll(calls []kit.Call) []*kit.Response {
	host.Asked = append(host.Asked, calls)
	responses := make([]*kit.Response, len(calls))
	for at, call := range calls {
		responses[at] = host.send(call)
	}
	return responses
}

func (host *Host) send(call kit.Call) *kit.Response {
	method := call.Method
	if method == "" {
		method = "GET"
	}
	key := method + " " + call.URL
	if failed, ok := host.errors[key]; ok {
		failed.Call = call
		return kit.Failed(&failed)
	}
	answer, ok := host.answers[key]
	if !ok {
		return kit.Failed(&kit.CallError{Call: call, Reason: kit.WasRefused, Why: "the test has no answer to " + key})
	}
	answer.Call = call
	status := answer.Exchange.Status
	if status >= 200 && status <= 299 || slices.Contains(call.Accept, uint16(status)) {
		return &answer
	}
	return kit.Failed(&kit.CallError{Call: call, Reason: kit.WasStatus, Response: &answer})
}

// Handshake is refused.
func (host *Host) Handshake(name string, port uint16) ([]kit.PeerSeen, error) {
	return nil, kit.Fail(kit.Unsupported, "the test has no handshake with %s:%d", name, port)
}

// Read gives an input.
func (host *Host) Read(name string) ([]byte, error) {
	body, ok := host.bodies[name]
	if !ok {
		return nil, kit.Fail(kit.Unsupported, "the control has no input `%s`", name).From(name)
	}
	return body, nil
}

// Open gives an input.
func (host *Host) Open(name string) (io.Reader, error) {
	body, err := host.Read(name)
	return bytes.NewReader(body), err
}

// StateGet gives a value.
func (host *Host) StateGet(key string) ([]byte, bool) {
	value, ok := host.state[key]
	return value, ok
}

// StateSet keeps a value.
func (host *Host) StateSet(key string, value []byte) error {
	host.state[strings.Clone(key)] = bytes.Clone(value)
	return nil
}

// StateRemove forgets one.
func (host *Host) StateRemove(key string) { delete(host.state, key) }

// StateKeys are in order.
func (host *Host) StateKeys() []string {
	keys := []string{}
	for key := range host.state {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// Points are none.
func (host *Host) Points(control, measurement string, during kit.Interval) ([]kit.Point, error) {
	return nil, nil
}

// SlotsIn are none.
func (host *Host) SlotsIn(control string, during kit.Interval) (kit.Slots, error) {
	return kit.Slots{}, nil
}
