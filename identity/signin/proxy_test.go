package signin_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity/provider"
	"github.com/portico-dev/portico/identity/resolver"
	"github.com/portico-dev/portico/identity/signin"
)

// gate is a proxy that lets in whom it is told. What proxies sign is tested in package proxy.
type gate struct{ email string }

func (g gate) Identify(_ context.Context, headers http.Header) (provider.Person, error) {
	if headers.Get("Assertion") != "signed" {
		return provider.Person{}, fault.New(fault.Authentication, "The request did not come through the proxy")
	}
	return provider.Person{Subject: "1", Profile: provider.Profile{Email: g.email}}, nil
}

func TestWhoComesThroughAProxyIsAUserOfTheCatalog(t *testing.T) {
	t.Parallel()
	b := setUp(t)
	chain, err := resolver.New(resolver.Options{Provider: "gcpIap", Users: b.people, Entries: []resolver.Entry{{Name: byEmail}}})
	require.NoError(t, err)
	b.Proxies = map[string]signin.Proxy{"gcpIap": {Provider: gate{"ada@example.com"}, Resolvers: chain}}
	require.Equal(t, []string{"gcpIap", "guest"}, b.Configured("test"))
	require.True(t, b.IsDirect("gcpIap"))
	signed := http.Header{"Assertion": {"signed"}}

	_, err = b.Authenticate(t.Context(), "gcpIap", signed)
	require.Equal(t, fault.NotFound, fault.KindOf(err), "nobody has the address")
	require.Contains(t, b.log.String(), `tried.emailMatchingUserEntityProfileEmail="no User with spec.profile.email 'ada@example.com'"`)

	b.people.join("ada@example.com", "user:default/ada")
	session, err := b.Authenticate(t.Context(), "gcpIap", signed)
	require.NoError(t, err)
	require.Equal(t, "user:default/ada", session.UserRef)
	require.Equal(t, []string{"user:default/ada", "group:default/team-a"}, session.Ownership)
	require.Nil(t, session.Tokens)
	principal, err := b.Issuer.Verify(t.Context(), session.Token)
	require.NoError(t, err)
	require.Equal(t, "user:default/ada", principal.Subject)

	_, err = b.Authenticate(t.Context(), "gcpIap", http.Header{})
	require.Equal(t, fault.Authentication, fault.KindOf(err))
	address, err := b.SignOut(t.Context(), "gcpIap", "", "")
	require.NoError(t, err)
	require.Empty(t, address)
}
