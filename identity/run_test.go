package identity_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
)

// TestARunActsAsItsStarterAtOnePlugin: with what the starter may do, for one plugin, and no longer than a request.
func TestARunActsAsItsStarterAtOnePlugin(t *testing.T) {
	t.Parallel()
	issuer := newIssuer(t)
	for name, starter := range map[string]identity.Principal{
		"a user":                        {Kind: identity.KindUser, Subject: "user:default/ada", Ownership: []string{"user:default/ada", "group:default/a"}},
		"a service":                     {Kind: identity.KindService, Subject: "external:ci"},
		"a restricted service":          {Kind: identity.KindService, Subject: "external:ci", Restrictions: []identity.Restriction{{Plugin: "catalog", Actions: []string{"read"}}}},
		"a service that may do nothing": {Kind: identity.KindService, Subject: "external:ci", Restrictions: []identity.Restriction{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			token, err := issuer.IssueRun(t.Context(), "4711", starter, "catalog")
			require.NoError(t, err)
			caller, err := authenticate(t, issuer, token)
			require.NoError(t, err)
			expected := starter
			expected.Via, expected.Only, expected.Token = "run:4711", "catalog", token
			require.Equal(t, expected, caller)

			_, err = caller.At("permission")
			require.Equal(t, fault.NotAllowed, fault.KindOf(err))
			_, err = identity.Limit(token)
			require.Equal(t, fault.Authentication, fault.KindOf(err), "it becomes no cookie")
			_, err = issuer.Verify(t.Context(), token)
			require.Equal(t, fault.Authentication, fault.KindOf(err), "it is no user token")
			there, err := caller.At("catalog")
			if name == "a service that may do nothing" {
				require.Equal(t, fault.NotAllowed, fault.KindOf(err))
				return
			}
			require.NoError(t, err)
			require.Equal(t, starter.Restrictions, there.Restrictions)
			require.Empty(t, there.Only, "what it starts has the rights of the starter")
		})
	}
	_, err := issuer.IssueRun(t.Context(), "4711", identity.Principal{}, "catalog")
	require.Equal(t, fault.NotAllowed, fault.KindOf(err), "a run of which nobody knows who started it")
	_, err = issuer.IssueRun(t.Context(), "4711", identity.System("a sweep"), "catalog")
	require.Equal(t, fault.NotAllowed, fault.KindOf(err))
}

// TestOtherBackendsGetABriefUserToken: they know no other.
func TestOtherBackendsGetABriefUserToken(t *testing.T) {
	t.Parallel()
	issuer := newIssuer(t)
	ada := identity.Principal{Kind: identity.KindUser, Subject: "user:default/ada", Ownership: []string{"user:default/ada"}}
	token, err := issuer.IssueShort(t.Context(), ada)
	require.NoError(t, err)
	_, err = authenticate(t, issuer, token)
	require.NoError(t, err)
	limited, err := identity.Limit(token)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(identity.RunTokenLifetime), limited.ExpiresAt, 10*time.Second)
	for name, starter := range map[string]identity.Principal{
		"a service":         {Kind: identity.KindService, Subject: "external:ci"},
		"a restricted user": {Kind: identity.KindUser, Subject: "user:default/ada", Restrictions: []identity.Restriction{{Plugin: "catalog"}}},
		"nobody":            {},
	} {
		token, err := issuer.IssueShort(t.Context(), starter)
		require.NoError(t, err)
		require.Empty(t, token, name)
	}
}
