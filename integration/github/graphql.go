package github

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
)

const (
	// queryDeadline bounds one query. GitHub ends it after ten seconds itself.
	queryDeadline = time.Minute
	// maxQueryBytes bounds an answer. A larger one is asked for in parts.
	maxQueryBytes = 16 << 20
	// secondaryWait is the wait that GitHub's documentation demands after a secondary limit whose answer names none.
	secondaryWait = time.Minute
)

// QueryError is an answer of the GraphQL API that has errors. Its data is never used, because it may be a part.
type QueryError struct {
	// Kinds are GitHub's names of the errors: NOT_FOUND, FORBIDDEN, RESOURCE_LIMITS_EXCEEDED. An error without a name
	// has none.
	Kinds []string
	// TooLarge means that GitHub could not answer in time or within its bounds: a smaller page may succeed.
	TooLarge bool

	message string
}

func (e *QueryError) Error() string { return e.message }

// Has reports whether one of the errors has a name.
func (e *QueryError) Has(kind string) bool { return slices.Contains(e.Kinds, kind) }

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
// if it has data. Errors are like those of Set.ReadURL: a *ResponseError for a rate limit, whatever GitHub says
// it with, and one that wraps a *QueryError for errors of the query.
func (c *Client) Query(ctx context.Context, query string, variables map[string]any, into any) error {
	ctx, cancel := context.WithTimeout(ctx, queryDeadline)
	defer cancel()
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		return fmt.Errorf("GraphQL query: %w", err)
	}
	address := graphQLAddress(c.BaseURL.String())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("GraphQL query: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", c.UserAgent)
	response, err := c.Client.Client().Do(request)
	if err != nil {
		return integration.RequestError(address, err)
	}
	defer response.Body.Close()
	return decodeAnswer(response, "Request failed for "+address, into)
}

// graphQLAddress is where the GraphQL API is beside a REST API: https://api.github.com/graphql, and
// https://ghe.example.com/api/graphql beside /api/v3.
func graphQLAddress(rest string) string {
	base := strings.TrimRight(rest, "/")
	if enterprise, is := strings.CutSuffix(base, "/api/v3"); is {
		return enterprise + "/api/graphql"
	}
	return base + "/graphql"
}

// queryAnswer is the body of an answer.
type queryAnswer struct {
	Data   json.RawMessage `json:"data"`
	Errors []struct {
		Kind    string `json:"type"`
		Message string `json:"message"`
	} `json:"errors"`
	// Message is GitHub's reason in an answer that is not 200.
	Message string `json:"message"`
	// DocumentationURL tells a secondary limit from other refusals.
	DocumentationURL string `json:"documentation_url"`
}

func decodeAnswer(response *http.Response, what string, into any) error {
	var answer queryAnswer
	failed := json.NewDecoder(http.MaxBytesReader(nil, response.Body, maxQueryBytes)).Decode(&answer)
	if response.StatusCode != http.StatusOK {
		return refusal(response, answer, what)
	}
	if failed == nil && len(answer.Errors) > 0 {
		return queryFailure(response, answer, what)
	}
	if failed == nil && len(answer.Data) == 0 {
		failed = errors.New("it has no data")
	}
	if failed == nil {
		failed = json.Unmarshal(answer.Data, into)
	}
	if failed != nil {
		return fmt.Errorf("%s, the answer is not one of GitHub's GraphQL API: %w", what, failed)
	}
	return nil
}

// refusal is the error for an answer that is not 200.
func refusal(response *http.Response, answer queryAnswer, what string) error {
	err := integration.AnswerError(response, what)
	answered, is := errors.AsType[*integration.ResponseError](err)
	if !is {
		return err
	}
	isSecondary := strings.Contains(answer.DocumentationURL, "secondary-rate-limits") || strings.Contains(answer.Message, "secondary rate limit")
	if isSecondary && !answered.RateLimited {
		answered.RateLimited = true
		answered.Problem += " (rate limit exceeded)"
	} else if answer.Message != "" && !answered.RateLimited {
		answered.Problem += ", " + answer.Message
	}
	if answered.RateLimited && answered.RetryAfter == 0 {
		answered.RetryAfter = secondaryWait
	}
	return answered
}

// queryFailure is the error for an answer that is 200 and has errors.
func queryFailure(response *http.Response, answer queryAnswer, what string) error {
	failed := &QueryError{}
	var messages []string
	for _, one := range answer.Errors {
		messages = append(messages, one.Message)
		if one.Kind != "" {
			failed.Kinds = append(failed.Kinds, one.Kind)
		}
		// GitHub says so of a query that took too long.
		if one.Kind == "RESOURCE_LIMITS_EXCEEDED" || strings.HasPrefix(one.Message, "Something went wrong while executing your query") {
			failed.TooLarge = true
		}
	}
	failed.message = what + ", " + strings.Join(slices.Compact(messages), "; ")
	switch {
	case failed.Has("RATE_LIMITED") || failed.Has("RATE_LIMIT"):
		// The same answer as REST's 403, with its headers.
		limited := &http.Response{StatusCode: http.StatusForbidden, Header: response.Header.Clone()}
		limited.Header.Set("X-Ratelimit-Remaining", "0")
		return refusal(limited, queryAnswer{}, what)
	case failed.TooLarge:
		return failed // It may pass.
	case failed.Has("NOT_FOUND"):
		return fault.Wrap(fault.NotFound, failed, "%s", failed)
	case failed.Has("FORBIDDEN") || failed.Has("INSUFFICIENT_SCOPES"):
		return fault.Wrap(fault.NotAllowed, failed, "%s", failed)
	default:
		return fault.Wrap(fault.BadGateway, failed, "%s", failed)
	}
}
