package http

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

const (
	defaultTimeout = time.Minute
	maxTimeout     = 10 * time.Minute
)

// ordered is an object whose keys keep their order; nil for none.
type ordered struct{ *nunjucks.Object }

// UnmarshalJSON implements json.Unmarshaler.
func (o *ordered) UnmarshalJSON(data []byte) error {
	value, err := nunjucks.DecodeJSON(data)
	if err != nil {
		return err
	}
	o.Object, _ = value.(*nunjucks.Object)
	return nil
}

// MarshalJSON implements json.Marshaler.
func (o ordered) MarshalJSON() ([]byte, error) {
	if o.Object == nil {
		return []byte("null"), nil
	}
	return nunjucks.EncodeJSON(o.Object)
}

// all yields the members.
func (o ordered) all(yield func(string, nunjucks.Value) bool) {
	if o.Object != nil {
		o.All()(yield)
	}
}

// requestInput is a request as a template writes it.
type requestInput struct {
	Path    string          `json:"path"`
	Method  string          `json:"method,omitempty"`
	Headers ordered         `json:"headers,omitzero"`
	Params  ordered         `json:"params,omitzero"`
	Body    json.RawMessage `json:"body,omitempty"`
	// Expect are the fields that the answer must have.
	Expect fields `json:"expect,omitempty"`
}

// fields are values by keys with dots between them.
type fields map[string]json.RawMessage

// findInput says how a thing is found.
type findInput struct {
	requestInput

	List  string `json:"list,omitempty"`
	Match fields `json:"match,omitempty"`
	Wrap  string `json:"wrap,omitempty"`
}

// input is the input of a step.
type input struct {
	requestInput

	LogRequestPath        *bool         `json:"logRequestPath"`
	ContinueOnBadResponse bool          `json:"continueOnBadResponse"`
	Timeout               float64       `json:"timeout"`
	IdempotencyKey        string        `json:"idempotencyKey"`
	Undo                  *requestInput `json:"undo"`
	Find                  *findInput    `json:"find"`
}

// caller is for whom requests are sent.
type caller struct {
	*Options

	run     string
	starter identity.Principal
	log     action.Log
	timeout time.Duration
}

// prepared is a request that was read and checked.
type prepared struct {
	method string
	// place is the path without a query, for people.
	place string
	// plugin is the id of the plugin, and rest the path below it, escaped. query is escaped, too.
	plugin, rest, query string
	header              http.Header
	// body is nil for a request without one.
	body []byte
	// expect are the fields that the answer must have.
	expect fields
}

// step is a step whose input was read.
type step struct {
	input
	caller
	prepared

	runID, stepID, iteration string
}

func (a *request) read(call *action.Call) (*step, error) {
	s := &step{caller: caller{Options: &a.Options, run: call.RunID, starter: call.Starter, log: call.Log, timeout: defaultTimeout},
		runID: call.RunID, stepID: call.StepID, iteration: call.Iteration}
	if err := call.Decode(&s.input); err != nil {
		return nil, err
	}
	if s.Timeout > 0 {
		s.timeout = min(time.Duration(s.Timeout*float64(time.Millisecond)), maxTimeout)
	}
	var err error
	if s.prepared, err = s.prepare(s.requestInput, http.MethodGet); err != nil {
		return nil, err
	}
	if s.IdempotencyKey != "" {
		s.header.Set(idempotencyHeader, digest(s.runID, s.IdempotencyKey))
	}
	if s.Undo == nil {
		return s, nil
	}
	return s, s.checkUndo(call.Secrets)
}

// checkUndo checks the requests that are kept in the ledger: they can be sent, and hold no secret.
func (s *step) checkUndo(secrets map[string]string) error {
	kept, err := json.Marshal(record{Undo: *s.Undo, Find: s.Find})
	if err != nil {
		return fmt.Errorf("encode the undo of step %s: %w", s.stepID, err)
	}
	for name, secret := range secrets {
		if secret != "" && bytes.Contains(kept, []byte(secret)) {
			return action.Advise(action.InputError("The inputs undo and find are kept until the rollback, and contain the secret '%s'", name),
				"Let the endpoint of the proxy send it: add it to the headers of the endpoint, and leave it out here.")
		}
	}
	if _, err := s.prepare(*s.Undo, http.MethodDelete); err != nil {
		return err
	}
	if s.Find != nil {
		_, err = s.prepare(s.Find.requestInput, http.MethodGet)
	}
	return err
}

// prepare reads a request, whose method may be left out.
func (c *caller) prepare(in requestInput, otherwise string) (prepared, error) {
	p := prepared{method: in.Method, header: http.Header{}, expect: in.Expect}
	if p.method == "" {
		p.method = otherwise
	}
	if len(c.AllowedMethods) > 0 && !slices.Contains(c.AllowedMethods, p.method) {
		return p, failed("SSRF Blocked: HTTP method '%s' is not permitted by 'scaffolder.http.allowedMethods'.", p.method)
	}
	if err := c.locate(&p, in.Path); err != nil {
		return p, err
	}
	for name, value := range in.Params.all {
		if p.query != "" {
			p.query += "&"
		}
		p.query += formEscape(name) + "=" + formEscape(textOf(value))
	}
	for name, value := range in.Headers.all {
		if !slices.Contains(ownHeaders, http.CanonicalHeaderKey(name)) {
			p.header.Set(name, textOf(value))
		}
	}
	return p, p.setBody(in.Body)
}

// ownHeaders are set by the client itself. A template must not say where a request comes from.
var ownHeaders = []string{"Host", "Connection", "Content-Length", "Transfer-Encoding", "Keep-Alive", "Te", "Trailer", "Upgrade", "Proxy-Authorization",
	"Proxy-Connection", "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Cookie"}

// textOf is a value as JavaScript writes it into a text, and an object as JSON.
func textOf(value nunjucks.Value) string {
	switch value := value.(type) {
	case string:
		return value
	case *nunjucks.Array:
		texts := make([]string, len(value.Items))
		for n, item := range value.Items {
			if item != nil {
				texts[n] = textOf(item)
			}
		}
		return strings.Join(texts, ",")
	}
	encoded, err := nunjucks.EncodeJSON(value)
	if err != nil {
		return ""
	}
	return string(encoded)
}

// formEscape escapes a text as forms do, which differs from package url in two characters.
func formEscape(text string) string {
	return strings.NewReplacer("%2A", "*", "~", "%7E").Replace(url.QueryEscape(text))
}

// setBody reads the body.
func (p *prepared) setBody(raw json.RawMessage) error {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	if p.method == http.MethodGet || p.method == http.MethodHead {
		return failed("There was an issue with the request: TypeError: Request with GET/HEAD method cannot have body")
	}
	value, err := nunjucks.DecodeJSON(raw)
	if err != nil {
		return action.InputError("the body cannot be read: %w", err)
	}
	kind := strings.ToLower(p.header.Get("Content-Type"))
	if text, isText := value.(string); isText {
		p.body = []byte(text)
		if kind == "" {
			p.header.Set("Content-Type", "text/plain;charset=UTF-8")
		}
		return nil
	}
	if object, isObject := value.(*nunjucks.Object); isObject && strings.HasPrefix(kind, "application/x-www-form-urlencoded") {
		p.body = []byte(form(object))
		return nil
	}
	if kind == "" {
		p.header.Set("Content-Type", "application/json")
	}
	p.body, err = nunjucks.EncodeJSON(value)
	return err
}

func form(object *nunjucks.Object) string {
	var fields []string
	for name, value := range object.All() {
		fields = append(fields, formEscape(name)+"="+formEscape(textOf(value)))
	}
	return strings.Join(fields, "&")
}
