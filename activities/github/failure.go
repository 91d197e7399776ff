package github

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	githubhost "github.com/portico-dev/portico/integration/github"
	"github.com/portico-dev/portico/scaffolder/action"
)

// secondaryWait is how long GitHub asks to wait after its secondary limit when it does not say.
const secondaryWait = time.Minute

// explain classifies the error of a request. The message says what was being done and what GitHub answered;
// the advice says what to do next.
func (c *connection) explain(ctx context.Context, err error, doing string) error {
	var limit *github.RateLimitError
	var abuse *github.AbuseRateLimitError
	var answer *github.ErrorResponse
	var refused *githubhost.QueryError
	var noToken *integration.ResponseError
	switch {
	case ctx.Err() != nil:
		return action.Advise(fmt.Errorf("%s: %s has not answered so far: %w", doing, c.target.Host, ctx.Err()),
			"Check that %s is up and can be reached from the worker, then retry.", c.target.Host)
	case errors.As(err, &limit):
		return action.Transient(fmt.Errorf("%s: the token's requests to %s are used up until %s",
			doing, c.target.Host, limit.Rate.Reset.Format(time.RFC3339)), max(integration.BoundWait(time.Until(limit.Rate.Reset.Time)), time.Second))
	case errors.As(err, &abuse):
		wait := cmp.Or(githubhost.SecondaryWait(abuse), secondaryWait)
		return action.Transient(fmt.Errorf("%s: %s asks to slow down: %s", doing, c.target.Host, abuse.Message), wait)
	case errors.As(err, &answer):
		return c.explainAnswer(answer, doing)
	case errors.As(err, &refused) && !refused.TooLarge:
		return c.explainQuery(refused, doing)
	case errors.As(err, &noToken) && noToken.Temporary():
		return action.Transient(fmt.Errorf("%s: %s", doing, noToken.Problem), noToken.RetryAfter)
	case errors.As(err, &noToken):
		return action.Advise(fault.Wrap(fault.NotAllowed, noToken, "%s: %s.", doing, noToken.Problem), "%s, then retry.", noToken.Next)
	default:
		return action.Advise(action.Transient(fmt.Errorf("%s: %s could not be reached: %w", doing, c.target.Host, err), 0),
			"Check that %s is up and can be reached from the worker, then retry.", c.target.Host)
	}
}

func (c *connection) explainAnswer(answer *github.ErrorResponse, doing string) error {
	status := answer.Response.StatusCode
	said := fmt.Sprintf("%s: %s answered %d: %s", doing, c.target.Host, status, messageOf(answer))
	if wait, asked := integration.RetryAfter(answer.Response.Header); asked || isTransientStatus(status) {
		return action.Advise(action.Transient(errors.New(said), wait), "Retry when %s is well again.", c.target.Host)
	}
	kinds := map[int]struct {
		kind fault.Kind
		next string
	}{
		http.StatusUnauthorized: {fault.Authentication, "Check that the token is there, has not expired and was not revoked, then retry."},
		http.StatusForbidden:    {fault.NotAllowed, "Give the token's owner the right to do this, or configure another token, then retry."},
		http.StatusNotFound:     {fault.NotFound, "Check the name, and that the token may see it, then retry."},
		http.StatusConflict:     {fault.Conflict, "Look at it on the host, then retry."},
	}
	known, ok := kinds[status]
	if !ok {
		known.kind, known.next = fault.Input, "Correct the value, or the step's input in the template, and start a new run."
	}
	if who, rights := lackingRights(answer); rights != "" {
		said += fmt.Sprintf("; %s lacks %s", who, rights)
		known.next = fmt.Sprintf("Give %s the right %s, or configure another token, then retry.", who, rights)
		if who == theApp {
			known.next = fmt.Sprintf("Add the permission %s on the App's settings page, have an owner of %s accept it, then retry.", rights, c.target.Owner)
		}
	}
	return action.Advise(fault.Wrap(known.kind, answer, "%s", said), "%s", known.next)
}

// explainQuery explains errors of the GraphQL API, which all come with the status 200.
func (c *connection) explainQuery(refused *githubhost.QueryError, doing string) error {
	kind, next := fault.Input, "Correct the value, or the step's input in the template, and start a new run."
	switch {
	case refused.Has("FORBIDDEN") || refused.Has("INSUFFICIENT_SCOPES"):
		kind, next = fault.NotAllowed, "Give the token's owner the right to do this, or configure another token, then retry."
	case refused.Has("NOT_FOUND"):
		kind, next = fault.NotFound, "Check the name, and that the token may see it, then retry."
	}
	return action.Advise(fault.Wrap(kind, refused, "%s: %s", doing, refused), "%s", next)
}

// theApp and theToken are whom a refusal is about.
const (
	theApp   = "the App"
	theToken = "the token"
)

// lackingRights are the rights that a refused request needed, and who lacks them: "actions: write". It is ""
// where GitHub does not say. GitHub sends the permissions of fine-grained tokens and Apps with each answer, so
// they only explain a 403; it answers 404 as well for a scope that a classic token has not.
func lackingRights(answer *github.ErrorResponse) (who, rights string) {
	header, status := answer.Response.Header, answer.Response.StatusCode
	if status != http.StatusForbidden && status != http.StatusNotFound {
		return "", ""
	}
	if granted, isClassic := header["X-Oauth-Scopes"]; isClassic {
		return theToken, lackingScopes(granted, header["X-Accepted-Oauth-Scopes"])
	}
	accepted := header.Get("X-Accepted-Github-Permissions")
	if accepted == "" || status == http.StatusNotFound {
		return "", ""
	}
	who = theToken
	if strings.Contains(answer.Message, "by integration") {
		who = theApp
	}
	// "a=write,b=read; c=write" is a and b, or c.
	return who, strings.NewReplacer("=", ": ", "; ", " or ", ";", " or ", ", ", " and ", ",", " and ").Replace(accepted)
}

// lackingScopes are the scopes of which a classic token needed one, "" when it has one.
func lackingScopes(granted, accepted []string) string {
	list := func(values []string) []string {
		return strings.FieldsFunc(strings.Join(values, ","), func(r rune) bool { return r == ',' || r == ' ' })
	}
	needed := list(accepted)
	if slices.ContainsFunc(list(granted), func(scope string) bool { return slices.Contains(needed, scope) }) {
		return ""
	}
	if len(needed) == 0 {
		return ""
	}
	return "the scope " + strings.Join(needed, " or ")
}

func isTransientStatus(status int) bool {
	return status >= http.StatusInternalServerError || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout
}

// messageOf is what GitHub said, with the details that it puts into a list.
func messageOf(answer *github.ErrorResponse) string {
	said := []string{strings.TrimSuffix(answer.Message, ".")}
	for _, detail := range answer.Errors {
		switch {
		case detail.Message != "":
			said = append(said, strings.TrimSuffix(detail.Message, "."))
		case detail.Field != "":
			said = append(said, detail.Field+" "+strings.ReplaceAll(detail.Code, "_", " "))
		}
	}
	return strings.Join(said, "; ")
}

// isStatus says that GitHub answered with a status.
func isStatus(err error, status int) bool {
	var answer *github.ErrorResponse
	return errors.As(err, &answer) && answer.Response.StatusCode == status
}
