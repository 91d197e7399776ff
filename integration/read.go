package integration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/portico-dev/portico/fault"
)

// Deadlines of one call, within whatever the caller's context leaves.
const (
	fileDeadline = time.Minute
	treeDeadline = 10 * time.Minute
)

// ErrNotModified says that what is there still has the ETag that the caller knows.
var ErrNotModified = errors.New("not modified")

// ReadOptions qualify one reading.
type ReadOptions struct {
	// ETag is that of an earlier reading: the same content again is ErrNotModified. "" reads in any case.
	ETag string
	// Token takes the place of the integration's own; "" leaves it.
	Token string
}

// Result is a file that was read. ETag is "" when the host gave none.
type Result struct {
	Body []byte
	ETag string
}

// ReadURL reads the file behind a URL, on a GitHub host or one that backend.reading.allow names. The error is a fault
// where the caller can act on it: NotFound, or NotAllowed for a URL that may not be read; ErrNotModified; or a
// *ResponseError. A file over the limit is an error.
func (s *Set) ReadURL(ctx context.Context, rawURL string, options ReadOptions) (Result, error) {
	ctx, cancel := context.WithTimeout(ctx, fileDeadline)
	defer cancel()
	response, err := s.open(ctx, rawURL, options)
	if err != nil {
		return Result{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(http.MaxBytesReader(nil, response.Body, s.limits.FileBytes))
	if tooLarge, found := errors.AsType[*http.MaxBytesError](err); found {
		return Result{}, fault.New(fault.Input, "Unable to read %s, it is larger than %d bytes", rawURL, tooLarge.Limit)
	}
	if err != nil {
		return Result{}, fmt.Errorf("Unable to read %s, %w", rawURL, err) //nolint:staticcheck // Backstage's words
	}
	return Result{Body: body, ETag: response.Header.Get("ETag")}, nil
}

// open starts to read a URL; the caller closes the body.
func (s *Set) open(ctx context.Context, rawURL string, options ReadOptions) (*http.Response, error) {
	parsed, err := parseWebURL(rawURL)
	if err != nil {
		return nil, fault.New(fault.Input, "Unable to read %s, %s", rawURL, err)
	}
	if parsed.User != nil {
		return nil, fault.New(fault.Input, "Unable to read %s, the URL includes credentials", parsed.Redacted())
	}
	if integration, _ := s.ByHost(parsed.Host); integration.Type == TypeGitHub {
		return s.openGitHubFile(ctx, integration, parsed, options)
	}
	if !s.allows(parsed) {
		return nil, notAllowed(rawURL)
	}
	return s.openPlain(ctx, parsed, options)
}

func (s *Set) openPlain(ctx context.Context, target *url.URL, options ReadOptions) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", target, err)
	}
	setHeader(request, "If-None-Match", options.ETag)
	if options.Token != "" {
		request.Header.Set("Authorization", "Bearer "+options.Token)
	}
	response, err := s.fetch.Do(request)
	if err != nil {
		return nil, describe(target.String(), err)
	}
	if response.StatusCode == http.StatusOK {
		return response, nil
	}
	response.Body.Close()
	return nil, failure(response, "could not read "+target.String())
}

func setHeader(request *http.Request, name, value string) {
	if value != "" {
		request.Header.Set(name, value)
	}
}

// openGitHubFile reads through the contents API when there is a token or nothing else, else from where raw files are.
func (s *Set) openGitHubFile(ctx context.Context, integration Integration, target *url.URL, options ReadOptions) (*http.Response, error) {
	found, err := parseSource(target)
	if err != nil {
		return nil, fault.New(fault.Input, "Incorrect URL: %s, Error: %s", target, err)
	}
	if found.kind == "" || found.kind == "edit" || found.path == "" {
		return nil, fault.New(fault.Input, "Incorrect URL: %s, Error: Invalid GitHub URL or file path", target)
	}
	client, err := s.gitHubClient(integration, found.access(), options.Token)
	if err != nil {
		return nil, err
	}
	credential, err := client.Credential(ctx)
	if err != nil {
		return nil, err
	}
	response, err := askForFile(ctx, client, integration.GitHub.fileURL(found, credential.Token), options)
	if fault.KindOf(err) != fault.NotFound || credential.Token == "" {
		return response, err
	}
	whole, isLonger, refErr := s.withWholeRef(ctx, client, found, options.Token)
	if refErr != nil {
		return nil, refErr
	}
	if !isLonger || whole.path == "" {
		return nil, err
	}
	return askForFile(ctx, client, integration.GitHub.fileURL(whole, credential.Token), options)
}

func askForFile(ctx context.Context, client *Client, address string, options ReadOptions) (*http.Response, error) {
	request, err := client.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", address, err)
	}
	request.Header.Set("Accept", "application/vnd.github.v3.raw")
	setHeader(request, "If-None-Match", options.ETag)
	response, err := client.BareDo(ctx, request)
	if err != nil {
		return nil, client.failure(ctx, request.URL.String(), err)
	}
	return response.Response, nil
}

func (g GitHub) fileURL(file source, token string) string {
	if g.APIBaseURL != "" && (token != "" || g.RawBaseURL == "") {
		return fmt.Sprintf("%s/repos/%s/%s/contents/%s?ref=%s", g.APIBaseURL, file.owner, file.repo, escapePath(file.path), url.QueryEscape(file.ref))
	}
	return fmt.Sprintf("%s/%s/%s/%s/%s", g.RawBaseURL, file.owner, file.repo, escapePath(file.ref), escapePath(file.path))
}

func escapePath(path string) string { return (&url.URL{Path: path}).EscapedPath() }

// ResponseError is an answer that is neither the content nor its absence.
type ResponseError struct {
	// Status is the HTTP status.
	Status int
	// RetryAfter is how long the host asks to wait, 0 when it does not say.
	RetryAfter time.Duration
	// RateLimited says that too much was asked of the host, whatever the status.
	RateLimited bool
	// Problem is what was answered to what. Next is what a person can do about it, "" when nobody knows.
	Problem, Next string
}

func (e *ResponseError) Error() string {
	if e.Next == "" {
		return e.Problem
	}
	return e.Problem + ". " + e.Next
}

// Temporary says that the same request may succeed later.
func (e *ResponseError) Temporary() bool {
	return e.RateLimited || e.Status >= http.StatusInternalServerError || e.Status == http.StatusRequestTimeout
}

// MayPass says whether an error of reading may pass by itself: a host that is ill, asks to wait, or cannot be reached. after
// is how long the host asks to wait, 0 when it does not say.
func MayPass(err error) (after time.Duration, may bool) {
	if answered, is := errors.AsType[*ResponseError](err); is {
		return answered.RetryAfter, answered.Temporary()
	}
	return 0, err != nil && fault.KindOf(err) == "" && !errors.Is(err, ErrNotModified)
}

// failure makes an error of an answer that is no success; what says what was tried.
func failure(response *http.Response, what string) error {
	message := fmt.Sprintf("%s, %d %s", what, response.StatusCode, http.StatusText(response.StatusCode))
	limited := response.StatusCode == http.StatusTooManyRequests ||
		response.StatusCode == http.StatusForbidden && response.Header.Get("X-Ratelimit-Remaining") == "0"
	switch {
	case response.StatusCode == http.StatusNotModified:
		return ErrNotModified
	case response.StatusCode == http.StatusNotFound:
		return fault.New(fault.NotFound, "%s", message)
	case limited:
		message += " (rate limit exceeded)"
	}
	return &ResponseError{
		Status: response.StatusCode, RateLimited: limited, RetryAfter: retryAfter(response.Header), Problem: message,
	}
}

// retryAfter reads how long a host asks to wait, in Retry-After's seconds or GitHub's time of reset.
func retryAfter(header http.Header) time.Duration {
	if seconds, err := strconv.Atoi(header.Get("Retry-After")); err == nil && seconds > 0 {
		return time.Duration(seconds) * time.Second
	}
	reset, err := strconv.ParseInt(header.Get("X-Ratelimit-Reset"), 10, 64)
	if err != nil || header.Get("X-Ratelimit-Remaining") != "0" {
		return 0
	}
	return max(0, time.Until(time.Unix(reset, 0)))
}

// gitHubFailure makes an error of what go-github says went wrong.
func gitHubFailure(rawURL string, err error) error {
	var answered *github.ErrorResponse
	var limited *github.RateLimitError
	var abused *github.AbuseRateLimitError
	what := "Request failed for " + rawURL
	switch {
	case errors.As(err, &answered):
		return failure(answered.Response, what)
	case errors.As(err, &limited):
		return failure(limited.Response, what)
	case errors.As(err, &abused):
		failed := &ResponseError{
			Status: abused.Response.StatusCode, RateLimited: true, Problem: what + ", 403 Forbidden (rate limit exceeded)",
		}
		if abused.RetryAfter != nil {
			failed.RetryAfter = *abused.RetryAfter
		}
		return failed
	default:
		return describe(rawURL, err)
	}
}

// failure makes an error of what go-github says went wrong, and says why the request had no token where that may be why.
func (c *Client) failure(ctx context.Context, rawURL string, err error) error {
	failed := gitHubFailure(rawURL, err)
	missing, isMissing := errors.AsType[*fault.Error](failed)
	if !isMissing || missing.Kind != fault.NotFound {
		return failed
	}
	credential, err := c.Credential(ctx)
	if err != nil || len(credential.Absent) == 0 {
		return failed
	}
	hidden := &hiddenError{credential.Absent}
	return fault.Wrap(fault.NotFound, hidden, "%s (%s)", missing.Message, hidden)
}

// hiddenError is why something that was not found may be there all the same: GitHub denies that there is what nobody may
// see.
type hiddenError struct{ absent []string }

func (e *hiddenError) Error() string { return strings.Join(e.absent, "; ") }

// describe names the URL that was asked for in an error of the network, once. What the HTTP client says of it is left
// out: it names the URL again, or the one it was redirected to, which may carry a token.
func describe(rawURL string, err error) error {
	if refused, found := errors.AsType[*fault.Error](err); found {
		return refused
	}
	if refused, found := errors.AsType[*ResponseError](err); found {
		return refused
	}
	if failed, found := errors.AsType[*url.Error](err); found {
		err = failed.Err
	}
	return fmt.Errorf("Unable to read %s, %w", withoutQuery(rawURL), err) //nolint:staticcheck // Backstage's words
}

func withoutQuery(rawURL string) string {
	before, _, _ := strings.Cut(rawURL, "?")
	return before
}
