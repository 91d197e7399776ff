package gitlab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/rest"
)

// queryDeadline bounds one query. GitLab ends it after half a minute itself.
const queryDeadline = time.Minute

// Reader reads the APIs of a host for a source, in the background: its requests leave a part of the rate limit to
// others. It is safe for concurrent use.
type Reader struct {
	api     *rest.Client
	graphQL string
}

// Reader creates a reader with the configured token.
func (h *Host) Reader() *Reader {
	root, is := strings.CutSuffix(h.config.APIBaseURL, "/api/v4")
	if !is {
		root = h.config.BaseURL
	}
	address := root + "/api/graphql"
	return &Reader{graphQL: address, api: rest.New(rest.Options{
		Name: h.Name(), Key: "integrations.gitlab", BaseURL: h.config.APIBaseURL, MoreURLs: []string{address},
		Transport: h.over(h.config.Token, true), Authenticate: rest.Bearer(h.config.Token),
	})}
}

// Page reads a page of a list of the REST API. It returns the query of the next page, nil after the last one.
func (r *Reader) Page(ctx context.Context, path string, query url.Values, into any) (next url.Values, err error) {
	header, err := r.api.JSON(ctx, path, query, into)
	if err != nil {
		return nil, err
	}
	next, _ = nextPage(header)
	return next, nil
}

// QueryError is an answer of the GraphQL API that has errors. Its data is never used, because it may be a part.
type QueryError struct {
	// TooLarge means that GitLab could not answer in time or within its bounds: a smaller page may succeed.
	TooLarge bool

	message string
}

func (e *QueryError) Error() string { return e.message }

// IsTooLarge reports whether a query may succeed with a smaller page.
func IsTooLarge(err error) bool {
	if failed, is := errors.AsType[*QueryError](err); is {
		return failed.TooLarge
	}
	if _, is := errors.AsType[*http.MaxBytesError](err); is {
		return true
	}
	answered, is := errors.AsType[*integration.ResponseError](err)
	return is && (answered.Status == http.StatusBadGateway || answered.Status == http.StatusGatewayTimeout)
}

// Query sends a query to the GraphQL API and decodes its data into a value. An answer with any error is an error, even
// if it has data. Errors are like those of Set.ReadURL, and one that wraps a *QueryError for errors of the query.
func (r *Reader) Query(ctx context.Context, query string, variables map[string]any, into any) error {
	ctx, cancel := context.WithTimeout(ctx, queryDeadline)
	defer cancel()
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		return fmt.Errorf("GraphQL query: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.graphQL, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("GraphQL query: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "portico")
	response, err := r.api.HTTP().Do(request)
	if err != nil {
		return integration.RequestError(r.graphQL, err)
	}
	defer response.Body.Close()
	return r.decode(response, into)
}

// queryAnswer is the body of an answer.
type queryAnswer struct {
	Data   json.RawMessage `json:"data"`
	Errors []struct {
		Message string `json:"message"`
	} `json:"errors"`
}

// reasons are the messages of the errors, each once.
func (a queryAnswer) reasons() string {
	var messages []string
	for _, one := range a.Errors {
		messages = append(messages, one.Message)
	}
	return strings.Join(slices.Compact(messages), "; ")
}

// timedOut is how GitLab begins to say that a query takes too long, with status 503.
const timedOut = "Request timed out"

func (r *Reader) decode(response *http.Response, into any) error {
	what := "Request failed for " + r.graphQL
	var answer queryAnswer
	failed := json.NewDecoder(response.Body).Decode(&answer)
	said := answer.reasons()
	switch {
	case response.StatusCode == http.StatusServiceUnavailable && strings.HasPrefix(said, timedOut):
		return &QueryError{TooLarge: true, message: what + ", " + said}
	case response.StatusCode != http.StatusOK:
		if said != "" {
			what += ", " + said
		}
		return r.api.Explain(integration.AnswerError(response, what))
	case failed == nil && len(answer.Errors) > 0:
		return queryFailure(what + ", " + said)
	case failed == nil && len(answer.Data) == 0:
		failed = errors.New("it has no data")
	case failed == nil:
		failed = json.Unmarshal(answer.Data, into)
	}
	if failed != nil {
		return fmt.Errorf("%s, the answer is not one of GitLab's GraphQL API: %w", what, failed)
	}
	return nil
}

// queryFailure is the error for an answer that is 200 and has errors. What GitLab bounds is the complexity of a query,
// which grows with its pages, and the time of each field.
func queryFailure(message string) error {
	failed := &QueryError{message: message, TooLarge: strings.Contains(message, "exceeds max complexity") || strings.Contains(message, "Timeout on ")}
	if failed.TooLarge {
		return failed // It may pass.
	}
	return fault.Wrap(fault.BadGateway, failed, "%s", failed)
}
