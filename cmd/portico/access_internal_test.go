package main

import (
	"encoding/base64"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/identity"
)

// legacyToken is what Backstage's older backends send each other.
func legacyToken(t *testing.T, secret string) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: []byte(secret)}, nil)
	require.NoError(t, err)
	token, err := jwt.Signed(signer).Claims(jwt.Claims{Subject: "backstage-server", Expiry: jwt.NewNumericDate(time.Now().Add(time.Hour))}).Serialize()
	require.NoError(t, err)
	return token
}

func TestExternalAccessIsReadFromTheConfiguration(t *testing.T) {
	t.Parallel()
	shared, older := strings.Repeat("shared", 6), strings.Repeat("older", 7)
	access, err := externalAccess(config.BackendAuth{
		ExternalAccess: []config.ExternalAccess{
			{Type: config.AccessStatic, Options: config.ExternalAccessOptions{Token: "static-token", Subject: "ci"}},
			{
				Type:    config.AccessLegacy,
				Options: config.ExternalAccessOptions{Secret: config.Secret(base64.URLEncoding.EncodeToString([]byte(shared))), Subject: "old-backend"},
				AccessRestrictions: []config.AccessRestriction{{
					Plugin: "catalog", Permission: []string{"catalog.entity.read"}, PermissionAttribute: config.PermissionAttribute{Action: []string{"read"}},
				}},
			},
			{Type: config.AccessJWKS, Options: config.ExternalAccessOptions{URL: "http://127.0.0.1:9/keys", Issuer: []string{"https://issuer.example"}}},
		},
		Keys: []config.SharedKey{{Secret: config.Secret(base64.StdEncoding.EncodeToString([]byte(older)))}},
	}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	authenticator := identity.NewAuthenticator(nil, access)
	for token, expected := range map[string]identity.Principal{
		"static-token":         {Subject: "ci"},
		legacyToken(t, shared): {Subject: "old-backend", Restrictions: []identity.Restriction{{Plugin: "catalog", Permissions: []string{"catalog.entity.read"}, Actions: []string{"read"}}}},
		legacyToken(t, older):  {Subject: "external:backstage-plugin"},
	} {
		principal, err := authenticator.Authenticate(t.Context(), token)
		require.NoError(t, err)
		expected.Kind, expected.Token = identity.KindService, token
		require.Equal(t, expected, principal)
	}
	_, err = externalAccess(config.BackendAuth{ExternalAccess: []config.ExternalAccess{{Type: "magic"}}}, nil)
	require.EqualError(t, err, `backend.auth.externalAccess[0]: type "magic" is not known`)
}
