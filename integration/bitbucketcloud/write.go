package bitbucketcloud

import (
	"cmp"

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
func (h *Host) Account(token string) Account {
	account := Account{BaseURL: h.config.BaseURL, Username: h.config.Username, Password: cmp.Or(h.config.Token, h.config.AppPassword)}
	if token != "" {
		account.Username, account.Password = "", token
	}
	authenticate := rest.Basic(account.Username, account.Password)
	if account.Username == "" {
		authenticate, account.Username = rest.Bearer(account.Password), "x-token-auth"
	}
	account.API = rest.New(rest.Options{
		Name: h.Name(), Key: "integrations.bitbucketCloud", BaseURL: h.config.APIBaseURL, MoreURLs: []string{h.config.BaseURL},
		Transport: h.transport, Authenticate: authenticate,
	})
	return account
}
