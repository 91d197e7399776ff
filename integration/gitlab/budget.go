package gitlab

import (
	"net/http"

	"github.com/portico-dev/portico/integration"
)

// throttle is GitLab's name of the rate limit of requests with a token to its APIs.
const throttle = "throttle_authenticated_api"

// over carries requests with a token. Only the configured token has a budget.
func (h *Host) over(token string, background bool) http.RoundTripper {
	if token == "" || token != h.config.Token {
		return h.transport
	}
	return integration.OverBudget(h.transport, h.config.Budget, h.config.Host+"/token", throttle, background)
}
