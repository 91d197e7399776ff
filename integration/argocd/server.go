package argocd

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/internal/cache"
	"github.com/portico-dev/portico/plainjson"
)

const (
	// requestTimeout bounds one request.
	requestTimeout = time.Minute
	// maxAnswer bounds an answer, such as a list of applications with all of their resources.
	maxAnswer = 32 << 20
	// sessionTime is how long a session is used. Argo CD's own bound is a day unless it is configured.
	sessionTime = time.Hour
)

// server asks an instance by its REST API.
type server struct {
	instance Instance
	set      *Set
}

// Instance implements Client.
func (s *server) Instance() Instance { return s.instance }

// KeepsMarks implements Client.
func (*server) KeepsMarks() bool { return false }

// Project implements Client.
func (s *server) Project(ctx context.Context, name string) (*Project, error) {
	var found Project
	err := s.ask(ctx, "looking for the project "+name, http.MethodGet, projectPath(name), nil, &found)
	return foundOr(&found, err)
}

// CreateProject implements Client. Argo CD answers with a project of the same name and content as if it had created it.
func (s *server) CreateProject(ctx context.Context, wanted Project) (created Project, err error) {
	err = s.ask(ctx, "creating the project "+wanted.Metadata.Name, http.MethodPost, "/api/v1/projects", map[string]any{"project": wanted}, &created)
	return created, err
}

// DeleteProject implements Client.
func (s *server) DeleteProject(ctx context.Context, project Project) error {
	name := project.Metadata.Name
	return s.ask(ctx, "deleting the project "+name, http.MethodDelete, projectPath(name), nil, nil)
}

// Application implements Client. Argo CD answers 404 only to who names the project: to others it answers 403 for what
// does not exist.
func (s *server) Application(ctx context.Context, project, name string) (*Application, error) {
	var found Application
	err := s.ask(ctx, "looking for the application "+name, http.MethodGet, applicationPath(name, url.Values{"project": {project}}), nil, &found)
	return foundOr(&found, err)
}

// Applications implements Client.
func (s *server) Applications(ctx context.Context, selected Selection) ([]Application, error) {
	query := url.Values{}
	for name, value := range map[string]string{"name": selected.Name, "projects": selected.Project, "selector": selected.Selector, "appNamespace": selected.Namespace} {
		if value != "" {
			query.Set(name, value)
		}
	}
	var listed struct {
		Items []Application `json:"items"`
	}
	err := s.ask(ctx, "listing the applications", http.MethodGet, "/api/v1/applications?"+query.Encode(), nil, &listed)
	if isNotFound(err) {
		return nil, nil // so older versions answer when no application has the name
	}
	return listed.Items, err
}

// CreateApplication implements Client. As with projects, an application of the same content is answered as if created.
func (s *server) CreateApplication(ctx context.Context, wanted Application) (created Application, err error) {
	err = s.ask(ctx, "creating the application "+wanted.Metadata.Name, http.MethodPost, "/api/v1/applications", wanted, &created)
	return created, err
}

// DeleteApplication implements Client.
func (s *server) DeleteApplication(ctx context.Context, application Application) error {
	name := application.Metadata.Name
	path := applicationPath(name, url.Values{"cascade": {"true"}, "project": {application.Spec.Project}})
	return s.ask(ctx, "deleting the application "+name, http.MethodDelete, path, nil, nil)
}

func projectPath(name string) string { return "/api/v1/projects/" + url.PathEscape(name) }

func applicationPath(name string, query url.Values) string {
	return "/api/v1/applications/" + url.PathEscape(name) + "?" + query.Encode()
}

// foundOr is what was found, nil where the instance has said that there is none.
func foundOr[T any](found *T, err error) (*T, error) {
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return found, nil
}

func isNotFound(err error) bool { return fault.KindOf(err) == fault.NotFound }

// token is the instance's, or that of a session.
func (s *server) token(ctx context.Context) (string, error) {
	if s.instance.Token != "" {
		return s.instance.Token, nil
	}
	if s.instance.Username == "" || s.instance.Password == "" {
		return "", &InstanceError{Kind: fault.Authentication, Message: "Missing credentials in config for Argo Instance.",
			Next: fmt.Sprintf("Add a token, or a user with a password, to the instance '%s' in argocd.appLocatorMethods.", s.instance.Name)}
	}
	return s.set.sessions.Get(ctx, s.instance.Name, s.signIn)
}

func (s *server) signIn(ctx context.Context) (cache.Fresh[string], error) {
	var session struct {
		Token string `json:"token"`
	}
	credentials := map[string]string{"username": s.instance.Username, "password": s.instance.Password}
	err := s.send(ctx, "", http.MethodPost, "/api/v1/session", credentials, &session)
	if hasStatus(err, http.StatusUnauthorized) {
		return cache.Fresh[string]{}, &InstanceError{Kind: fault.Authentication, Err: err, Message: "Getting unauthorized for Argo CD instance " + s.instance.URL,
			Next: fmt.Sprintf("Correct the user or the password of the instance '%s' in argocd.appLocatorMethods, then retry.", s.instance.Name)}
	}
	return cache.Fresh[string]{Value: session.Token, Until: time.Now().Add(sessionTime)}, s.explain("signing in", err)
}

// ask sends a request with a token. A session that has ended is replaced once.
func (s *server) ask(ctx context.Context, doing, method, path string, body, into any) error {
	for {
		token, err := s.token(ctx)
		if err != nil {
			return err
		}
		err = s.send(ctx, token, method, path, body, into)
		if hasStatus(err, http.StatusUnauthorized) && s.forget(token) {
			continue
		}
		return s.explain(doing, err)
	}
}

// forget drops a session that was kept from earlier, and reports whether it was.
func (s *server) forget(token string) bool {
	return s.set.sessions.Drop(func(instance, kept string) bool { return instance == s.instance.Name && kept == token })
}

// send sends one request. An answer that is no success is a refusal.
func (s *server) send(ctx context.Context, token, method, path string, body, into any) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var content io.Reader
	if body != nil {
		encoded, err := plainjson.Marshal(body)
		if err != nil {
			return fmt.Errorf("encode the request: %w", err)
		}
		content = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, s.instance.URL+path, content)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "Portico")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := s.set.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return read(response, into)
}

// read decodes an answer.
func read(response *http.Response, into any) error {
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return err
	case len(answer) > maxAnswer:
		return fmt.Errorf("the answer has more than %d MiB", maxAnswer>>20)
	case response.StatusCode >= http.StatusMultipleChoices:
		return refusalOf(response, answer)
	case into == nil:
		return nil
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("the answer is not Argo CD's: %w", err)
	}
	return nil
}

// refusal is an answer that is no success.
type refusal struct {
	status int
	header http.Header
	// message is what Argo CD has said, and code its number for it, 0 where something else has answered.
	message string
	code    int
}

func (r *refusal) Error() string { return r.message }

func refusalOf(response *http.Response, answer []byte) *refusal {
	var said struct {
		Message string `json:"message"`
		Error   string `json:"error"`
		Code    int    `json:"code"`
	}
	_ = json.Unmarshal(answer, &said) // what is no JSON says nothing
	return &refusal{response.StatusCode, response.Header, cmp.Or(said.Message, said.Error, http.StatusText(response.StatusCode)), said.Code}
}

// hasStatus reports whether Argo CD answered with a status.
func hasStatus(err error, status int) bool {
	refused, is := errors.AsType[*refusal](err)
	return is && refused.status == status
}

// explain says what a failure means. Nil stays nil.
func (s *server) explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	refused, is := errors.AsType[*refusal](err)
	if !is {
		if failed, is := errors.AsType[*url.Error](err); is {
			err = failed.Err
		}
		return &InstanceError{Kind: fault.Unavailable, Transient: true, Err: err, Message: fmt.Sprintf("%s on Argo CD %s: %s", doing, s.instance.Name, err),
			Next: fmt.Sprintf("Check that %s can be reached, then retry.", s.instance.URL)}
	}
	failure := &InstanceError{Err: refused, Said: refused.message, Message: fmt.Sprintf("%s on Argo CD %s: %s", doing, s.instance.Name, refused.message)}
	s.explainStatus(failure, refused)
	return failure
}

// explainStatus says what a status means.
func (s *server) explainStatus(failure *InstanceError, refused *refusal) {
	wait, asked := integration.RetryAfter(refused.header)
	switch status := refused.status; {
	case asked || status >= http.StatusInternalServerError || status == http.StatusTooManyRequests:
		failure.Kind, failure.Transient, failure.RetryAfter = fault.Unavailable, true, wait
		failure.Next = "Retry when Argo CD is well again."
	case status == http.StatusUnauthorized:
		failure.Kind = fault.Authentication
		failure.Next = fmt.Sprintf("Renew the token of the instance '%s' in argocd.appLocatorMethods, then retry.", s.instance.Name)
	case status == http.StatusForbidden:
		failure.Kind = fault.NotAllowed
		failure.Next = fmt.Sprintf("Give the account of the instance '%s' the right to do this in Argo CD's RBAC, then retry.", s.instance.Name)
	case status == http.StatusNotFound && refused.code == codeNotFound:
		failure.Kind = fault.NotFound
	case status == http.StatusNotFound:
		failure.Kind, failure.Next = fault.BadGateway, fmt.Sprintf("Correct the url of the instance '%s': the API of Argo CD is not there.", s.instance.Name)
	case status < http.StatusBadRequest:
		failure.Kind, failure.Next = fault.BadGateway, fmt.Sprintf("Correct the url of the instance '%s': it redirects.", s.instance.Name)
	case status == http.StatusConflict || strings.Contains(refused.message, "spec is different"):
		failure.Kind = fault.Conflict
	default:
		failure.Kind, failure.Next = fault.Input, adviceOnInput
	}
}

// codeNotFound is with which Argo CD answers that something does not exist.
const codeNotFound = 5

const adviceOnInput = "Correct the step's input in the template, and start a new run."
