package http

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/plainjson"
	"github.com/portico-dev/portico/proxy"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

const (
	// maxAnswer bounds the body of an answer.
	maxAnswer = 10 << 20
	// maxRedirects is the client's of Backstage.
	maxRedirects = 20
	// maxLogged bounds what the log gets of an answer that is refused.
	maxLogged = 4 << 10
)

var (
	errTimeout   = errors.New("it took too long")
	errElsewhere = errors.New("it redirects to another server")
)

// answer is the answer to a request.
type answer struct {
	code int
	// lacks is a field that the request expects and the body does not have.
	lacks  string
	header http.Header
	// body is JSON.
	body json.RawMessage
}

// announce logs what is sent.
func (s *step) announce() {
	if s.LogRequestPath != nil && !*s.LogRequestPath {
		s.log.Info("Creating %s request with %s scaffolder action", s.method, actionID)
		return
	}
	s.log.Info("Creating %s request with %s scaffolder action against %s", s.method, actionID, s.Path)
}

// shown is the path with the query, for a log that may have it.
func (s *step) shown() string {
	if s.query == "" || s.LogRequestPath != nil && !*s.LogRequestPath {
		return s.place
	}
	return s.place + "?" + s.query
}

// ask sends the step's own request. An answer that is refused is an error, unless the step continues.
func (s *step) ask(ctx context.Context) (*answer, error) {
	got, err := s.send(ctx, s.prepared)
	if err != nil || !got.isRefusal() {
		return got, err
	}
	s.log.Error("There was an issue with your request. Status code: %d Response body: %s", got.code, got.excerpt())
	if s.ContinueOnBadResponse {
		got.header = http.Header{} // as in Backstage
		return got, nil
	}
	return nil, s.refused(got)
}

// isRefusal reports whether the server did not do what it was asked.
func (a *answer) isRefusal() bool { return a.code >= http.StatusBadRequest || a.lacks != "" }

// excerpt is the beginning of the body, for the log.
func (a *answer) excerpt() string {
	if len(a.body) <= maxLogged {
		return string(a.body)
	}
	return strings.ToValidUTF8(string(a.body[:maxLogged]), "") + " … (cut)"
}

// refused is the error for a status of 400 and higher. It is transient if the same request may be sent again.
func (s *step) refused(got *answer) error {
	err := failed(unable)
	if got.code < http.StatusBadRequest {
		return action.Advise(err, "The field %s of the answer is not what the step expects. The log of the step has the answer.", got.lacks)
	}
	wait, asked := integration.RetryAfter(got.header)
	again := asked || got.code == http.StatusTooManyRequests || got.code == http.StatusServiceUnavailable ||
		got.code >= http.StatusInternalServerError && s.mayRepeat()
	if again {
		err = action.Transient(errors.New(unable), wait) //nolint:staticcheck // The error of the real action, word for word: people search for it.
	}
	return action.Advise(err, "%s", s.adviceFor(got.code))
}

func (s *step) adviceFor(code int) string {
	where := fmt.Sprintf("%s answered %d to %s. ", s.place, code, s.method)
	switch code {
	case http.StatusUnauthorized, http.StatusForbidden:
		if s.plugin == proxyPlugin {
			return where + "The credentials of the proxy endpoint may not do this: look at its headers in the configuration, then retry."
		}
		return where + "The person who started the run may not do this."
	case http.StatusNotFound:
		return where + "Check the path, and that the plugin or the endpoint of the proxy exists."
	}
	return where + "The log of the step has the answer."
}

// mayRepeat reports whether the request can be sent again although it may have been carried out.
func (s *step) mayRepeat() bool {
	return mayRepeat(s.method) || s.header.Get(idempotencyHeader) != ""
}

// output is the step's output.
func (s *step) output(got *answer) (action.Output, error) {
	headers := map[string]any{}
	for name, values := range got.header {
		switch name {
		case "Date", "Connection", "Keep-Alive", "Transfer-Encoding":
			continue // differ in each attempt, or say nothing about the answer
		}
		headers[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	return action.Output{"code": got.code, "headers": headers, "body": got.body}, nil
}

// send sends a request, and reads the answer of whatever status.
func (c *caller) send(ctx context.Context, p prepared) (*answer, error) {
	bounded, cancel := context.WithTimeoutCause(ctx, c.timeout, errTimeout)
	defer cancel()
	response, err := c.reach(bounded, p)
	if err != nil {
		return nil, c.explain(ctx, bounded, p, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return nil, c.explain(ctx, bounded, p, err)
	}
	if len(body) > maxAnswer {
		return nil, &unreadable{action.Advise(failed("The answer of %s has more than %d MiB", p.place, maxAnswer>>20), "Ask for less of it.")}
	}
	got := &answer{code: response.StatusCode, header: response.Header}
	if got.body, err = decode(p.method, response, body); err != nil {
		return nil, err
	}
	got.lacks, err = p.expect.missing(got.body)
	return got, err
}

// unreadable is the error for an answer that cannot be used: the request was carried out.
type unreadable struct{ error }

// Unwrap gives the error itself to errors.Is and errors.As.
func (u *unreadable) Unwrap() error { return u.error }

// decode makes JSON of a body.
func decode(method string, response *http.Response, body []byte) (json.RawMessage, error) {
	isJSON := strings.Contains(response.Header.Get("Content-Type"), "application/json")
	hasNone := method == http.MethodHead || response.StatusCode == http.StatusNoContent
	if !isJSON || hasNone {
		return plainjson.Marshal(map[string]string{"message": strings.ToValidUTF8(string(bytes.TrimPrefix(body, []byte("\ufeff"))), "\ufffd")})
	}
	value, err := nunjucks.DecodeJSON(body)
	if err != nil {
		return nil, &unreadable{action.Advise(failed("Could not parse response body: it is not the JSON that its type says: %s", err),
			"Correct the server, or have it answer another type.")}
	}
	return nunjucks.EncodeJSON(value)
}

// reach sends a request through the proxy or to a plugin.
func (c *caller) reach(ctx context.Context, p prepared) (*http.Response, error) {
	if p.plugin == proxyPlugin {
		return c.reachServer(ctx, p)
	}
	at := c.Plugins[p.plugin]
	token, err := c.token(ctx, p)
	if err != nil {
		return nil, err
	}
	address, err := url.Parse(strings.TrimSuffix(at.Base.String(), "/") + "/" + p.rest)
	if err != nil {
		return nil, action.InputError("the path %s cannot be part of a URL", p.place)
	}
	address.RawQuery = p.query
	outgoing, err := http.NewRequestWithContext(ctx, p.method, address.String(), bodyOf(p))
	if err != nil {
		return nil, action.InputError("the request cannot be sent: %w", err)
	}
	outgoing.Header = p.header.Clone()
	if outgoing.Header.Get("Accept") == "" {
		outgoing.Header.Set("Accept", "*/*")
	}
	outgoing.Header.Set("User-Agent", "Portico")
	if token != "" {
		outgoing.Header.Set("Authorization", "Bearer "+token)
	}
	client := http.Client{Transport: c.Transport, CheckRedirect: func(next *http.Request, via []*http.Request) error {
		if next.URL.Scheme != at.Base.Scheme || next.URL.Host != at.Base.Host {
			return errElsewhere
		}
		if len(via) > maxRedirects {
			return fmt.Errorf("it redirects more than %d times", maxRedirects)
		}
		return keepMethod(next, via[len(via)-1])
	}}
	return client.Do(outgoing)
}

// keepMethod sends a request that is redirected by 301 or 302 as it was, unless it is a POST. So say the rules of
// fetch; package http makes a GET of every method.
func keepMethod(next, last *http.Request) (err error) {
	status := next.Response.StatusCode
	if status != http.StatusMovedPermanently && status != http.StatusFound || last.Method == http.MethodPost {
		return nil
	}
	next.Method = last.Method
	if last.GetBody != nil {
		next.GetBody, next.ContentLength = last.GetBody, last.ContentLength
		next.Body, err = last.GetBody()
	}
	return err
}

// bodyOf is nil for a request without a body.
func bodyOf(p prepared) io.Reader {
	if p.body == nil {
		return nil
	}
	return bytes.NewReader(p.body)
}

// token is a token for a plugin, "" when the request has credentials of its own.
func (c *caller) token(ctx context.Context, p prepared) (token string, err error) {
	if p.header.Get("Authorization") != "" {
		return "", nil
	}
	if c.Plugins[p.plugin].IsOurs {
		token, err = c.Tokens.IssueRun(ctx, c.run, c.starter, p.plugin)
	} else {
		token, err = c.Tokens.IssueShort(ctx, c.starter)
	}
	if token != "" {
		c.log.Info("Token is defined. Setting authorization header.")
	}
	return token, err
}

// reachServer sends a request through the proxy.
func (c *caller) reachServer(ctx context.Context, p prepared) (*http.Response, error) {
	request := proxy.Request{Method: p.method, Path: "/" + p.rest, Query: p.query, Header: p.header.Clone(), Length: int64(len(p.body))}
	if p.body != nil {
		request.Body = bytes.NewReader(p.body)
	}
	if request.Header.Get("Accept") == "" {
		request.Header.Set("Accept", "*/*")
	}
	if c.Proxy.Forwards(request.Path) && request.Header.Get("Authorization") == "" {
		token, err := c.Tokens.IssueShort(ctx, c.starter)
		if err != nil {
			return nil, err
		}
		if token != "" {
			c.log.Info("Token is defined. Setting authorization header.")
			request.Header.Set("Authorization", "Bearer "+token)
		}
	}
	response, err := c.Proxy.Send(ctx, c.starter, request)
	if fault.KindOf(err) == fault.NotFound {
		return &http.Response{StatusCode: http.StatusNotFound, Header: http.Header{}, Body: http.NoBody}, nil // as over HTTP
	}
	return response, err
}

// explain makes an error for people of one that left a request without an answer. Addresses may hold a secret, and
// are left out.
func (c *caller) explain(ctx, bounded context.Context, p prepared, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if _, classified := errors.AsType[*action.Error](err); classified {
		return err
	}
	if address, is := errors.AsType[*url.Error](err); is {
		err = address.Err
	}
	const issue = "There was an issue with the request: "
	kind := fault.KindOf(err)
	switch {
	case errors.Is(context.Cause(bounded), errTimeout):
		err = fmt.Errorf(issue+"%s did not answer within %s", p.place, c.timeout.Round(time.Millisecond)) //nolint:staticcheck // The error of the real action, word for word: people search for it.
	case errors.Is(err, errElsewhere), errors.Is(err, proxy.ErrElsewhere):
		return action.Advise(failed(issue+"%s: %s, which is not followed", p.place, errElsewhere), "Ask the other server: add an endpoint for it to proxy.endpoints.")
	case kind == fault.Authentication || kind == fault.Input || kind == fault.NotAllowed:
		return action.Final(err)
	case kind == fault.BadGateway:
		err = fmt.Errorf(issue+"%w", err) //nolint:staticcheck // The error of the real action, word for word: people search for it.
	default:
		err = fmt.Errorf(issue+"%s did not answer: %w", p.place, err) //nolint:staticcheck // The error of the real action, word for word: people search for it.
	}
	return unanswered(p, err)
}

// unanswered is the error for a request that got no answer. It may have been carried out, unless there was no
// connection.
func unanswered(p prepared, err error) error {
	dialling, is := errors.AsType[*net.OpError](err)
	if is && dialling.Op == "dial" || mayRepeat(p.method) || p.header.Get(idempotencyHeader) != "" {
		return action.Advise(action.Transient(err, 0), "Check that the server is well, then retry.")
	}
	return action.Advise(action.Final(err), "The server may have done it all the same. Look there first: a retry sends the request again.")
}
