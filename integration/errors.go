package integration

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/portico-dev/portico/fault"
)

// ResponseError is an unexpected HTTP response: neither the content nor a 404.
type ResponseError struct {
	// Status is the HTTP status.
	Status int
	// RetryAfter is how long the host asks to wait, at most MaxRetryAfter, 0 when it does not say.
	RetryAfter time.Duration
	// RateLimited means that the host's rate limit was reached, whatever the status.
	RateLimited bool
	// Problem names the request and the response. Next tells a person what to do, "" when that is unknown.
	Problem, Next string
}

func (e *ResponseError) Error() string {
	if e.Next == "" {
		return e.Problem
	}
	return e.Problem + ". " + e.Next
}

// Temporary reports whether the same request may succeed later.
func (e *ResponseError) Temporary() bool {
	return e.RateLimited || e.Status >= http.StatusInternalServerError || e.Status == http.StatusRequestTimeout
}

// MayPass reports whether a read error is transient: the host fails, asks to wait, or cannot be reached.
// after is the time that the host asks to wait, 0 when it does not say.
func MayPass(err error) (after time.Duration, may bool) {
	if answered, is := errors.AsType[*ResponseError](err); is {
		return answered.RetryAfter, answered.Temporary()
	}
	// Errors of systems besides hosts of sources know it themselves.
	if explained, is := errors.AsType[interface {
		error
		MayPass() (after time.Duration, may bool)
	}](err); is {
		return explained.MayPass()
	}
	return 0, err != nil && fault.KindOf(err) == "" && !errors.Is(err, ErrNotModified)
}

// URLError means that a URL does not name the kind of thing that is to be read.
type URLError struct{ Problem string }

func (e *URLError) Error() string { return e.Problem }

// HiddenError explains why something that was not found may exist: hosts answer 404 for what the credential
// may not read. A fault of kind NotFound wraps it.
type HiddenError struct {
	// Reasons has, for each credential, the reason why it may not be sufficient.
	Reasons []string
}

func (e *HiddenError) Error() string { return strings.Join(e.Reasons, "; ") }

// AnswerError converts an unsuccessful response into an error. what names the attempted operation.
func AnswerError(response *http.Response, what string) error {
	message := fmt.Sprintf("%s, %d %s", what, response.StatusCode, http.StatusText(response.StatusCode))
	limited := isRateLimited(response)
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

func isRateLimited(response *http.Response) bool {
	return response.StatusCode == http.StatusTooManyRequests ||
		response.StatusCode == http.StatusForbidden && remaining(response.Header) == "0"
}

// remaining is the number of requests left in the rate limit, from GitHub's header or that of GitLab and the
// draft standard.
func remaining(header http.Header) string {
	if left := header.Get("X-Ratelimit-Remaining"); left != "" {
		return left
	}
	return header.Get("Ratelimit-Remaining")
}

// MaxRetryAfter bounds the time for which a host can make its callers wait. The limits of the supported
// forges last no longer.
const MaxRetryAfter = time.Hour

// BoundWait brings a time that a host asks to wait into the range from 0 to MaxRetryAfter.
func BoundWait(wait time.Duration) time.Duration { return min(max(wait, 0), MaxRetryAfter) }

// RetryAfter is the time of a response's header Retry-After, in seconds or as a date, at most MaxRetryAfter.
// asks is false for a response without it.
func RetryAfter(header http.Header) (wait time.Duration, asks bool) {
	value := header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(seconds, uint64(MaxRetryAfter/time.Second))) * time.Second, true
	}
	if at, err := http.ParseTime(value); err == nil {
		return BoundWait(time.Until(at)), true
	}
	return 0, false
}

// retryAfter is the time that a host asks to wait, from Retry-After or the time of the limit's reset.
func retryAfter(header http.Header) time.Duration {
	if wait, _ := RetryAfter(header); wait > 0 {
		return wait
	}
	if remaining(header) != "0" {
		return 0
	}
	for _, name := range []string{"X-Ratelimit-Reset", "Ratelimit-Reset"} {
		if reset, err := strconv.ParseInt(header.Get(name), 10, 64); err == nil {
			return BoundWait(time.Until(time.Unix(reset, 0)))
		}
	}
	return 0
}

// RequestError adds the requested URL to an error of the network. It drops the HTTP client's message, which
// repeats the URL, or has a redirect's URL, which may contain a token.
func RequestError(rawURL string, err error) error {
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

// TooManyRedirects is the error for a request that is redirected more than MaxRedirects times, a fault of
// kind NotAllowed in Backstage's words. via are the requests so far.
func TooManyRedirects(via []*http.Request) error {
	return fault.New(fault.NotAllowed, "Too many redirects (max %d) when reading %s", MaxRedirects, via[0].URL)
}

// TooManyRefs is the error for a repository with more branches and tags that begin with a prefix than are
// listed. Where one ends in a URL remains unknown.
func TooManyRefs(repository, prefix string) error {
	return fault.New(fault.Input, "%s has too many branches and tags that begin with %s. Escape the slashes of the name in the URL as %%2F", repository, prefix)
}

// InvalidConfig is the error for a value in the configuration of a forge's host, in Backstage's words.
func InvalidConfig(forge, value, name string) error {
	return fault.New(fault.Input, "Invalid %s integration config, '%s' is not a valid %s", forge, value, name)
}
