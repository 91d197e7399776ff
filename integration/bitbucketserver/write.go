package bitbucketserver

import (
	"cmp"
	"strings"

	"github.com/portico-dev/portico/integration/rest"
)

// Account changes the host with some credentials.
type Account struct {
	// API is version 1.0 of the REST API. LFS is the one of Git LFS, which lies beside it.
	API, LFS *rest.Client
	// BaseURL is the URL of the pages, without a slash at its end.
	BaseURL string
	// Username and Password authenticate Git. The password is a secret, "" when there is none.
	Username, Password string
}

// Account is the account of a token, or the configured one where that is "". A user name needs a password. A token needs
// no user name.
func (h *Host) Account(token string) Account {
	account := Account{BaseURL: h.baseURL(), Username: h.config.Username, Password: h.config.Password}
	token = cmp.Or(token, h.config.Token)
	authenticate := rest.Basic(account.Username, account.Password)
	if token != "" {
		account.Username, account.Password, authenticate = cmp.Or(account.Username, "x-token-auth"), token, rest.Bearer(token)
	}
	options := rest.Options{
		Name: h.Name(), Key: "integrations.bitbucketServer", BaseURL: h.config.APIBaseURL, Transport: h.transport, Authenticate: authenticate,
	}
	account.API = rest.New(options)
	options.BaseURL = account.BaseURL + "/rest/git-lfs/admin"
	account.LFS = rest.New(options)
	return account
}

// baseURL is the URL of the pages.
func (h *Host) baseURL() string {
	address, _, _ := strings.Cut(h.config.APIBaseURL, "/rest/")
	return address
}
