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
		Name: h.Name(), Key: "integrations.azure", BaseURL: account.URL, Transport: h.transport, Authenticate: authenticate,
	})
	return account
}
