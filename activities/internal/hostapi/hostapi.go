// Package hostapi makes the requests of actions to the REST API of a host of source code or of another system, and says
// of a request that failed whether another attempt may help, and what to do. It knows no host.
package hostapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/rest"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// requestTimeout bounds one request.
const requestTimeout = time.Minute

// API is the API of one host, with credentials.
type API struct {
	// Name is the host in messages, and Section where its credentials are configured: "integrations.gitea".
	Name, Section string
	Client        *rest.Client
	// Rights is the advice for credentials that may not do something, "" for a general one.
	Rights string
	// Words is the message of a refusal where Backstage's action has a text of its own. Nil is what was done, the host,
	// and its answer.
	Words func(refusal *rest.RefusalError) string
	// HidesAddress says that the address is a secret, which no error has.
	HidesAddress bool
}

// New is the API of a host with these options; the advice is that of API.Rights.
func New(options rest.Options, rights string) API {
	return API{Name: options.Name, Section: options.Key, Client: rest.New(options), Rights: rights}
}

// In is the same API with other words.
func (a API) In(words func(refusal *rest.RefusalError) string) API {
	a.Words = words
	return a
}

// Send makes one request as rest.Client.Send does, under a deadline. The message of an error starts with doing.
// An error is transient where another attempt may help, and has advice.
func (a API) Send(ctx context.Context, doing, method, path string, body, into any) error {
	bounded, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	err := a.Client.Send(bounded, method, path, body, into)
	if err == nil {
		return nil
	}
	return a.explain(ctx, err, doing)
}

// Delete deletes the thing at a path. The error is resource.ErrNotExist when it is gone already.
func (a API) Delete(ctx context.Context, doing, path string) error {
	err := a.Send(ctx, doing, http.MethodDelete, path, nil, nil)
	if rest.IsStatus(err, http.StatusNotFound) {
		return resource.ErrNotExist
	}
	return err
}

// SendOnce is Send for a request that would do something a second time if it were sent again. When it may have been
// carried out although there was no good answer, the error is final: a person looks first.
func (a API) SendOnce(ctx context.Context, doing, method, path string, body, into any) error {
	err := a.Send(ctx, doing, method, path, body, into)
	if ctx.Err() != nil || !action.IsTransient(err) || !mayBeDone(err) {
		return err
	}
	return action.Advise(action.Final(err), "%s may have done it all the same. Look there first: a retry sends the request again.", a.Name)
}

// mayBeDone reports whether a request that failed may have been carried out: not without a connection, and not when the
// host asks to come back.
func mayBeDone(err error) bool {
	if refusal, is := errors.AsType[*rest.RefusalError](err); is {
		return refusal.Status != http.StatusTooManyRequests && refusal.Status != http.StatusServiceUnavailable
	}
	dialling, is := errors.AsType[*net.OpError](err)
	return !is || dialling.Op != "dial"
}

// explain classifies the error of a request.
func (a API) explain(ctx context.Context, err error, doing string) error {
	refusal, isAnswer := errors.AsType[*rest.RefusalError](err)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %s has not answered so far: %w", doing, a.Name, ctx.Err())
	case !isAnswer && fault.KindOf(err) != "":
		return action.Final(fmt.Errorf("%s: %w", doing, err))
	case !isAnswer:
		if cause := errors.Unwrap(err); a.HidesAddress && cause != nil {
			err = cause
		}
		return action.Advise(action.Transient(fmt.Errorf("%s: no usable answer from %s: %w", doing, a.Name, err), 0),
			"Check that %s is up and can be reached from the worker, then retry.", a.Name)
	}
	said := fmt.Sprintf("%s: %s answered %s", doing, a.Name, refusal)
	if a.Words != nil {
		said = a.Words(refusal)
	}
	if wait, asked := integration.RetryAfter(refusal.Header); asked || mayPass(refusal.Status) {
		return action.Advise(action.Transient(&failure{said, refusal}, wait), "Retry when %s is well again.", a.Name)
	}
	kind, next := a.meaning(refusal.Status)
	return action.Advise(fault.Wrap(kind, refusal, "%s", said), "%s", next)
}

// failure is a refusal with a message for people.
type failure struct {
	message string
	refusal *rest.RefusalError
}

func (f *failure) Error() string { return f.message }

// Unwrap gives the refusal to errors.As.
func (f *failure) Unwrap() error { return f.refusal }

func mayPass(status int) bool {
	return status >= http.StatusInternalServerError || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout
}

// meaning is the kind of a refusal, and what to do about it. Azure DevOps answers 203 with a page to sign in.
func (a API) meaning(status int) (kind fault.Kind, next string) {
	switch status {
	case http.StatusUnauthorized, http.StatusNonAuthoritativeInfo:
		return fault.Authentication, cmp.Or(a.Rights, "Check the credentials under "+a.Section+", then retry.")
	case http.StatusForbidden:
		return fault.NotAllowed, cmp.Or(a.Rights, "Give the account the right to do this, or configure another, then retry.")
	case http.StatusNotFound:
		return fault.NotFound, "Check the name, and that the account may see it, then retry."
	case http.StatusConflict:
		return fault.Conflict, "Look at it on the host, then retry."
	default:
		return fault.Input, "Correct the value, or the step's input in the template, and start a new run."
	}
}

// Absent turns "not found" into no error.
func Absent(err error) error {
	if rest.IsStatus(err, http.StatusNotFound) {
		return nil
	}
	return err
}

// InWords gives a final refusal the sentence that Backstage's action has for it, as in "Unable to create
// repository, 403 Forbidden, No". Other errors stay as they are.
func InWords(err error, sentence string) error {
	refusal, isAnswer := errors.AsType[*rest.RefusalError](err)
	if !isAnswer || action.IsTransient(err) {
		return err
	}
	text := fmt.Sprintf("%s, %d %s", sentence, refusal.Status, http.StatusText(refusal.Status))
	if refusal.Message != "" {
		text += ", " + refusal.Message
	}
	return action.Advise(fault.Wrap(fault.KindOf(err), err, "%s", text), "%s", action.Advice(err))
}
