package proxy

import (
	"cmp"
	"errors"
	"regexp"

	"github.com/go-jose/go-jose/v4"

	"github.com/portico-dev/portico/config"
)

// The proxies, by the names that Backstage has for their providers.
const (
	GCPIAP   = "gcpIap"
	CFAccess = "cfaccess"
)

// IAP converts the configuration of Google Cloud's Identity-Aware Proxy:
// https://cloud.google.com/iap/docs/signed-headers-howto.
func IAP(configured config.GCPIAP) (Options, error) {
	if configured.Audience == "" {
		return Options{}, errors.New("audience is missing: it is the audience of the assertions, such as /projects/<number>/global/backendServices/<id>")
	}
	return Options{ID: GCPIAP, Header: cmp.Or(configured.JWTHeader, "x-goog-iap-jwt-assertion"), Issuer: "https://cloud.google.com/iap",
		Audience: configured.Audience, KeysURL: "https://www.gstatic.com/iap/verify/public_key-jwk", Algorithm: jose.ES256}, nil
}

var teamName = regexp.MustCompile(`^[a-zA-Z0-9-]+$`)

// Cloudflare converts the configuration of Cloudflare Access:
// https://developers.cloudflare.com/cloudflare-one/identity/authorization-cookie/validating-json/. Backstage does
// not have the audience, and accepts an assertion for any application of the team.
func Cloudflare(configured config.CFAccess) (Options, error) {
	if !teamName.MatchString(configured.TeamName) {
		return Options{}, errors.New("teamName must be the part of <team>.cloudflareaccess.com before the first dot")
	}
	if configured.Audience == "" {
		return Options{}, errors.New("audience is missing: it is the application's AUD tag")
	}
	issuer := "https://" + configured.TeamName + ".cloudflareaccess.com"
	return Options{ID: CFAccess, Header: cmp.Or(configured.JWTHeaderName, "cf-access-jwt-assertion"), Issuer: issuer, Audience: configured.Audience,
		KeysURL: issuer + "/cdn-cgi/access/certs", Algorithm: jose.RS256}, nil
}
