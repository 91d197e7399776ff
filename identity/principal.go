// Package identity says who is asking: the Principal that every command and query takes, the sign-in that makes one
// out of a login, and the tokens that carry one between requests. It does not say what a principal may do; that is
// package policy.
package identity

import "slices"

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
	// Subject is the entity reference of a user (user:default/guest), or the subject of a service token.
	Subject string
	// Ownership lists the references whose things the user owns: the user and every group above. Empty for services.
	Ownership []string
	// Plugins, when not nil, are the only plugin ids (catalog, scaffolder, ...) this principal may call: the
	// accessRestrictions of an external access token. Nil means no restriction.
	Plugins []string
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

// MayCall says whether the principal's token is good for the plugin with this id.
func (p Principal) MayCall(plugin string) bool {
	return p.Plugins == nil || slices.Contains(p.Plugins, plugin)
}
