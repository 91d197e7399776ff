package bucket

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"sync/atomic"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
)

const (
	// maxList bounds a list, and maxProblem what is read of an answer that is an error, in bytes.
	maxList    = 16 << 20
	maxProblem = 4 << 10
)

// guard is the transport of a bucket. It counts requests, makes the same errors of the answers of all services, and lets
// no answer pass that is not what was asked for: the clients take an empty answer, or a page of something else, for an
// empty list, and an empty list removes everything.
type guard struct {
	next     http.RoundTripper
	place    place
	requests atomic.Int64
}

// question is what a request is for.
type question struct {
	what   string
	isList bool
}

type questionKey struct{}

func asking(ctx context.Context, asked question) context.Context {
	return context.WithValue(ctx, questionKey{}, asked)
}

// RoundTrip implements http.RoundTripper.
func (g *guard) RoundTrip(request *http.Request) (*http.Response, error) {
	g.requests.Add(1)
	asked, is := request.Context().Value(questionKey{}).(question)
	if !is {
		return nil, fault.New(fault.NotAllowed, "%s is only listed and read", g.place.name)
	}
	response, err := g.next.RoundTrip(request)
	if err != nil {
		return nil, fmt.Errorf("could not %s: %w", asked.what, err)
	}
	switch {
	case response.StatusCode != http.StatusOK && response.StatusCode != http.StatusPartialContent:
		return nil, g.refused(response, asked)
	case asked.isList:
		return checkList(response, asked)
	case response.Header.Get("Last-Modified") == "" && response.Header.Get("X-Goog-Generation") == "":
		response.Body.Close()
		return nil, fmt.Errorf("could not %s: the answer is no object", asked.what)
	}
	return response, nil
}

// code matches the service's own name of an error.
var code = regexp.MustCompile(`<Code>([A-Za-z0-9]{1,60})</Code>|"reason": ?"([A-Za-z0-9]{1,60})"`)

// refused is the error of an answer.
func (g *guard) refused(response *http.Response, asked question) error {
	defer response.Body.Close()
	what := "could not " + asked.what
	if said, err := io.ReadAll(io.LimitReader(response.Body, maxProblem)); err == nil {
		if match := code.FindSubmatch(said); match != nil {
			what += " (" + cmp.Or(string(match[1]), string(match[2])) + ")"
		}
	}
	err := integration.AnswerError(response, what)
	if answered, is := errors.AsType[*integration.ResponseError](err); is && (answered.Status == http.StatusUnauthorized || answered.Status == http.StatusForbidden) {
		answered.Next = "The credentials need " + g.place.rights
	}
	return err
}

// checkList reads a list, and checks that it is one, and whole.
func checkList(response *http.Response, asked question) (*http.Response, error) {
	content, err := io.ReadAll(http.MaxBytesReader(nil, response.Body, maxList))
	response.Body.Close()
	if err != nil {
		return nil, fmt.Errorf("could not %s: %w", asked.what, err)
	}
	if !isList(bytes.TrimSpace(content)) {
		return nil, fmt.Errorf("could not %s: the answer is no list", asked.what)
	}
	response.Body = io.NopCloser(bytes.NewReader(content))
	return response, nil
}

// isList recognizes the lists of S3 and Azure by their ends, and Google's by its kind.
func isList(content []byte) bool {
	if bytes.HasSuffix(content, []byte("</ListBucketResult>")) || bytes.HasSuffix(content, []byte("</EnumerationResults>")) {
		return true
	}
	var list struct {
		Kind string `json:"kind"`
	}
	return json.Unmarshal(content, &list) == nil && list.Kind == "storage#objects"
}
