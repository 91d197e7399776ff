package integration

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// Budget is what all processes know about the rate limits of the configured credentials. Package ratebudget
// implements it.
type Budget interface {
	// Wait is how long a background request with a credential has to wait, 0 for not at all. resource is the host's name
	// of the part of the API.
	Wait(ctx context.Context, credential, resource string) (time.Duration, error)
	// Record stores what an answer says.
	Record(ctx context.Context, credential string, response *http.Response)
}

// LeftToRuns refuses a request in the background because others need what is left of a rate limit.
func LeftToRuns(credential string, wait time.Duration) error {
	return &ResponseError{
		Status: http.StatusTooManyRequests, RateLimited: true, RetryAfter: wait,
		Problem: fmt.Sprintf("the rest of the rate limit of %s is left to runs for %s", credential, wait.Round(time.Second)),
	}
}
