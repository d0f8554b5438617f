package kit

import (
	"time"
)

// Status is what a subject came to. Error, not looked at, is what it is until something else is said.
type Status uint8

// In the order of the contract.
const (
	StatusError Status = iota
	StatusFail
	StatusPass
	StatusNotApplicable
)

func (status Status) String() string {
	return [...]string{"error", "fail", "pass", "not-applicable"}[status]
}

// UCUM codes of the units that checks measure in.
const (
	Day         = "d"
	Second      = "s"
	Millisecond = "ms"
	Percent     = "%"
	One         = "1"
	Byte        = "By"
)

// Instant reads a moment of RFC 3339, which has a zone. It is in UTC, to the millisecond.
func Instant(text string) (time.Time, error) {
	moment, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, Fail(BadInput, "not a date and time with a zone: `%.64s`", text)
	}
	return moment.UTC().Truncate(time.Millisecond), nil
}

// InstantText is a moment as the contract writes it.
func InstantText(moment time.Time) string {
	return moment.UTC().Format("2006-01-02T15:04:05.000Z")
}

// Days are whole days from one moment to a later one, rounded down; negative when it is earlier.
func Days(from, to time.Time) int {
	const day = 24 * 60 * 60 * 1000
	milliseconds := to.UnixMilli() - from.UnixMilli()
	days := milliseconds / day
	if milliseconds%day < 0 {
		days--
	}
	return int(days)
}

// Interval has the events with From <= time < Until.
type Interval struct{ From, Until time.Time }

// Limits of a run.
type Limits struct{ WallMs, MemoryBytes, ReportBytes, Requests, ResponseBytes uint32 }

// Input is where the bytes of an input came from. Read them with [Run.Read].
type Input struct {
	Name, Source, Query, MediaType string
	Observed                       time.Time
	Bytes                          int64
	// Rows, SourceTotal: nil when not known. SourceTotal is what the source itself says that there is.
	Rows, SourceTotal *uint32
	Digest            string
	// HTTP is of inputs by http only, else nil.
	HTTP *Exchange
}

// Exchange is what happened on the way, the body apart.
type Exchange struct {
	Status   int
	Headers  [][2]string
	Timings  Timings
	Peer     *Peer
	Attempts int
}

// Timings are in milliseconds, measured by the host.
type Timings struct{ Resolve, Connect, Handshake, FirstByte, Total float64 }

// Peer is the other side of a TLS connection.
type Peer struct {
	Address, Protocol, Cipher string
	// Untrusted: empty when the chain leads to a trusted root and the name matches; else why not.
	Untrusted string
	Chain     []Certificate
}

// Certificate of a chain.
type Certificate struct {
	Subject, Issuer, Serial string
	Names                   []string
	NotBefore, NotAfter     time.Time
	Key, Digest             string
}

// Measurement is a value to chart.
type Measurement struct {
	Name  string
	Value float64
	Unit  string
	// Limit is nil when there is none.
	Limit *float64
}

// Attachment of a report.
type Attachment struct {
	Name, MediaType string
	Body            []byte
}

// Report is made by [Findings.Report].
type Report struct {
	Summary         string
	Population      uint32
	SourceTotal     *uint32
	PopulationQuery string
	// NotPassing: only those that do not pass are listed, so that one that is missing is not known to be gone.
	NotPassing   bool
	Findings     []*Finding
	Incomplete   string
	CoveredUntil time.Time
	Attachments  []Attachment
	// Extensions are room to grow: keys are vendor:name, values what encoding/json can write.
	Extensions map[string]any
}

// Point is an earlier measurement.
type Point struct {
	Slot    time.Time
	Subject string
	Status  Status
	Value   float64
}

// Slots tells how the slots of an interval ended; Late is part of Run.
type Slots struct{ Due, Run, Late, Pass, Fail, Error, NotApplicable, Missed uint32 }
