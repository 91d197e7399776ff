package gitlab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/scaffolder/action"
)

// refusal is an error response of GitLab, with what it said in words.
type refusal struct {
	answer  *gitlab.ErrorResponse
	message string
}

func (r *refusal) Error() string { return r.message }

// Unwrap gives the response to errors.As.
func (r *refusal) Unwrap() error { return r.answer }

// explain classifies the error of a request. The message says what was being done and what GitLab answered;
// the advice says what to do next.
func (c *connection) explain(ctx context.Context, doing string, err error, body []byte) error {
	var answer *gitlab.ErrorResponse
	switch {
	case ctx.Err() != nil:
		return action.Advise(fmt.Errorf("%s: %s has not answered so far: %w", doing, c.host, ctx.Err()),
			"Check that %s is up and can be reached from the worker, then retry.", c.host)
	case errors.As(err, &answer):
		return c.explainAnswer(doing, &refusal{answer, messageOf(answer.StatusCode, body)})
	case fault.KindOf(err) == fault.NotAllowed:
		return action.Final(fmt.Errorf("%s: %w", doing, err))
	default:
		return action.Advise(action.Transient(fmt.Errorf("%s: %s could not be reached: %w", doing, c.host, err), 0),
			"Check that %s is up and can be reached from the worker, then retry.", c.host)
	}
}

func (c *connection) explainAnswer(doing string, refused *refusal) error {
	status, header := refused.answer.StatusCode, http.Header{}
	if refused.answer.Response != nil {
		header = refused.answer.Response.Header
	}
	text := fmt.Sprintf("%s: %s answered %d: %s", doing, c.host, status, refused.message)
	if wait, asked := integration.RetryAfter(header); asked || isTransientStatus(status) {
		return action.Advise(action.Transient(&worded{text, refused}, wait), "Retry when %s is well again.", c.host)
	}
	kinds := map[int]struct {
		kind fault.Kind
		next string
	}{
		http.StatusUnauthorized: {fault.Authentication, "Check that the token is there, has not expired and was not revoked, then retry."},
		http.StatusForbidden: {fault.NotAllowed, "Give the token the scope api, and its user the role that this needs, or configure another " +
			"token, then retry."},
		http.StatusNotFound: {fault.NotFound, "Check the name, and that the token may see it, then retry."},
		http.StatusConflict: {fault.Conflict, "Look at it on the host, then retry."},
	}
	known, ok := kinds[status]
	if !ok {
		known.kind, known.next = fault.Input, "Correct the value, or the step's input in the template, and start a new run."
	}
	return action.Advise(fault.Wrap(known.kind, refused, "%s", text), "%s", known.next)
}

// worded is an error with another text.
type worded struct {
	text string
	error
}

func (w *worded) Error() string { return w.text }

// Unwrap gives the cause to errors.As.
func (w *worded) Unwrap() error { return w.error }

func isTransientStatus(status int) bool {
	return status >= http.StatusInternalServerError || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout
}

// messageOf is what GitLab said: a text, or lists of texts by field.
func messageOf(status int, body []byte) string {
	var answer struct {
		Message any `json:"message"`
		Error   any `json:"error"`
		// Description is what OAuth adds, for instance the scopes that a token lacks.
		Description string `json:"error_description"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return http.StatusText(status)
	}
	var texts []string
	for _, part := range []any{answer.Message, answer.Error, answer.Description} {
		if text := inWords(part); text != "" {
			texts = append(texts, text)
		}
	}
	if len(texts) == 0 {
		return http.StatusText(status)
	}
	return strings.Join(texts, ": ")
}

func inWords(value any) string {
	switch value := value.(type) {
	case string:
		return strings.TrimSuffix(value, ".")
	case []any:
		var parts []string
		for _, item := range value {
			parts = append(parts, inWords(item))
		}
		return strings.Join(parts, ", ")
	case map[string]any:
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(value)) {
			text := inWords(value[name])
			if name != "base" { // it is about the whole
				text = name + " " + text
			}
			parts = append(parts, text)
		}
		return strings.Join(parts, "; ")
	default:
		return ""
	}
}
