package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/internal/terminal"
)

const (
	requestTimeout = 30 * time.Second
	// readyTimeout bounds the wait for a server that was just started.
	readyTimeout = time.Minute
	pollInterval = 100 * time.Millisecond
	// workerPatience is how long a run may wait for a worker before the client prints a remark.
	workerPatience = 10 * time.Second
	maxAnswer      = 64 << 20
	maxEventBytes  = 8 << 20
)

// apiClient calls a running Portico over its public API.
type apiClient struct {
	base  string
	token string
	// guest means that no token was given: the client signs in by itself, and again when its token has
	// expired.
	guest bool
	http  *http.Client
	// named tells the user how to name another server.
	named string
	// remarks receives messages that are not part of an answer.
	remarks io.Writer
}

func newClient(base, token string) *apiClient {
	return &apiClient{base: strings.TrimRight(base, "/"), token: token, guest: token == "", http: &http.Client{}, named: "--url or PORTICO_URL",
		remarks: terminal.NewWriter(os.Stderr)}
}

// apiError is an error that the server answered.
type apiError struct {
	status  int
	message string
	// violations are the errors in the values or secrets of a run, if any.
	violations []violation
}

func (e *apiError) Error() string { return e.message }

// signIn gets a guest token when no token was given.
func (c *apiClient) signIn(ctx context.Context) error {
	if c.token != "" {
		return nil
	}
	var session struct {
		BackstageIdentity struct {
			Token string `json:"token"`
		} `json:"backstageIdentity"`
	}
	if err := c.do(ctx, http.MethodPost, "/api/auth/guest/refresh", "", nil, &session); err != nil {
		if refused, is := errors.AsType[*apiError](err); is {
			return fmt.Errorf("sign in as the guest: %w; give a token with PORTICO_TOKEN or --token", refused)
		}
		return err
	}
	c.token = session.BackstageIdentity.Token
	return nil
}

// call signs in if necessary and makes one request.
func (c *apiClient) call(ctx context.Context, method, path string, body, into any) error {
	key := ""
	if method != http.MethodGet {
		key = uuid.NewString() // the same key for both tries
	}
	return c.callOnce(ctx, method, path, key, body, into)
}

// callOnce is call for a command that is carried out once for a key.
func (c *apiClient) callOnce(ctx context.Context, method, path, key string, body, into any) error {
	if err := c.signIn(ctx); err != nil {
		return err
	}
	err := c.do(ctx, method, path, key, body, into)
	if !c.ranOut(err) {
		return err
	}
	if err := c.signIn(ctx); err != nil {
		return err
	}
	return c.do(ctx, method, path, key, body, into)
}

// fetch reads something, as ask does.
func (c *apiClient) fetch(ctx context.Context, path string, into any) (json.RawMessage, error) {
	return c.ask(ctx, http.MethodGet, path, nil, into)
}

// ask decodes an answer and returns its complete JSON, for JSON output: the API's fields, not only the client's.
func (c *apiClient) ask(ctx context.Context, method, path string, body, into any) (json.RawMessage, error) {
	var answer json.RawMessage
	if err := c.call(ctx, method, path, body, &answer); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return nil, fmt.Errorf("read the answer to %s %s: %w", method, path, err)
	}
	return answer, nil
}

// ranOut reports whether a request was refused because the guest's token has expired, and then drops the
// token: a command may watch a run for longer than a token lives.
func (c *apiClient) ranOut(err error) bool {
	refused, is := errors.AsType[*apiError](err)
	if !is || refused.status != http.StatusUnauthorized || !c.guest {
		return false
	}
	c.token = ""
	return true
}

// do makes one request. A key that is not "" marks a command that is carried out once.
func (c *apiClient) do(ctx context.Context, method, path, key string, body, into any) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	response, err := c.send(ctx, method, path, key, body)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read the answer to %s %s: %w", method, path, err)
	}
	if response.StatusCode >= http.StatusBadRequest {
		return refusal(response, answer)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("read the answer to %s %s: %w", method, path, err)
	}
	return nil
}

func (c *apiClient) send(ctx context.Context, method, path, key string, body any) (*http.Response, error) {
	var reader io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("encode the request: %w", err)
		}
		reader = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, reader)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Requested-With", "XMLHttpRequest")
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	return c.deliver(request)
}

// deliver sends a request to the server.
func (c *apiClient) deliver(request *http.Request) (*http.Response, error) {
	response, err := c.http.Do(request)
	if err != nil {
		if failed, is := errors.AsType[*url.Error](err); is {
			err = failed.Err // without the request, which means nothing to the user of a command
		}
		return nil, fmt.Errorf("no answer from %s: %w; is Portico running there? Name another place with %s", c.base, err, c.named)
	}
	return response, nil
}

// refusal converts an error response: the envelope's message, or the list of invalid values. The message of a
// denial is in a header.
func refusal(response *http.Response, answer []byte) *apiError {
	status := response.StatusCode
	if denied := denial(response.Header.Get("WWW-Authenticate")); denied != "" {
		return &apiError{status: status, message: denied}
	}
	var body struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
		Errors []violation `json:"errors"`
	}
	if err := json.Unmarshal(answer, &body); err != nil {
		return &apiError{status: status, message: fmt.Sprintf("the server answered %d %s", status, http.StatusText(status))}
	}
	var lines []string
	for _, each := range body.Errors {
		lines = append(lines, strings.Replace(cmp.Or(each.Stack, each.Message), "instance", "values", 1))
	}
	message := cmp.Or(strings.Join(lines, "\n"), body.Error.Message, fmt.Sprintf("the server answered %d", status))
	return &apiError{status: status, message: message, violations: body.Errors}
}

var (
	deniedText  = regexp.MustCompile(`\berror_description="([^"]*)"`)
	deniedScope = regexp.MustCompile(`\berror="insufficient_scope", scope="([^"]*)"`)
)

// denial is what a challenge says about a missing permission, with the command that says whom to ask; "" if
// it says nothing.
func denial(challenge string) string {
	scope, text := deniedScope.FindStringSubmatch(challenge), deniedText.FindStringSubmatch(challenge)
	if scope == nil || text == nil {
		return ""
	}
	question := scope[1]
	if _, resource, has := strings.Cut(text[1], question+" on "); has {
		question += " " + resource
	}
	return fmt.Sprintf("%s\n`portico policy explain me %s` says why, and whom to ask", text[1], question)
}

// waitReady waits until the server is ready.
func (c *apiClient) waitReady(ctx context.Context) error {
	return c.until(ctx, "the server to be ready", func(ctx context.Context) error {
		return c.do(ctx, http.MethodGet, "/.backstage/health/v1/readiness", "", nil, nil)
	})
}

// waitForEntity waits until the catalog has the entity.
func (c *apiClient) waitForEntity(ctx context.Context, ref string) error {
	parsed, err := entity.ParseRef(ref, entity.Ref{Kind: "template", Namespace: "default"})
	if err != nil {
		return err
	}
	path := fmt.Sprintf("/api/catalog/entities/by-name/%s/%s/%s", url.PathEscape(parsed.Kind), url.PathEscape(parsed.Namespace), url.PathEscape(parsed.Name))
	return c.until(ctx, ref+" to be in the catalog", func(ctx context.Context) error {
		return c.call(ctx, http.MethodGet, path, nil, nil)
	})
}

func (c *apiClient) until(ctx context.Context, what string, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited %s for %s: %w", readyTimeout, what, err)
		case <-time.After(pollInterval):
		}
	}
}

// event is one entry of a run's log.
type event struct {
	// answer is the event's complete JSON, for JSON output.
	answer json.RawMessage

	ID        int64     `json:"id"`
	Type      string    `json:"type"`
	CreatedAt time.Time `json:"createdAt"`
	Body      struct {
		Message string          `json:"message"`
		StepID  string          `json:"stepId"`
		Status  string          `json:"status"`
		Output  json.RawMessage `json:"output"`
		Error   *struct {
			Name    string `json:"name"`
			Message string `json:"message"`
		} `json:"error"`
	} `json:"body"`
}

// position is the last event that was read of a run, and the time of the server's last response.
type position struct {
	after int64
	heard time.Time
}

// expectWorker prints a remark once if no worker has begun a run when the timer fires.
func (c *apiClient) expectWorker() *time.Timer {
	return time.AfterFunc(workerPatience, func() {
		fmt.Fprintf(c.remarks, "no worker has taken the run for %s; is one running? See `portico worker --help`\n", workerPatience)
	})
}

// follow calls each with the events of a run after an id as they happen, and returns after its completion. It
// reconnects a broken stream where it ended, for as long as a server may take to come back. Meanwhile a proxy
// may answer in its place, with 500 and above.
func (c *apiClient) follow(ctx context.Context, id string, after int64, each func(event)) error {
	at := &position{after: after, heard: time.Now()}
	for {
		done, err := c.stream(ctx, id, at, each)
		if done || ctx.Err() != nil {
			return ctx.Err()
		}
		if refused, is := errors.AsType[*apiError](err); is && refused.status < http.StatusInternalServerError && !c.ranOut(err) {
			return err
		}
		if err != nil && time.Since(at.heard) > readyTimeout {
			return fmt.Errorf("follow run %s: %w", id, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pollInterval):
		}
	}
}

func (c *apiClient) stream(ctx context.Context, id string, at *position, each func(event)) (done bool, err error) {
	if err := c.signIn(ctx); err != nil {
		return false, err
	}
	response, err := c.send(ctx, http.MethodGet, fmt.Sprintf("/api/scaffolder/v2/tasks/%s/eventstream?after=%d", url.PathEscape(id), at.after), "", nil)
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		answer, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
		return false, refusal(response, answer)
	}
	defer func() { at.heard = time.Now() }()
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, maxEventBytes)
	for lines.Scan() {
		data, isData := strings.CutPrefix(lines.Text(), "data: ")
		if !isData {
			continue
		}
		e, err := readEvent([]byte(data))
		if err != nil {
			return false, fmt.Errorf("read an event of run %s: %w", id, err)
		}
		at.after = max(at.after, e.ID)
		each(e)
		done = done || e.Type == "completion"
	}
	return done, lines.Err()
}
