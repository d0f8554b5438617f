// Package component stands between the generated bindings and the kit: the only code of the kit that a native test does
// not run. Nothing here decides anything.
package component

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"evidenced/kit"
	"evidenced/kit/bindings/evidenced_check_history"
	"evidenced/kit/bindings/evidenced_check_http"
	"evidenced/kit/bindings/evidenced_check_inputs"
	"evidenced/kit/bindings/evidenced_check_log"
	"evidenced/kit/bindings/evidenced_check_state"
	"evidenced/kit/bindings/evidenced_check_tls"
	wit "evidenced/kit/bindings/evidenced_check_types"
	witTypes "evidenced/kit/wit/types"
)

// Describe is the contract's describe.
func Describe() wit.Description {
	description := kit.Registered.Description
	needs := wit.Needs{
		Inputs: []wit.InputNeed{}, Hosts: description.Hosts, Tls: description.TLS, State: description.State,
		History: description.History, Interval: description.Interval,
	}
	for _, need := range description.Inputs {
		needs.Inputs = append(needs.Inputs, wit.InputNeed{Name: need.Name, MediaType: need.MediaType, Optional: need.Optional})
	}
	return wit.Description{
		Name: description.Name, Version: description.Version, Summary: description.Summary, ConfigSchema: description.Schema, Needs: needs,
	}
}

// Run is the contract's run.
func Run(request wit.Request) (result witTypes.Result[wit.Report, wit.Failure]) {
	defer func() { // of what the kit itself does before and after the check
		if panicked := recover(); panicked != nil {
			result = failed(kit.Fail(kit.Internal, "panic: %v", panicked))
		}
	}()
	report, failure := kit.Registered.RunOn(daemon{}, factsIn(request), []byte(request.Config))
	if failure != nil {
		return failed(failure)
	}
	return witTypes.Ok[wit.Report, wit.Failure](reportOut(report))
}

func failed(failure *kit.Failure) witTypes.Result[wit.Report, wit.Failure] {
	return witTypes.Err[wit.Report](wit.Failure{Kind: wit.FailureKind(failure.Kind), Message: valid(failure.Message), Source: textOut(failure.Source)})
}

type daemon struct{}

func (daemon) Log(level kit.Level, message string) {
	evidenced_check_log.Write(evidenced_check_log.Level(level), valid(message))
}

func (daemon) SendAll(calls []kit.Call) []*kit.Response {
	requests := make([]evidenced_check_http.Request, len(calls))
	for at, call := range calls {
		requests[at] = callOut(call)
	}
	responses := make([]*kit.Response, len(calls))
	for at, answer := range evidenced_check_http.SendAll(requests) {
		if answer.IsOk() {
			responses[at] = responseIn(calls[at], answer.Ok())
		} else {
			responses[at] = kit.Failed(callErrorIn(calls[at], answer.Err()))
		}
	}
	return responses
}

func (daemon) Handshake(host string, port uint16) ([]kit.PeerSeen, error) {
	call := kit.Call{URL: fmt.Sprintf("https://%s:%d", host, port), Purpose: fmt.Sprintf("TLS handshake with %s:%d", host, port)}
	shaken := evidenced_check_tls.Handshake(host, port)
	if shaken.IsErr() {
		return nil, callErrorIn(call, shaken.Err())
	}
	seen := []kit.PeerSeen{}
	for _, peer := range shaken.Ok() {
		if peer.IsOk() {
			shown := peerIn(peer.Ok())
			seen = append(seen, kit.PeerSeen{Peer: &shown})
		} else {
			seen = append(seen, kit.PeerSeen{Err: callErrorIn(call, peer.Err())})
		}
	}
	return seen, nil
}

func (daemon) Read(name string) ([]byte, error) {
	read := evidenced_check_inputs.Read(name)
	if read.IsErr() {
		return nil, inputErrorIn(name, read.Err())
	}
	return read.Ok(), nil
}

func (daemon) Open(name string) (io.Reader, error) {
	opened := evidenced_check_inputs.Open(name)
	if opened.IsErr() {
		return nil, inputErrorIn(name, opened.Err())
	}
	return &pieces{name, opened.Ok()}, nil
}

type pieces struct {
	name   string
	reader *evidenced_check_inputs.Reader
}

func (pieces *pieces) Read(into []byte) (int, error) {
	if len(into) == 0 {
		return 0, nil
	}
	read := pieces.reader.Read(uint32(len(into)))
	if read.IsErr() {
		return 0, inputErrorIn(pieces.name, read.Err())
	}
	if len(read.Ok()) == 0 {
		return 0, io.EOF
	}
	return copy(into, read.Ok()), nil
}

func (daemon) StateGet(key string) ([]byte, bool) {
	value := evidenced_check_state.Get(key)
	return value.SomeOr(nil), value.IsSome()
}

func (daemon) StateSet(key string, value []byte) error {
	if set := evidenced_check_state.Set(key, value); set.IsErr() {
		return kit.Fail(kit.Internal, "the state of the control would be larger than %d bytes", set.Err().TooLarge())
	}
	return nil
}

func (daemon) StateRemove(key string) { evidenced_check_state.Remove(key) }

func (daemon) StateKeys() []string { return evidenced_check_state.Keys() }

func (daemon) Points(control, measurement string, during kit.Interval) ([]kit.Point, error) {
	answer := evidenced_check_history.Points(textOut(control), measurement, intervalOut(during))
	if answer.IsErr() {
		return nil, historyErrorIn(answer.Err())
	}
	points := []kit.Point{}
	for _, point := range answer.Ok() {
		points = append(points, kit.Point{Slot: instantIn(point.Slot), Subject: point.Subject, Status: kit.Status(point.Status), Value: point.Value})
	}
	return points, nil
}

func (daemon) SlotsIn(control string, during kit.Interval) (kit.Slots, error) {
	answer := evidenced_check_history.SlotsIn(textOut(control), intervalOut(during))
	if answer.IsErr() {
		return kit.Slots{}, historyErrorIn(answer.Err())
	}
	slots := answer.Ok()
	return kit.Slots{
		Due: slots.Due, Run: slots.Run, Late: slots.Late, Pass: slots.Pass, Fail: slots.Fail, Error: slots.Error,
		NotApplicable: slots.NotApplicable, Missed: slots.Missed,
	}, nil
}

func inputErrorIn(name string, refused evidenced_check_inputs.Error) error {
	if refused.Tag() == evidenced_check_inputs.ErrorUnknown {
		return kit.Fail(kit.Unsupported, "the control has no input `%s`", name).From(name)
	}
	return kit.Fail(kit.BadInput, "an input cannot be read: %s", refused.Unreadable()).From(name)
}

func historyErrorIn(refused evidenced_check_history.Error) error {
	if refused.Tag() == evidenced_check_history.ErrorRefused {
		return kit.Fail(kit.Unsupported, "the history is refused: %s", refused.Refused())
	}
	return kit.Fail(kit.Unsupported, "too many points: %d", refused.TooMany())
}

func factsIn(request wit.Request) kit.Facts {
	facts := kit.Facts{
		Control: request.Control, Definition: request.Definition, Slot: instantIn(request.Slot), Now: instantIn(request.Now),
		Seed: slices.Clone(request.Seed), Extensions: map[string]json.RawMessage{},
		Limits: kit.Limits{
			WallMs: request.Limits.WallMs, MemoryBytes: request.Limits.MemoryBytes, ReportBytes: request.Limits.ReportBytes,
			Requests: request.Limits.Requests, ResponseBytes: request.Limits.ResponseBytes,
		},
	}
	if request.Interval.IsSome() {
		interval := request.Interval.Some()
		facts.Interval = &kit.Interval{From: instantIn(interval.From), Until: instantIn(interval.Until)}
	}
	for _, given := range request.Inputs {
		input := kit.Input{
			Name: given.Name, Source: given.Source, Query: given.Query, MediaType: given.MediaType, Observed: instantIn(given.Observed),
			Bytes: int64(given.Bytes), Rows: numberIn(given.Rows), SourceTotal: numberIn(given.SourceTotal), Digest: given.Digest,
		}
		if given.Http.IsSome() {
			exchange := exchangeIn(given.Http.Some())
			input.HTTP = &exchange
		}
		facts.Inputs = append(facts.Inputs, input)
	}
	for _, extension := range request.Extensions {
		facts.Extensions[extension.F0] = json.RawMessage(extension.F1)
	}
	return facts
}

func exchangeIn(exchange wit.Exchange) kit.Exchange {
	seen := kit.Exchange{Status: int(exchange.Status), Timings: kit.Timings(exchange.Timings), Attempts: int(exchange.Attempts)}
	for _, header := range exchange.Headers {
		seen.Headers = append(seen.Headers, [2]string{header.F0, header.F1})
	}
	if exchange.Peer.IsSome() {
		peer := peerIn(exchange.Peer.Some())
		seen.Peer = &peer
	}
	return seen
}

func peerIn(peer wit.Peer) kit.Peer {
	seen := kit.Peer{Address: peer.Address, Protocol: peer.Protocol, Cipher: peer.Cipher}
	if peer.Untrusted.IsSome() {
		seen.Untrusted = peer.Untrusted.Some()
		if seen.Untrusted == "" {
			seen.Untrusted = "not said why"
		}
	}
	for _, shown := range peer.Chain {
		seen.Chain = append(seen.Chain, kit.Certificate{
			Subject: shown.Subject, Issuer: shown.Issuer, Serial: shown.Serial, Names: shown.Names,
			NotBefore: instantIn(shown.NotBefore), NotAfter: instantIn(shown.NotAfter), Key: shown.Key, Digest: shown.Digest,
		})
	}
	return seen
}

func callOut(call kit.Call) evidenced_check_http.Request {
	request := evidenced_check_http.Request{
		Method: valid(call.Method), Url: valid(call.URL), Headers: []witTypes.Tuple2[string, string]{}, Body: witTypes.None[[]uint8](),
		Auth: evidenced_check_http.MakeAuthGranted(), Accept: call.Accept, TimeoutMs: call.TimeoutMs,
	}
	if call.Method == "" {
		request.Method = "GET"
	}
	for _, header := range call.Headers {
		request.Headers = append(request.Headers, witTypes.Tuple2[string, string]{F0: valid(header[0]), F1: valid(header[1])})
	}
	if call.Body != nil {
		request.Body = witTypes.Some(call.Body)
	}
	switch call.Auth {
	case "":
	case kit.Anonymous:
		request.Auth = evidenced_check_http.MakeAuthAnonymous()
	default:
		request.Auth = evidenced_check_http.MakeAuthNamed(valid(call.Auth))
	}
	return request
}

func responseIn(call kit.Call, response evidenced_check_http.Response) *kit.Response {
	return kit.Answered(call, exchangeIn(response.Exchange), slices.Clone(response.Body))
}

func callErrorIn(call kit.Call, refused evidenced_check_http.Error) *kit.CallError {
	failed := &kit.CallError{Call: call, Reason: kit.CallReason(refused.Tag())}
	switch refused.Tag() {
	case evidenced_check_http.ErrorRefused:
		failed.Why = refused.Refused()
	case evidenced_check_http.ErrorUnreachable:
		failed.Why = refused.Unreachable()
	case evidenced_check_http.ErrorTls:
		failed.Why = refused.Tls()
	case evidenced_check_http.ErrorLimit:
		failed.Why = refused.Limit()
	case evidenced_check_http.ErrorStatus:
		failed.Response = responseIn(call, refused.Status())
	}
	return failed
}

func reportOut(report *kit.Report) wit.Report {
	out := wit.Report{
		Summary: valid(report.Summary), Population: report.Population, SourceTotal: numberOut(report.SourceTotal),
		PopulationQuery: valid(report.PopulationQuery), Listing: wit.ListingEverySubject, Incomplete: textOut(report.Incomplete),
		CoveredUntil: instantOut(report.CoveredUntil), Extensions: extensionsOut(report.Extensions),
	}
	if report.NotPassing {
		out.Listing = wit.ListingNotPassing
	}
	for _, finding := range report.Findings {
		out.Findings = append(out.Findings, findingOut(finding))
	}
	for _, part := range report.Attachments {
		out.Attachments = append(out.Attachments, wit.Attachment{Name: valid(part.Name), MediaType: valid(part.MediaType), Body: part.Body})
	}
	return out
}

func findingOut(finding *kit.Finding) wit.Finding {
	out := wit.Finding{
		Subject: valid(finding.Subject), Label: textOut(finding.Label), Status: wit.Status(finding.Status), Attention: finding.Attention,
		Message: valid(finding.Message), AsOf: instantOut(finding.AsOf), Event: textOut(finding.Event), Extensions: extensionsOut(finding.Extensions),
	}
	for _, measured := range finding.Measurements {
		limit := witTypes.None[float64]()
		if measured.Limit != nil {
			limit = witTypes.Some(*measured.Limit)
		}
		out.Measurements = append(out.Measurements, wit.Measurement{Name: valid(measured.Name), Value: measured.Value, Unit: valid(measured.Unit), Limit: limit})
	}
	return out
}

func extensionsOut(extensions map[string]any) []witTypes.Tuple2[string, string] {
	keys := []string{}
	for key := range extensions {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	out := []witTypes.Tuple2[string, string]{}
	for _, key := range keys {
		text, err := json.Marshal(extensions[key])
		if err != nil {
			panic(fmt.Sprintf("the extension `%s` cannot be written as JSON: %v", key, err))
		}
		out = append(out, witTypes.Tuple2[string, string]{F0: valid(key), F1: string(text)})
	}
	return out
}

// The host writes its own instants well.
func instantIn(text string) time.Time {
	moment, err := kit.Instant(text)
	if err != nil {
		panic(err)
	}
	return moment
}

func intervalOut(interval kit.Interval) wit.Interval {
	return wit.Interval{From: kit.InstantText(interval.From), Until: kit.InstantText(interval.Until)}
}

func instantOut(moment time.Time) witTypes.Option[string] {
	if moment.IsZero() {
		return witTypes.None[string]()
	}
	return witTypes.Some(kit.InstantText(moment))
}

// What is not UTF-8 would be a trap without words.
func valid(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

func textOut(text string) witTypes.Option[string] {
	if text == "" {
		return witTypes.None[string]()
	}
	return witTypes.Some(valid(text))
}

func numberIn(number witTypes.Option[uint32]) *uint32 {
	if number.IsNone() {
		return nil
	}
	value := number.Some()
	return &value
}

func numberOut(number *uint32) witTypes.Option[uint32] {
	if number == nil {
		return witTypes.None[uint32]()
	}
	return witTypes.Some(*number)
}
