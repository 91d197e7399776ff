package identity

import (
	"context"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/portico-dev/portico/fault"
)

const (
	// pluginType is the type of the tokens with which the plugins of a Backstage call each other.
	pluginType = "vnd.backstage.plugin"
	// pluginLifetime is how long such a token is valid at most.
	pluginLifetime = time.Hour
)

// PluginKeys are the keys of the plugins that may call Portico's, by their ids. No key is fetched for any other
// plugin, whatever a token says.
type PluginKeys map[string]*KeySource

// pluginClaims are those of a plugin's token: sub is the calling plugin, and aud the called one.
type pluginClaims struct {
	jwt.Claims

	// OnBehalfOf is the limited token of the user for whom the plugin calls, if any.
	OnBehalfOf string `json:"obo"`
}

// verifyPlugin returns the principal of a plugin's token: a service, or the user for whom the plugin calls. It
// may be used at the called plugin alone.
func (a *Authenticator) verifyPlugin(ctx context.Context, token bearer) (Principal, error) {
	keys := a.plugins[token.claims.Subject]
	if keys == nil || token.algorithm != string(jose.ES256) {
		return Principal{}, fault.New(fault.Authentication, "Illegal token")
	}
	found, err := keys.Find(ctx, token.algorithm, token.keyID)
	if err != nil {
		return Principal{}, fault.Wrap(fault.Unavailable, err, "This token cannot be checked now: the keys of the plugin '%s' could not be fetched", token.claims.Subject)
	}
	claims, err := readPluginClaims(token, found)
	if err != nil {
		return Principal{}, err
	}
	plugin := "plugin:" + claims.Subject
	caller := Principal{Kind: KindService, Subject: plugin}
	if claims.OnBehalfOf != "" {
		if caller, err = a.issuer.verifyLimited(ctx, claims.OnBehalfOf); err != nil {
			return Principal{}, err
		}
		caller.Via = plugin
	}
	caller.Token, caller.Restrictions = token.raw, []Restriction{{Plugin: claims.Audience[0]}}
	return caller, nil
}

// readPluginClaims verifies the signature and the claims of a plugin's token.
func readPluginClaims(token bearer, keys []any) (pluginClaims, error) {
	for _, key := range keys {
		var claims pluginClaims
		if token.jwt.Claims(key, &claims) != nil {
			continue
		}
		if err := checkTime(claims.Claims); err != nil {
			return pluginClaims{}, err
		}
		isShort := claims.Expiry != nil && time.Until(claims.Expiry.Time()) <= pluginLifetime+clockSkew
		if len(claims.Audience) != 1 || claims.IssuedAt == nil || !isShort {
			break
		}
		return claims, nil
	}
	return pluginClaims{}, fault.New(fault.Authentication, "Illegal token")
}
