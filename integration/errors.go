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

// MayPass says whether an error of reading may pass by itself: a host that is ill, asks to wait, or cannot be
// reached. after is how long the host asks to wait, 0 when it does not say.
func MayPass(err error) (after time.Duration, may bool) {
	if answered, is := errors.AsType[*ResponseError](err); is {
		return answered.RetryAfter, answered.Temporary()
	}
	return 0, err != nil && fault.KindOf(err) == "" && !errors.Is(err, ErrNotModified)
}

// URLError says that a URL does not name what is to be read.
type URLError struct{ Problem string }

func (e *URLError) Error() string { return e.Problem }

// HiddenError says why something that was not found may be there all the same: hosts deny that there is what
// the credential may not see. It is wrapped by a fault of kind NotFound.
type HiddenError struct {
	// Reasons say, each for one credential, why it does not show more.
	Reasons []string
}

func (e *HiddenError) Error() string { return strings.Join(e.Reasons, "; ") }

// AnswerError makes an error of an answer that is no success; what says what was tried.
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

// remaining is how many requests the host still takes, in GitHub's header or the one that GitLab and the
// draft standard have.
func remaining(header http.Header) string {
	if left := header.Get("X-Ratelimit-Remaining"); left != "" {
		return left
	}
	return header.Get("Ratelimit-Remaining")
}

// retryAfter reads how long a host asks to wait, in Retry-After's seconds or as the time at which the limit
// is reset.
func retryAfter(header http.Header) time.Duration {
	if seconds, err := strconv.Atoi(header.Get("Retry-After")); err == nil && seconds > 0 {
		return time.Duration(seconds) * time.Second
	}
	if remaining(header) != "0" {
		return 0
	}
	for _, name := range []string{"X-Ratelimit-Reset", "Ratelimit-Reset"} {
		if reset, err := strconv.ParseInt(header.Get(name), 10, 64); err == nil {
			return max(0, time.Until(time.Unix(reset, 0)))
		}
	}
	return 0
}

// RequestError names the URL that was asked for in an error of the network, once. What the HTTP client says
// of it is left out: it names the URL again, or the one it was redirected to, which may carry a token.
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

// TooManyRedirects refuses one more redirect.
func TooManyRedirects(via []*http.Request) error {
	return fmt.Errorf("Too many redirects (max %d) when reading %s", MaxRedirects, via[0].URL) //nolint:staticcheck // Backstage's words
}
