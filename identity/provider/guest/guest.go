// Package guest signs everybody in as one user, for trying Portico out.
package guest

import (
	"context"
	"net/http"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity/provider"
)

// Provider signs everybody in as UserRef.
type Provider struct {
	UserRef string
	// Ownership replaces the groups of the catalog unless it is empty.
	Ownership []string
	// Allowed is false outside development, unless the configuration lets guests in there.
	Allowed bool
}

var _ provider.Direct = Provider{}

// Authenticate returns the guest, whoever asks.
func (p Provider) Authenticate(context.Context, http.Header) (provider.Identity, error) {
	if !p.Allowed {
		return provider.Identity{}, fault.New(fault.NotAllowed, "The guest provider cannot be used outside of a development environment unless "+
			"'auth.providers.guest.dangerouslyAllowOutsideDevelopment' is enabled")
	}
	return provider.Identity{UserRef: p.UserRef, Ownership: p.Ownership}, nil
}
