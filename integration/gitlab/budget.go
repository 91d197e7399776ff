package gitlab

import (
	"net/http"

	"github.com/portico-dev/portico/integration"
)

// throttle is GitLab's name of the rate limit of requests with a token to its APIs.
const throttle = "throttle_authenticated_api"

// budgeted shares what GitLab says about the rate limit of the configured token. Requests in the background leave a part
// of it to others: when no more than that is left, they are refused with an error that says how long to wait.
type budgeted struct {
	next       http.RoundTripper
	budget     integration.Budget
	credential string
	background bool
}

// RoundTrip implements http.RoundTripper.
func (b budgeted) RoundTrip(request *http.Request) (*http.Response, error) {
	if b.background {
		wait, err := b.budget.Wait(request.Context(), b.credential, throttle)
		if err != nil {
			return nil, err
		}
		if wait > 0 {
			return nil, integration.LeftToRuns(b.credential, wait)
		}
	}
	response, err := b.next.RoundTrip(request)
	if err == nil {
		b.budget.Record(request.Context(), b.credential, response)
	}
	return response, err
}

// over carries requests with a token. Only the configured token has a budget.
func (h *Host) over(token string, background bool) http.RoundTripper {
	if h.config.Budget == nil || token == "" || token != h.config.Token {
		return h.transport
	}
	return budgeted{next: h.transport, budget: h.config.Budget, credential: h.config.Host + "/token", background: background}
}
