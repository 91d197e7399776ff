package gitea

import (
	"net/http"

	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/rest"
)

// Account changes a host with the configured credentials.
type Account struct {
	// API is version 1 of the REST API.
	API *rest.Client
	// BaseURL is the URL of the pages and of the repositories, without a slash at its end.
	BaseURL string
	// Username and Password authenticate Git. The password is a secret.
	Username, Password string
}

// Account is the account of the configuration. Its Password is "" when there is none.
func (h *Host) Account() Account { return h.account("") }

// Background is the API with the configured credentials for sources. Its requests leave a part of the rate limit to others.
func (h *Host) Background() *rest.Client { return h.over("", true).API }

// account authenticates with the configured credentials, or with a caller's token. A password without a user
// name is a token.
func (h *Host) account(token string) Account { return h.over(token, false) }

// over is account with requests of the foreground or the background. Only the configured credentials have a budget.
func (h *Host) over(token string, background bool) Account {
	a := Account{BaseURL: h.config.BaseURL, Username: h.config.Username, Password: h.config.Password}
	if token != "" {
		a.Username, a.Password = "", token
	}
	authenticate := rest.Basic(a.Username, a.Password)
	if a.Username == "" && a.Password != "" {
		password := a.Password
		authenticate = func(header http.Header) { header.Set("Authorization", "token "+password) }
		a.Username = "token"
	}
	transport := h.transport
	if token == "" && h.HasCredentials() {
		transport = integration.OverBudget(transport, h.config.Budget, h.config.Host+"/account", "api", background)
	}
	a.API = rest.New(rest.Options{
		Name: h.Name(), Key: "integrations.gitea", BaseURL: h.config.BaseURL + "/api/v1", Transport: transport, Authenticate: authenticate,
	})
	return a
}
