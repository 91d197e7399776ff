package integration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// HostError means that a host could not be reached, or that its response was cut off.
type HostError struct {
	// Host is its name, with the port where it has one.
	Host string
	Err  error
}

func (e *HostError) Error() string { return e.Err.Error() }

// Unwrap returns the network error.
func (e *HostError) Unwrap() error { return e.Err }

// IsHostFailure reports whether the host caused an error: it could not be reached, fails, or asks to wait.
func IsHostFailure(err error) bool {
	if answered, is := errors.AsType[*ResponseError](err); is {
		return answered.Temporary()
	}
	_, is := errors.AsType[*HostError](err)
	return is
}

// hostTransport converts network errors of requests and responses into HostErrors, which distinguishes them
// from failures of other connections.
type hostTransport struct{ next http.RoundTripper }

// RoundTrip sends a request.
func (t hostTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.next.RoundTrip(request)
	if err != nil {
		return nil, hostError(request.URL.Host, err)
	}
	response.Body = &hostBody{response.Body, request.URL.Host}
	return response, nil
}

// hostError converts an error, unless the caller cancelled the request.
func hostError(host string, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return &HostError{host, err}
}

// hostBody is the body of a response.
type hostBody struct {
	io.ReadCloser
	host string
}

// Read reads the response. io.EOF is not converted.
func (b *hostBody) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	if err != nil && !errors.Is(err, io.EOF) {
		err = hostError(b.host, fmt.Errorf("%s broke off its answer: %w", b.host, err))
	}
	return n, err
}
