package kit

import (
	"bufio"
	"encoding/json"
	"io"
	"time"
)

// Facts are what a run is told, the configuration apart.
type Facts struct {
	Control, Definition string
	// Slot is the scheduled time; a late run has Now well after it.
	Slot time.Time
	// Now is the only clock; time.Now says the same. It stands still during the run.
	Now time.Time
	// Interval has the events to judge; nil unless the description says Interval.
	Interval *Interval
	Inputs   []Input
	// Seed has 32 bytes; math/rand and crypto/rand come from them.
	Seed       []byte
	Limits     Limits
	Extensions map[string]json.RawMessage
}

// Run is one run of a check: what it is told, and the only way to ask the outside world.
type Run struct {
	Facts
	host       Host
	incomplete string
}

// Level of a line in the log.
type Level uint8

// In the order of the contract.
const (
	Debug Level = iota
	Info
	Warn
	Error
)

// Host is the seam to the outside world: inside of a component the daemon, in a native test a kittest.Host. Checks use
// it through Run. Errors are *Failure.
type Host interface {
	Log(level Level, message string)
	// SendAll answers in the order of the calls; a Response carries its own error.
	SendAll(calls []Call) []*Response
	Handshake(host string, port uint16) ([]PeerSeen, error)
	Read(name string) ([]byte, error)
	Open(name string) (io.Reader, error)
	StateGet(key string) (value []byte, ok bool)
	StateSet(key string, value []byte) error
	StateRemove(key string)
	StateKeys() []string
	// Points and SlotsIn: an empty control is this one.
	Points(control, measurement string, during Interval) ([]Point, error)
	SlotsIn(control string, during Interval) (Slots, error)
}

// PeerSeen is one address of a handshake: the peer, or why there is none.
type PeerSeen struct {
	Peer *Peer
	Err  error
}

// Input is where an input came from; nil when the control has none of this name.
func (run *Run) Input(name string) *Input {
	for at := range run.Inputs {
		if run.Inputs[at].Name == name {
			return &run.Inputs[at]
		}
	}
	return nil
}

// Read gives an input whole, for what fits into memory.
func (run *Run) Read(name string) ([]byte, error) { return run.host.Read(name) }

// ReadJSON reads an input into a value, as [Response.JSON] does.
func (run *Run) ReadJSON(name string, to any) error {
	bytes, err := run.host.Read(name)
	if err != nil {
		return err
	}
	if err := decode(bytes, to); err != nil {
		return Fail(BadInput, "the input `%s` is not the JSON that was expected: %v", name, err).From(name)
	}
	return nil
}

// Open gives an input in pieces, for what does not fit into memory: for bufio.Scanner, encoding/csv, json.Decoder.
func (run *Run) Open(name string) (*bufio.Reader, error) {
	reader, err := run.host.Open(name)
	if err != nil {
		return nil, err
	}
	return bufio.NewReaderSize(reader, 64*1024), nil
}

// Send sends one call and waits for its answer: run.Send(call).JSON(&value).
func (run *Run) Send(call Call) *Response { return run.host.SendAll([]Call{call})[0] }

// SendAll sends calls side by side; answers come in their order.
func (run *Run) SendAll(calls []Call) []*Response { return run.host.SendAll(calls) }

// Handshake is TLS and no more, with every address of a name. An untrusted chain is an answer, not an error.
func (run *Run) Handshake(host string, port uint16) ([]PeerSeen, error) {
	return run.host.Handshake(host, port)
}

// State gives a value of the small map that a control keeps between its runs.
func (run *Run) State(key string) (value []byte, ok bool) { return run.host.StateGet(key) }

// SetState takes effect only if the run returns a report.
func (run *Run) SetState(key string, value []byte) error { return run.host.StateSet(key, value) }

// RemoveState forgets a value.
func (run *Run) RemoveState(key string) { run.host.StateRemove(key) }

// StateKeys are those of the map.
func (run *Run) StateKeys() []string { return run.host.StateKeys() }

// Points are earlier measurements of a control, oldest first; an empty control is this one.
func (run *Run) Points(control, measurement string, during Interval) ([]Point, error) {
	return run.host.Points(control, measurement, during)
}

// SlotsIn tells how the slots of a control ended; an empty control is this one.
func (run *Run) SlotsIn(control string, during Interval) (Slots, error) {
	return run.host.SlotsIn(control, during)
}

// Log writes a line to the daemon's log, never evidence. So do log.Print and what is printed.
func (run *Run) Log(level Level, message string) { run.host.Log(level, message) }

// NoteIncomplete says that not everything in scope was looked at. The first reason stays, and reaches the report by
// itself.
func (run *Run) NoteIncomplete(why string) {
	if run.incomplete == "" {
		run.incomplete = why
	}
}
