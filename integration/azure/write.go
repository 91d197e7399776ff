package azure

import (
	"net/http"
	"strings"

	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/rest"
)

// Account changes an organization of a host with one token.
type Account struct {
	// API has the organization's URL as its base.
	API *rest.Client
	// URL is that of the organization, without a slash at its end.
	URL string
	// Token authenticates the API and Git. It is a secret, "" when there is none.
	Token string
}

// Account is the account for an organization: with the token, or with the configured one where that is "". On a server,
// the organization may have two parts.
func (h *Host) Account(organization, token string) Account {
	return h.over(organization, token, false)
}

// Background is the API of an organization with its configured token, for sources. Its requests leave a part of the rate limit to
// others.
func (h *Host) Background(organization string) *rest.Client {
	return h.over(organization, "", true).API
}

// over is Account with requests of the foreground or the background. Only a configured token has a budget.
func (h *Host) over(organization, token string, background bool) Account {
	transport := h.transport
	if token == "" && h.config.tokenFor(organization) != "" {
		transport = integration.OverBudget(transport, h.config.Budget, h.config.Host+"/"+organization, "", background)
	}
	if token == "" {
		token = h.config.tokenFor(organization)
	}
	account := Account{Token: token, URL: h.config.BaseURL + integration.JoinPath("", strings.Split(organization, "/")...).EscapedPath()}
	authenticate := rest.Basic("", token)
	if authenticate != nil {
		basic := authenticate
		authenticate = func(header http.Header) {
			basic(header)
			// Otherwise a token that is not valid is answered with a redirect to a page to sign in.
			header.Set("X-Tfs-Fedauthredirect", "Suppress")
		}
	}
	account.API = rest.New(rest.Options{
		Name: h.Name(), Key: "integrations.azure", BaseURL: account.URL, Transport: transport, Authenticate: authenticate,
	})
	return account
}
