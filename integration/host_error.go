package integration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// HostError says that a host could not be reached, or broke off its answer: the network failed, or the host.
type HostError struct {
	// Host is its name, with the port where it has one.
	Host string
	Err  error
}

func (e *HostError) Error() string { return e.Err.Error() }

// Unwrap gives the error of the network.
func (e *HostError) Unwrap() error { return e.Err }

// IsHostFailure says whether an error is a host's doing, and neither that of who asked nor Portico's own: it
// could not be reached, is ill, or asks to wait.
func IsHostFailure(err error) bool {
	if answered, is := errors.AsType[*ResponseError](err); is {
		return answered.Temporary()
	}
	_, is := errors.AsType[*HostError](err)
	return is
}

// hostTransport makes a HostError of whatever the network does to a request or its answer, so that nobody
// takes it for the failure of another connection.
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

// hostError leaves alone what was the caller's own wish.
func hostError(host string, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return &HostError{host, err}
}

// hostBody is the body of an answer.
type hostBody struct {
	io.ReadCloser
	host string
}

// Read reads the answer. Its end is no error.
func (b *hostBody) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	if err != nil && !errors.Is(err, io.EOF) {
		err = hostError(b.host, fmt.Errorf("%s broke off its answer: %w", b.host, err))
	}
	return n, err
}
