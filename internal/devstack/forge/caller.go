package forge

import (
	"crypto/subtle"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// caller is the sender of a request. The zero value is anonymous.
type caller struct {
	// isUser means that the caller has the forge's own token, whose user owns everything.
	isUser bool
	// app is an App that authenticates as itself.
	app *registration
	// grant is the permissions of an installation's token, and installation its installation.
	grant        *grant
	installation installed
}

// userScopes are the scopes of the user's token, which GitHub sends with every response to a classic token.
const userScopes = "admin:org, delete_repo, repo, workflow"

func (c caller) isAnybody() bool { return !c.isUser && c.app == nil && c.grant == nil }

// covers reports whether an installation's token is for a repository.
func (c caller) covers(repo *repository) bool {
	return c.grant != nil && c.installation.includes(repo) && (len(c.grant.repositories) == 0 || containsName(c.grant.repositories, repo.Name))
}

// sees reports whether a repository exists for the caller.
func (c caller) sees(repo *repository) bool {
	return repo.Settings.Visibility == visibilityPublic || c.isUser || c.covers(repo)
}

var (
	errBadToken     = &apiError{status: http.StatusUnauthorized, message: "Bad credentials"}
	errTokenMissing = &apiError{status: http.StatusUnauthorized, message: "Requires authentication"}

	errNoAssertion          = &apiError{status: http.StatusUnauthorized, message: "A JSON web token could not be decoded"}
	errUnknownApp           = &apiError{status: http.StatusNotFound, message: "Integration not found"}
	errAssertedTooSoon      = &apiError{status: http.StatusUnauthorized, message: "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"}
	errAssertionEnded       = &apiError{status: http.StatusUnauthorized, message: "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires"}
	errAssertedTooLong      = &apiError{status: http.StatusUnauthorized, message: "'Expiration time' claim ('exp') is too far in the future"}
	errNotForApps           = &apiError{status: http.StatusForbidden, message: "Resource not accessible by integration"}
	errOnlyForInstallations = &apiError{
		status: http.StatusForbidden, message: "You must authenticate with an installation access token in order to list repositories for an installation.",
	}
	errSuspended = &apiError{status: http.StatusForbidden, message: "This installation has been suspended"}
)

// identify authenticates a request. Invalid credentials are an *apiError.
func (f *Forge) identify(r *http.Request) (caller, error) {
	presented := presentedTokens(r)
	for _, token := range presented {
		if subtle.ConstantTimeCompare([]byte(token), []byte(f.token)) == 1 {
			return caller{isUser: true}, nil
		}
		if found := f.grants.find(token); found != nil {
			return f.identifyInstallation(found)
		}
		if strings.Count(token, ".") == 2 {
			app, err := f.identifyApp(token)
			return caller{app: app}, err
		}
	}
	if len(presented) > 0 {
		return caller{}, errBadToken
	}
	return caller{}, nil
}

func (f *Forge) identifyInstallation(given *grant) (caller, error) {
	_, found, err := f.store.installation(given.installationID)
	if err != nil {
		return caller{}, errBadToken
	}
	if found.SuspendedAt != nil {
		return caller{}, errSuspended
	}
	return caller{grant: given, installation: found}, nil
}

// maxAssertion is the maximum remaining lifetime of an App's assertion.
const maxAssertion = 10 * time.Minute

// identifyApp verifies an App's assertion, as GitHub does: signed by its key, and for ten minutes at most.
func (f *Forge) identifyApp(assertion string) (*registration, error) {
	parsed, err := jwt.ParseSigned(assertion, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return nil, errNoAssertion
	}
	var claims jwt.Claims
	if err := parsed.UnsafeClaimsWithoutVerification(&claims); err != nil {
		return nil, errNoAssertion
	}
	id, err := strconv.ParseInt(claims.Issuer, 10, 64)
	if err != nil {
		return nil, errUnknownApp
	}
	app, err := f.store.app(id)
	if err != nil {
		return nil, errUnknownApp
	}
	key, err := app.key()
	if err != nil {
		return nil, err
	}
	if err := parsed.Claims(key, &claims); err != nil {
		return nil, errNoAssertion
	}
	switch {
	case claims.IssuedAt == nil || claims.IssuedAt.Time().After(time.Now()):
		return nil, errAssertedTooSoon
	case claims.Expiry == nil || !claims.Expiry.Time().After(time.Now()):
		return nil, errAssertionEnded
	case time.Until(claims.Expiry.Time()) > maxAssertion:
		return nil, errAssertedTooLong
	}
	return app, nil
}

// presentedTokens lists the possible tokens: GitHub accepts one as the user name or the password of basic
// authentication.
func presentedTokens(r *http.Request) []string {
	if user, password, ok := r.BasicAuth(); ok {
		return []string{password, user}
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") || strings.EqualFold(scheme, "token") {
		return []string{token}
	}
	return nil
}

// The callers of a route besides the user: an App with a permission, "contents:read", or as these constants
// say.
const (
	// forAnybody needs no permission.
	forAnybody = ""
	// forTheApp requires the App itself.
	forTheApp = "the App"
	// forUsers rejects Apps.
	forUsers = "users"
	// forInstallations requires an installation's token.
	forInstallations = "installations"
)

// admit checks whether the caller may make a call that needs a permission.
func (f *Forge) admit(x *exchange, needs string) error {
	switch {
	case needs == forTheApp && x.caller.app == nil:
		return errNoAssertion
	case needs == forInstallations && x.caller.grant == nil:
		return errOnlyForInstallations
	case needs == forInstallations:
		return nil
	case needs == forTheApp || x.caller.isUser:
		return nil
	case x.caller.isAnybody() && x.r.Method != http.MethodGet:
		return errTokenMissing
	case x.caller.app != nil || x.caller.grant != nil && needs == forUsers:
		return errNotForApps
	case x.caller.grant != nil && needs != forAnybody:
		return f.admitInstallation(x, needs)
	}
	return nil
}

// admitInstallation checks a token's owner, repositories and permissions. Public repositories may be read
// like by anybody.
func (f *Forge) admitInstallation(x *exchange, needs string) error {
	if x.value("repo") != "" {
		repo, err := f.store.repository(x.value("owner"), x.value("repo"))
		switch {
		case err != nil || !x.caller.sees(repo):
			return errHidden
		case !x.caller.covers(repo) && x.r.Method == http.MethodGet:
			return nil
		case !x.caller.covers(repo):
			return errNotForApps
		}
	} else if !strings.EqualFold(x.value("org"), x.caller.installation.Login) {
		return errNotForApps
	}
	if !x.caller.grant.allows(needs) {
		return errNotForApps
	}
	return nil
}
