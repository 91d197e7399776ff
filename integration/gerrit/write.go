package gerrit

import "github.com/portico-dev/portico/integration/rest"

// Account changes a host with the configured credentials.
type Account struct {
	// API is the REST API for authenticated requests.
	API *rest.Client
	// BaseURL, CloneURL and GitilesURL are those of the pages, of the repositories and of their files, without a slash at
	// the end.
	BaseURL, CloneURL, GitilesURL string
	// Username and Password authenticate Git. The password is a secret, "" when there is none.
	Username, Password string
}

// Account is the account of the configuration.
func (h *Host) Account() Account {
	return Account{
		BaseURL: h.config.BaseURL, CloneURL: h.config.CloneURL, GitilesURL: h.config.GitilesBaseURL, Username: h.config.Username, Password: h.config.Password,
		API: rest.New(rest.Options{
			Name: h.config.Host, Key: "integrations.gerrit", BaseURL: h.config.BaseURL + "/a", Transport: h.transport,
			Authenticate: rest.Basic(h.config.Username, h.config.Password),
		}),
	}
}
