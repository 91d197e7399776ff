package sessions_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/identity/sessions"
	"github.com/portico-dev/portico/internal/testkit/policytest"
)

// TestEveryMethodAsks except those about the caller's own sessions.
func TestEveryMethodAsks(t *testing.T) {
	t.Parallel()
	refuser := &policytest.Refuser{}
	policytest.EveryMethodAsks(t, sessions.New(nil, refuser), refuser, []string{"Own", "EndOwn", "EndOthers"})
}

// TestMachinesHaveNoSessions.
func TestMachinesHaveNoSessions(t *testing.T) {
	t.Parallel()
	service := sessions.New(nil, &policytest.Refuser{})
	machine := identity.Principal{Kind: identity.KindService, Subject: "external:ci"}
	_, err := service.Own(t.Context(), machine)
	require.Equal(t, fault.NotAllowed, fault.KindOf(err))
	_, err = service.EndOthers(t.Context(), machine)
	require.Equal(t, fault.NotAllowed, fault.KindOf(err))
}
