// Package identity says who is asking: the Principal that every command and query takes, the sign-in that
// makes one out of a login, and the tokens that carry one between requests. It does not say what a principal
// may do; that is package policy.
package identity

import (
	"strings"

	"github.com/portico-dev/portico/fault"
)

// Kind tells the sorts of principal apart.
type Kind string

const (
	// KindNone is the zero Principal: nobody. Every decision about it is a refusal.
	KindNone Kind = ""
	// KindUser is a person, known by an entity reference such as user:default/guest.
	KindUser Kind = "user"
	// KindService is a machine with a token from backend.auth.externalAccess.
	KindService Kind = "service"
	// KindSystem is Portico itself: a sweep, a worker, the start-up. It must be spelled out with System.
	KindSystem Kind = "system"
)

// Principal is who asks. The zero value is nobody.
type Principal struct {
	Kind Kind
	// Subject is the entity reference of a user (user:default/guest), or the name that a service's token
	// gives it.
	Subject string
	// Ownership lists the references whose things the user owns: the user and every group above. Empty for
	// services.
	Ownership []string
	// Restrictions, when not nil, are all that a service's token is good for: its accessRestrictions, and
	// once it has been let in by At, that of the plugin it called.
	Restrictions []Restriction
	// Token is the bearer token the principal came with, passed on to actions as the run's backstageToken.
	Token string
}

// System is Portico acting for itself; the reason names the job, for the audit trail ("catalog processing").
func System(reason string) Principal {
	return Principal{Kind: KindSystem, Subject: "system:" + reason}
}

// UserRef is the entity reference of a user, or "" for every other principal.
func (p Principal) UserRef() string {
	if p.Kind != KindUser {
		return ""
	}
	return p.Subject
}

// Restriction is a plugin that a token may call, and what it may do there.
type Restriction struct {
	// Plugin is the plugin's id: catalog, scaffolder, ...
	Plugin string
	// Permissions, when not empty, are the only ones that it has, by name.
	Permissions []string
	// Actions, when not empty, are the only kinds of permission that it has: create, read, update, delete.
	Actions []string
}

// At lets the principal into the plugin with this id, with what its token is good for there. A token that is
// not good for the plugin at all is a fault of kind NotAllowed.
func (p Principal) At(plugin string) (Principal, error) {
	if p.Restrictions == nil {
		return p, nil
	}
	var plugins []string
	for _, restriction := range p.Restrictions {
		if restriction.Plugin == plugin {
			p.Restrictions = []Restriction{restriction}
			return p, nil
		}
		plugins = append(plugins, "'"+restriction.Plugin+"'")
	}
	return Principal{}, fault.New(fault.NotAllowed, "This token's access is restricted to plugin(s) %s", strings.Join(plugins, ", "))
}
