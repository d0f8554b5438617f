// Package web is net/http over the host, for libraries that want an *http.Client. A plugin of 5 MB has 12 with it.
package web

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"

	"evidenced/kit"
)

// Client asks through the run. A status outside of 200 to 299 is an error (a *kit.CallError inside of the *url.Error)
// unless it is in Transport.Accept. There are no redirects and no cookies.
func Client(run *kit.Run) *http.Client {
	return &http.Client{Transport: &Transport{Run: run}}
}

// Transport is an http.RoundTripper.
type Transport struct {
	Run *kit.Run
	// Accept are statuses besides 200 to 299 that answer the question.
	Accept []uint16
	// Auth is as in kit.Call.
	Auth string
	// Purpose is as in kit.Call.
	Purpose string
}

// RoundTrip sends one request.
func (transport *Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	call := kit.Call{
		Method: request.Method, URL: request.URL.String(), Auth: transport.Auth, Accept: transport.Accept, Purpose: transport.Purpose,
	}
	for _, name := range slices.Sorted(maps.Keys(request.Header)) {
		for _, value := range request.Header[name] {
			call.Headers = append(call.Headers, [2]string{name, value})
		}
	}
	if request.Body != nil {
		defer request.Body.Close()
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return nil, err
		}
		call.Body = body
	}
	answer := transport.Run.Send(call)
	body, err := answer.Body()
	if err != nil {
		return nil, err
	}
	response := &http.Response{
		Status:        fmt.Sprintf("%d %s", answer.Exchange.Status, http.StatusText(answer.Exchange.Status)),
		StatusCode:    answer.Exchange.Status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        http.Header{},
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)),
		Request:       request,
	}
	for _, header := range answer.Exchange.Headers {
		response.Header.Add(header[0], header[1])
	}
	return response, nil
}
