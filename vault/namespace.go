package vault

import (
	"context"
	"strings"
)

// NamespaceUse says whether namespaces are made for teams.
type NamespaceUse string

const (
	// DetectNamespaces asks the server: Vault Enterprise has namespaces.
	DetectNamespaces NamespaceUse = "detect"
	// AlwaysNamespaces is for a server that has them and does not say so, such as OpenBao.
	AlwaysNamespaces NamespaceUse = "always"
	// NeverNamespaces leaves it at secrets engines.
	NeverNamespaces NamespaceUse = "never"
)

// HasNamespaces reports whether namespaces are made for teams. The error is a Refusal.
func (s *Session) HasNamespaces(ctx context.Context) (bool, error) {
	switch s.namespaces {
	case AlwaysNamespaces:
		return true, nil
	case NeverNamespaces:
		return false, nil
	case DetectNamespaces:
	}
	// Only the root namespace says how the server is. It says so to everybody.
	health, err := s.WithNamespace("").Sys().HealthWithContext(ctx)
	if err != nil {
		return false, Refusal(err)
	}
	return health.Enterprise, nil
}

// Below is the full path of a namespace below the session's own.
func (s *Session) Below(namespace string) string {
	return strings.TrimPrefix(strings.Trim(s.Namespace(), "/")+"/"+namespace, "/")
}

// Within is the session in a namespace, whose path is complete; "" is the session's own. It has the token of now: ask
// Sessions again for the next piece of work.
func (s *Session) Within(namespace string) *Session {
	if namespace == "" {
		return s
	}
	inside := *s
	inside.Client = s.WithNamespace(namespace)
	return &inside
}
