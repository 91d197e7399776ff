// Package identity authenticates callers. It has the Principal that every command and query takes, the
// sign-in that creates one, and the tokens that carry one between requests. Package policy decides what a
// principal may do.
package identity

import (
	"strings"

	"github.com/google/uuid"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/fault"
)

// Kind is a kind of principal.
type Kind string

const (
	// KindNone is the kind of the zero Principal, which is refused everything.
	KindNone Kind = ""
	// KindUser is a person, known by an entity reference such as user:default/guest.
	KindUser Kind = "user"
	// KindService is a machine with a token from backend.auth.externalAccess, or with one that package exchange
	// issued.
	KindService Kind = "service"
	// KindSystem is Portico itself: a sweep, a worker, the start-up. Only System creates it.
	KindSystem Kind = "system"
)

// Principal is the caller of a command or query. The zero value is nobody.
type Principal struct {
	Kind Kind
	// Subject is the entity reference of a user (user:default/guest), or the name of a service.
	Subject string
	// Ownership lists the references by which the user owns entities: the user and all their groups. Empty
	// for services.
	Ownership []string
	// Via is who calls on behalf of the subject: the plugin of a Backstage, such as plugin:search, or a run, such as
	// run:4711. "" when the subject calls.
	Via string
	// Restrictions, when not nil, limit what a service's token may do: its accessRestrictions or, after At,
	// the one for the called plugin.
	Restrictions []Restriction
	// Session is the session of a user's token; zero for a token that belongs to none.
	Session uuid.UUID
	// Only, when not "", is the only plugin at which the token counts. At checks it.
	Only string
	// Token is the caller's bearer token. Actions get it as the run's backstageToken.
	Token string
}

// System is Portico acting by itself. The reason names the job for the audit trail ("catalog processing").
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

// Actor is the principal in the audit log.
func (p Principal) Actor() audit.Actor {
	return audit.Actor{Kind: string(p.Kind), Subject: p.Subject, Via: p.Via}
}

// Restriction allows a token one plugin, and limits what it may do there.
type Restriction struct {
	// Plugin is the plugin's id: catalog, scaffolder, ...
	Plugin string `json:"plugin"`
	// Permissions, when not empty, are the only permissions allowed, by name.
	Permissions []string `json:"permissions,omitempty"`
	// Actions, when not empty, are the only kinds of permission allowed: create, read, update, delete.
	Actions []string `json:"actions,omitempty"`
}

// At checks that the token may be used at the plugin with this id, and returns the principal with the
// restrictions for it. Otherwise it returns a fault of kind NotAllowed.
func (p Principal) At(plugin string) (Principal, error) {
	if p.Only != "" && p.Only != plugin {
		return Principal{}, fault.New(fault.NotAllowed, "This token's access is restricted to plugin(s) '%s'", p.Only)
	}
	p.Only = ""
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
