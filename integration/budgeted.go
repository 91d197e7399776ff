package integration

import "net/http"

// Budgeted shares what a host says about the rate limit of a configured credential. Requests in the background leave a part
// of it to others: when no more than that is left, they are refused with an error that says how long to wait.
type Budgeted struct {
	Next   http.RoundTripper
	Budget Budget
	// Credential is the credential's name, such as "gitlab.com/token", and Resource the host's name of its rate limit.
	Credential, Resource string
	// Background means that the requests are those of sources.
	Background bool
}

// RoundTrip implements http.RoundTripper.
func (b Budgeted) RoundTrip(request *http.Request) (*http.Response, error) {
	if b.Background {
		wait, err := b.Budget.Wait(request.Context(), b.Credential, b.Resource)
		if err != nil {
			return nil, err
		}
		if wait > 0 {
			return nil, LeftToRuns(b.Credential, wait)
		}
	}
	response, err := b.Next.RoundTrip(request)
	if err == nil {
		b.Budget.Record(request.Context(), b.Credential, response)
	}
	return response, err
}

// OverBudget carries the requests with a configured credential; the budget nil is none.
func OverBudget(next http.RoundTripper, budget Budget, credential, resource string, background bool) http.RoundTripper {
	if budget == nil {
		return next
	}
	return Budgeted{Next: next, Budget: budget, Credential: credential, Resource: resource, Background: background}
}
