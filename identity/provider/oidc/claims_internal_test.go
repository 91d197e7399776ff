package oidc

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/identity/provider"
)

// TestUnverifiedAddressesAreIgnored: at some issuers, people may enter anybody's address.
func TestUnverifiedAddressesAreIgnored(t *testing.T) {
	t.Parallel()
	for verified, expected := range map[any]string{true: "ada@example.com", "true": "ada@example.com", nil: "ada@example.com", false: "", "false": ""} {
		stated := claims{"sub": "1", "email": "ada@example.com", "name": "Ada", "email_verified": verified}
		require.Equal(t, provider.Person{Subject: "1", UserID: "1", Profile: provider.Profile{Email: expected, DisplayName: "Ada"}, Claims: stated}, stated.person(Options{}))
	}
}

func TestSomeProvidersHaveOtherClaims(t *testing.T) {
	t.Parallel()
	stated := claims{"sub": "pairwise", "oid": "4711", "nickname": "ada", "preferred_username": "other"}
	person := stated.person(Options{UserIDClaim: "oid", UsernameClaim: "nickname"})
	require.Equal(t, provider.Person{Subject: "pairwise", UserID: "4711", Username: "ada", Claims: stated}, person)
	require.Equal(t, "4711", claims{"id": float64(4711)}.text("id"))
}
