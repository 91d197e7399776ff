package codeflow

import (
	"errors"
	"fmt"
	"net/http"
)

// StatusError is an answer whose status says that the request failed. The answer's text is not part of it:
// it may repeat secrets that were sent, and errors are logged.
type StatusError struct {
	// Status is the HTTP status.
	Status int
}

func (e *StatusError) Error() string { return fmt.Sprintf("the answer has status %d", e.Status) }

// StatusErrors is a client like this one, to which an answer with any status from 400 on is a *StatusError.
// It is for requests of libraries that put the text of such an answer into their errors.
func StatusErrors(client *http.Client) *http.Client {
	strict := *client
	strict.Transport = readable{next: client.Transport, failed: func(status int) bool { return status >= http.StatusBadRequest }}
	return &strict
}

// isOutage reports whether a provider with this status cannot answer now.
func isOutage(status int) bool {
	return status >= http.StatusInternalServerError || status == http.StatusTooManyRequests
}

// readable lets answers through unless their status has failed.
type readable struct {
	next   http.RoundTripper
	failed func(status int) bool
}

func (r readable) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := r.next.RoundTrip(request)
	if err != nil || !r.failed(response.StatusCode) {
		return response, err
	}
	_ = response.Body.Close()
	return nil, &StatusError{Status: response.StatusCode}
}

// IsRefusal reports whether a request failed because the provider does not accept the person's token (RFC 6750,
// section 3.1). Otherwise the provider did not answer, or not as it should.
func IsRefusal(err error) bool {
	answered, is := errors.AsType[*StatusError](err)
	return is && (answered.Status == http.StatusUnauthorized || answered.Status == http.StatusForbidden)
}
