package codeflow

import (
	"errors"
	"io"
	"net/http"
)

// bounded limits the answers of a provider: libraries read them into memory as a whole.
type bounded struct{ next http.RoundTripper }

func (b bounded) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := b.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	response.Body = &boundedBody{ReadCloser: response.Body, left: maxResponse}
	return response, nil
}

type boundedBody struct {
	io.ReadCloser

	left int
}

var errTooLarge = errors.New("the answer is too large")

func (b *boundedBody) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	if b.left -= n; b.left < 0 {
		return n, errTooLarge
	}
	return n, err
}
