package github

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/go-github/v60/github"

	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/internal/cache"
)

// App is a GitHub App, from integrations.github[].apps. Each of its installations issues tokens that are
// valid for an hour, restricted to one owner and the needed permissions.
type App struct {
	ID int64
	// PrivateKey is an RSA key in PEM, in which \n may stand for a line break. It is a secret.
	PrivateKey string
	// AllowedOwners, when not nil, are the only owners whose installations are used.
	AllowedOwners []string
	// PublicAccess allows a token of any installation for reading public repositories where there is no other
	// token.
	PublicAccess bool
}

// String describes the App without its key.
func (a App) String() string { return "GitHub App " + strconv.FormatInt(a.ID, 10) }

const (
	// assertionSkew is the tolerated difference between this machine's clock and GitHub's. GitHub accepts an
	// App's assertion for ten minutes at most; this half lies before now and half after.
	assertionSkew = 5 * time.Minute
	// installedFor is the time for which a found installation is cached. absentFor is the shorter time for a
	// missing or unusable one, because somebody may be fixing it at this moment.
	installedFor = 10 * time.Minute
	absentFor    = time.Minute
	// tokenMargin is the time before its expiry at which a token is replaced, so that it outlives any push
	// that began with it.
	tokenMargin = 10 * time.Minute
	// maxTokens bounds the repository tokens of an App. Beyond it, readers share one token for all
	// repositories of an owner: a catalog of thousands of repositories would otherwise request thousands of
	// tokens an hour.
	maxTokens = 500
)

// app issues tokens for one App on one host.
type app struct {
	App
	host          string
	signer        jose.Signer
	client        *github.Client
	installations cache.Cache[installation]
	tokens        cache.Cache[string]
}

// installation is an App's installation at one owner. The zero value means that there is none.
type installation struct {
	ID          int64             `json:"id"`
	Permissions map[string]string `json:"permissions"`
	SuspendedAt *time.Time        `json:"suspended_at"`
	Account     struct {
		Login string `json:"login"`
		Type  string `json:"type"`
	} `json:"account"`
}

// remembered returns the installation as a cache entry with its expiry.
func (i installation) remembered() cache.Fresh[installation] {
	if i.ID == 0 || i.SuspendedAt != nil {
		return cache.Fresh[installation]{Value: i, Until: time.Now().Add(absentFor)}
	}
	return cache.Fresh[installation]{Value: i, Until: time.Now().Add(installedFor)}
}

// absentError says why an App has no token for an owner. Another credential may have one.
type absentError struct{ reason string }

func (e *absentError) Error() string { return e.reason }

func newApp(config App, host Config, transport http.RoundTripper) (*app, error) {
	key, err := parsePrivateKey(config.PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("%s of '%s': privateKey: %w", config, host.Host, err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, nil)
	if err != nil {
		return nil, fmt.Errorf("%s of '%s': privateKey: %w", config, host.Host, err)
	}
	a := &app{App: config, host: host.Host, signer: signer}
	a.client, err = newClient(host, transport, a, false)
	return a, err
}

func parsePrivateKey(text string) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(strings.ReplaceAll(text, `\n`, "\n")))
	if block == nil {
		return nil, errors.New("not in PEM: give the file that GitHub made for the App, with $file, or as one line with \\n for line ends")
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if key, is := parsed.(*rsa.PrivateKey); err == nil && is {
		return key, nil
	}
	return nil, errors.New("not an RSA private key")
}

// credential authenticates the App itself, with a signed assertion that is valid for some minutes.
func (a *app) credential(context.Context) (Credential, error) {
	now := time.Now()
	claims := jwt.Claims{
		Issuer: strconv.FormatInt(a.ID, 10), IssuedAt: jwt.NewNumericDate(now.Add(-assertionSkew)),
		Expiry: jwt.NewNumericDate(now.Add(assertionSkew)),
	}
	token, err := jwt.Signed(a.signer).Claims(claims).Serialize()
	if err != nil {
		return Credential{}, fmt.Errorf("%s: sign a token: %w", a, err)
	}
	return Credential{Token: token}, nil
}

// refused implements authenticator. A retry makes no sense, because every request is signed anew.
func (*app) refused(string) bool { return false }

// revoked drops a token that GitHub no longer accepts, and reports whether it was this App's.
func (a *app) revoked(token string) bool {
	return a.tokens.Drop(func(_, kept string) bool { return kept == token })
}

// token is the installation's token for the access, or an *absentError.
func (a *app) token(ctx context.Context, access Access) (Credential, error) {
	if !a.allows(access.Owner) {
		return Credential{}, &absentError{fmt.Sprintf("%s is not to be used for %s (allowedInstallationOwners)", a, access.Owner)}
	}
	if access.reads() && a.tokens.Size() >= maxTokens {
		access.Repository = ""
	}
	credential, err := a.tryToken(ctx, access)
	if isAnswer(err, http.StatusNotFound) {
		// The cached installation has gone, and may have been replaced by another.
		a.forgetInstallation(access.Owner)
		credential, err = a.tryToken(ctx, access)
	}
	return credential, a.explain(access, err)
}

func (a *app) tryToken(ctx context.Context, access Access) (Credential, error) {
	installed, err := a.installations.Get(ctx, ownerKey(access.Owner), func(ctx context.Context) (cache.Fresh[installation], error) {
		return a.findInstallation(ctx, access.Owner)
	})
	switch {
	case err != nil:
		return Credential{}, err
	case installed.ID == 0:
		return Credential{}, &absentError{fmt.Sprintf("%s is not installed for %s", a, access.Owner)}
	case installed.SuspendedAt != nil:
		return Credential{}, a.suspended(access.Owner)
	}
	return a.installationToken(ctx, installed, access)
}

func (a *app) suspended(owner string) error {
	return &integration.ResponseError{
		Status: http.StatusForbidden, Problem: fmt.Sprintf("%s is suspended by %s on %s", a, owner, a.host),
		Next: fmt.Sprintf("Have an owner of %s end the suspension, under its installed GitHub Apps", owner),
	}
}

func (a *app) allows(owner string) bool {
	return a.AllowedOwners == nil || slices.ContainsFunc(a.AllowedOwners, func(allowed string) bool { return strings.EqualFold(allowed, owner) })
}

func ownerKey(owner string) string { return strings.ToLower(owner) }

func (a *app) forgetInstallation(owner string) {
	a.installations.Drop(func(key string, _ installation) bool { return key == ownerKey(owner) })
}

// findInstallation looks for the owner as an organization and as a user, for which GitHub has separate
// endpoints.
func (a *app) findInstallation(ctx context.Context, owner string) (cache.Fresh[installation], error) {
	var found installation
	for _, kind := range []string{"orgs", "users"} {
		err := a.call(ctx, http.MethodGet, kind+"/"+url.PathEscape(owner)+"/installation", nil, &found)
		if err == nil {
			break
		}
		if !isAnswer(err, http.StatusNotFound) || isUnknownApp(err) {
			return cache.Fresh[installation]{}, a.explain(Access{Owner: owner}, err)
		}
	}
	return found.remembered(), nil
}

func (a *app) installationToken(ctx context.Context, installed installation, access Access) (Credential, error) {
	token, err := a.tokens.Get(ctx, access.key(installed.ID), func(ctx context.Context) (cache.Fresh[string], error) {
		return a.mint(ctx, installed.ID, access)
	})
	if err == nil {
		// GitHub limits the requests of an installation, whatever token it has.
		return Credential{Token: token, Name: fmt.Sprintf("%s/app/%d/%d", a.host, a.ID, installed.ID), OfApp: true}, nil
	}
	missing := access.missing(installed.Permissions)
	if !isAnswer(err, http.StatusUnprocessableEntity) || missing == "" {
		return Credential{}, err
	}
	return Credential{}, &integration.ResponseError{
		Status: http.StatusUnprocessableEntity, Problem: fmt.Sprintf("%s lacks a permission for %s on %s: %s", a, access.Owner, a.host, missing),
		Next: fmt.Sprintf("Add it on the App's settings page, and have an owner of %s accept it", access.Owner),
	}
}

// mint requests a new token.
func (a *app) mint(ctx context.Context, installationID int64, access Access) (cache.Fresh[string], error) {
	body := map[string]any{"permissions": access.permissions()}
	if access.Repository != "" {
		body["repositories"] = []string{access.Repository}
	}
	var minted struct {
		Token     string    `json:"token"`
		ExpiresAt time.Time `json:"expires_at"`
	}
	path := fmt.Sprintf("app/installations/%d/access_tokens", installationID)
	if err := a.call(ctx, http.MethodPost, path, body, &minted); err != nil {
		return cache.Fresh[string]{}, err
	}
	return cache.Fresh[string]{Value: minted.Token, Until: minted.ExpiresAt.Add(-tokenMargin)}, nil
}

// publicToken is a token of any installation, for reading public repositories, or an *absentError.
func (a *app) publicToken(ctx context.Context) (Credential, error) {
	const nobody = ""
	installed, err := a.installations.Get(ctx, ownerKey(nobody), a.findAnyInstallation)
	if err != nil {
		return Credential{}, err
	}
	if installed.ID == 0 {
		return Credential{}, &absentError{fmt.Sprintf("%s is installed for nobody", a)}
	}
	access := Access{Owner: installed.Account.Login}
	credential, err := a.installationToken(ctx, installed, access)
	if isAnswer(err, http.StatusNotFound) {
		a.forgetInstallation(nobody)
	}
	return credential, a.explain(access, err)
}

func (a *app) findAnyInstallation(ctx context.Context) (cache.Fresh[installation], error) {
	var all []installation
	if err := a.call(ctx, http.MethodGet, "app/installations?per_page=100", nil, &all); err != nil {
		return cache.Fresh[installation]{}, a.explain(Access{Owner: "any owner"}, err)
	}
	usable := slices.IndexFunc(all, func(one installation) bool { return one.SuspendedAt == nil })
	if usable < 0 {
		return installation{}.remembered(), nil
	}
	return all[usable].remembered(), nil
}

func (a *app) call(ctx context.Context, method, path string, body, into any) error {
	request, err := a.client.NewRequest(method, path, body)
	if err != nil {
		return err
	}
	_, err = a.client.Do(ctx, request, into)
	return err
}

// isAnswer reports whether GitHub answered with a status.
func isAnswer(err error, status int) bool {
	var answer *github.ErrorResponse
	return errors.As(err, &answer) && answer.Response.StatusCode == status
}

// isUnknownApp distinguishes an App that GitHub does not know from one that is not installed: both have the
// same status.
func isUnknownApp(err error) bool {
	var answer *github.ErrorResponse
	return errors.As(err, &answer) && strings.Contains(answer.Message, "Integration not found")
}

// explain describes GitHub's refusal of a token and what to do about it.
func (a *app) explain(access Access, err error) error {
	var answer *github.ErrorResponse
	if !errors.As(err, &answer) {
		return a.explainFailure(access, err)
	}
	status, skew := answer.Response.StatusCode, clockSkew(answer.Response.Header)
	refused := func(problem, next string) error {
		return &integration.ResponseError{Status: status, Problem: a.noToken(access) + problem, Next: next}
	}
	switch {
	case isUnknownApp(err):
		return refused("there is no App with this appId", "Compare appId with the App's settings page")
	case status == http.StatusUnauthorized && skew.Abs() >= assertionSkew/2:
		return refused(fmt.Sprintf("this machine's clock is %s off", skew.Abs().Round(time.Minute)), "Set the clock, best by NTP")
	case status == http.StatusUnauthorized:
		return refused("privateKey is not a key of this App ("+answer.Message+")",
			"Make a private key on the App's settings page and configure it, or correct appId")
	case status == http.StatusNotFound:
		return &absentError{fmt.Sprintf("%s is not installed for %s any more", a, access.Owner)}
	case status == http.StatusUnprocessableEntity && access.Repository != "":
		return &absentError{fmt.Sprintf("%s is installed for %s, but not for its repository %s", a, access.Owner, access.Repository)}
	case status == http.StatusForbidden || status == http.StatusUnprocessableEntity:
		return refused(answer.Message, fmt.Sprintf("Look at the App among the installed GitHub Apps of %s", access.Owner))
	default:
		return a.explainFailure(access, err)
	}
}

// explainFailure adds the App's name to an error that is not a refusal.
func (a *app) explainFailure(access Access, err error) error {
	_, absent := errors.AsType[*absentError](err)
	_, explained := errors.AsType[*integration.ResponseError](err)
	if err == nil || absent || explained {
		return err
	}
	failed := requestError(a.client.BaseURL.String()+"app/installations", err)
	if answered, is := errors.AsType[*integration.ResponseError](failed); is {
		answered.Problem = a.noToken(access) + answered.Problem
		return answered
	}
	return fmt.Errorf("%s%w", a.noToken(access), failed)
}

func (a *app) noToken(access Access) string {
	return fmt.Sprintf("%s got no token for %s from %s: ", a, access.Owner, a.host)
}

// clockSkew is how far this machine's clock is ahead of the response's Date header, 0 without the header.
func clockSkew(header http.Header) time.Duration {
	dated, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return 0
	}
	return time.Since(dated)
}
