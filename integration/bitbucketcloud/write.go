package bitbucketcloud

import (
	"cmp"

	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/rest"
)

// Account changes the host with some credentials.
type Account struct {
	// API is version 2.0 of the REST API.
	API *rest.Client
	// BaseURL is the URL of the pages and of the repositories, without a slash at its end.
	BaseURL string
	// Username and Password authenticate Git. The password is a secret, "" when there is none.
	Username, Password string
}

// Account is the account of a token, or the configured one where that is "". A token with a user name is that user's API
// token. A token without one, such as the caller's, is an access token of a repository, a project or a workspace.
func (h *Host) Account(token string) Account { return h.over(token, false) }

// Background is the API with the configured credentials for sources. Its requests leave a part of the rate limit to others.
func (h *Host) Background() *rest.Client { return h.over("", true).API }

// over is Account with requests of the foreground or the background. Only the configured credentials have a budget.
func (h *Host) over(token string, background bool) Account {
	account := Account{BaseURL: h.config.BaseURL, Username: h.config.Username, Password: cmp.Or(h.config.Token, h.config.AppPassword)}
	if token != "" {
		account.Username, account.Password = "", token
	}
	authenticate := rest.Basic(account.Username, account.Password)
	if account.Username == "" {
		authenticate, account.Username = rest.Bearer(account.Password), "x-token-auth"
	}
	transport := h.transport
	if token == "" && h.HasCredentials() {
		transport = integration.OverBudget(transport, h.config.Budget, h.config.Host+"/account", "api", background)
	}
	account.API = rest.New(rest.Options{
		Name: h.Name(), Key: "integrations.bitbucketCloud", BaseURL: h.config.APIBaseURL, MoreURLs: []string{h.config.BaseURL},
		Transport: transport, Authenticate: authenticate,
	})
	return account
}
