package kit

import (
	"encoding/json"
	"fmt"
	"iter"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Call is a request that has not been sent. The host adds the credential of the grant; every status outside of 200 to
// 299 is an error unless it is in Accept.
type Call struct {
	// Method: empty is GET.
	Method  string
	URL     string
	Headers [][2]string
	// Body: nil is none.
	Body []byte
	// Auth: empty is the credential of the grant, Anonymous is none, else the name of another one of the same host.
	Auth string
	// Accept are statuses besides 200 to 299 that answer the question.
	Accept []uint16
	// TimeoutMs: 0 is what is left of the run.
	TimeoutMs uint32
	// Purpose is what the call is for, in the words of errors and evidence: iam:ListUsers. Empty: method and URL.
	Purpose string
}

// Anonymous is for calls without a credential, though the grant has one.
const Anonymous = "anonymous"

func (call Call) method() string {
	if call.Method == "" {
		return "GET"
	}
	return call.Method
}

func (call Call) words() string {
	if call.Purpose == "" {
		return call.method() + " " + call.URL
	}
	return call.Purpose
}

// CallReason is why a call has no answer that counts.
type CallReason uint8

// In the order of the contract.
const (
	WasRefused CallReason = iota
	WasUnreachable
	WasTimeout
	WasTLS
	WasStatus
	WasLimit
)

// CallError is a call without an answer that counts. Returned by a check it is the failure that it means.
type CallError struct {
	Call   Call
	Reason CallReason
	Why    string
	// Response is the answer whose status does not count, else nil.
	Response *Response
}

func (err *CallError) Error() string { return err.Call.words() + ": " + err.Words() }

// Words say what went wrong, without what the call was for.
func (err *CallError) Words() string {
	switch err.Reason {
	case WasRefused:
		return "refused: " + err.Why
	case WasUnreachable:
		return "unreachable: " + err.Why
	case WasTimeout:
		return "timed out"
	case WasTLS:
		return "TLS: " + err.Why
	case WasLimit:
		return "over the limit " + err.Why
	}
	return fmt.Sprintf("status %d", err.Status())
}

// Status is the one that does not count; 0 when there was no answer.
func (err *CallError) Status() int {
	if err.Response == nil {
		return 0
	}
	return err.Response.Exchange.Status
}

// Kind is the failure that it means.
func (err *CallError) Kind() FailureKind {
	switch err.Reason {
	case WasRefused:
		return Unsupported
	case WasUnreachable, WasTLS:
		return Unreachable
	case WasTimeout:
		return Timeout
	case WasLimit:
		if err.Why == "wall" {
			return Timeout
		}
		return Unsupported
	}
	switch status := err.Status(); {
	case status == 401 || status == 403:
		return Denied
	case status == 408 || status == 504:
		return Timeout
	case status == 429:
		return Throttled
	case status >= 500 && status <= 599:
		return Unreachable
	}
	return BadInput
}

// wordsOf leaves out what net/http wraps around the errors of its transport: method and URL once more.
func (err *CallError) wordsOf(outer error) string {
	var wrapped *url.Error
	if as, ok := outer.(*url.Error); ok {
		wrapped = as
	}
	if wrapped != nil {
		return err.Error()
	}
	return outer.Error()
}

// Response is an answer, or why there is none: everything that is asked of one that failed returns its error.
type Response struct {
	Call     Call
	Exchange Exchange
	body     []byte
	err      error
}

// Answered makes a Response; for hosts.
func Answered(call Call, exchange Exchange, body []byte) *Response {
	return &Response{Call: call, Exchange: exchange, body: body}
}

// Failed makes a Response of a call without an answer that counts; for hosts.
func Failed(err *CallError) *Response {
	response := &Response{Call: err.Call, err: err}
	if err.Response != nil {
		response.Exchange = err.Response.Exchange
	}
	return response
}

// Err is a *CallError when there is no answer that counts.
func (response *Response) Err() error { return response.err }

// Body of an answer that counts.
func (response *Response) Body() ([]byte, error) { return response.body, response.err }

// Text is the body; what is not UTF-8 is a failure.
func (response *Response) Text() (string, error) {
	if response.err != nil {
		return "", response.err
	}
	if !utf8.Valid(response.body) {
		return "", response.NotAsExpected("the answer is not UTF-8")
	}
	return string(response.body), nil
}

// JSON reads the body into a value. A member that the type names and the body lacks is an error, unless it is a pointer or
// says omitempty.
func (response *Response) JSON(to any) error {
	if response.err != nil {
		return response.err
	}
	if err := decode(response.body, to); err != nil {
		return response.NotAsExpected("the answer is not the JSON that was expected: %v", err)
	}
	return nil
}

// Header is the first one of this name, in any case; empty when there is none.
func (response *Response) Header(name string) string {
	for _, header := range response.Exchange.Headers {
		if strings.EqualFold(header[0], name) {
			return header[1]
		}
	}
	return ""
}

// NotAsExpected is the failure of a check that cannot make sense of this answer.
func (response *Response) NotAsExpected(format string, values ...any) *Failure {
	return Fail(BadInput, "%s: %s", response.Call.words(), fmt.Sprintf(format, values...)).From(response.Call.URL)
}

// NextPage finds the URL of the page after this one; empty when this was the last. An answer that does not say is an
// error.
type NextPage func(page *Response) (url string, err error)

// Pages is a list that comes in pages, to its end. The last page may come with an error, which ends the list:
//
//	for page, err := range run.Pages(kit.Call{URL: url}, kit.ByLinkHeader) {
//		if err != nil {
//			return nil, err
//		}
//		…
//	}
//
// More than 10,000 pages make the report incomplete by themselves.
func (run *Run) Pages(first Call, next NextPage) iter.Seq2[*Response, error] {
	const pagesMax = 10_000
	return func(yield func(*Response, error) bool) {
		call := first
		for count := 0; ; count++ {
			if count == pagesMax {
				run.NoteIncomplete(fmt.Sprintf("%s: there are more than %d pages", call.words(), pagesMax))
				return
			}
			page := run.Send(call)
			if page.err != nil {
				yield(nil, page.err)
				return
			}
			following, err := next(page)
			if err == nil && following == call.URL {
				err = page.NotAsExpected("the next page is this page again")
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(page, nil) || following == "" {
				return
			}
			call.URL = following
		}
	}
}

// ByLinkHeader follows Link: <URL>; rel="next" (RFC 8288), as GitHub and GitLab have them. No such link: the last page.
func ByLinkHeader(page *Response) (string, error) {
	for _, header := range page.Exchange.Headers {
		if !strings.EqualFold(header[0], "link") {
			continue
		}
		for _, link := range strings.Split(header[1], "<")[1:] {
			target, parameters, _ := strings.Cut(link, ">")
			if !isNext(parameters) {
				continue
			}
			base, err := url.Parse(page.Call.URL)
			if err == nil {
				base, err = base.Parse(target)
			}
			if err != nil {
				return "", page.NotAsExpected("the link to the next page leads nowhere: %s", target)
			}
			return base.String(), nil
		}
	}
	return "", nil
}

func isNext(parameters string) bool {
	for _, parameter := range strings.FieldsFunc(parameters, func(r rune) bool { return r == ';' || r == ',' }) {
		name, value, _ := strings.Cut(parameter, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "rel") {
			continue
		}
		for _, rel := range strings.Fields(strings.Trim(strings.TrimSpace(value), `"`)) {
			if strings.EqualFold(rel, "next") {
				return true
			}
		}
	}
	return false
}

// ByToken follows a token in a JSON object (null, empty: the last page), sent back as a parameter of the query. An
// answer without the key does not say whether it is the last page, which is a failure.
func ByToken(key, parameter string) NextPage {
	return func(page *Response) (string, error) {
		var answer map[string]json.RawMessage
		if err := page.JSON(&answer); err != nil {
			return "", err
		}
		raw, ok := answer[key]
		if !ok {
			return "", page.NotAsExpected("the answer does not say whether it is the last page")
		}
		token := string(raw)
		if raw[0] == '"' {
			if err := json.Unmarshal(raw, &token); err != nil {
				return "", page.NotAsExpected("the token `%s` cannot be read", key)
			}
		}
		if token == "" || token == "null" {
			return "", nil
		}
		path, query, _ := strings.Cut(page.Call.URL, "?")
		kept := []string{}
		for _, part := range strings.Split(query, "&") {
			if name, _, _ := strings.Cut(part, "="); part != "" && name != parameter {
				kept = append(kept, part)
			}
		}
		return path + "?" + strings.Join(append(kept, parameter+"="+url.QueryEscape(token)), "&"), nil
	}
}
