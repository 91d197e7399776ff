package forge_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/go-github/v60/github"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/devstack/forge"
	"github.com/portico-dev/portico/internal/testkit/forgetest"
)

const appID = 4711

// claimsOf are the valid claims of an App.
func claimsOf() jwt.Claims {
	now := time.Now()
	return jwt.Claims{
		Issuer: "4711", IssuedAt: jwt.NewNumericDate(now.Add(-time.Minute)), Expiry: jwt.NewNumericDate(now.Add(9 * time.Minute)),
	}
}

// assert signs claims with a private key in PEM.
func assert(t *testing.T, private string, claims jwt.Claims) string {
	t.Helper()
	block, _ := pem.Decode([]byte(private))
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	require.NoError(t, err)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, nil)
	require.NoError(t, err)
	signed, err := jwt.Signed(signer).Claims(claims).Serialize()
	require.NoError(t, err)
	return signed
}

// startWithApp serves a forge with an App that has these permissions and is installed for demo.
func startWithApp(t *testing.T, permissions map[string]string, repositories ...string) (*forgetest.Server, *github.Client) {
	t.Helper()
	server := forgetest.Start(t)
	private := server.RegisterApp(t, appID, permissions)
	require.NoError(t, server.Install(forge.Installation{AppID: appID, Owner: "demo", Repositories: repositories}))
	return server, clientOf(t, server, assert(t, private, claimsOf()))
}

// tokenFor requests a token of the App's installation for demo.
func tokenFor(t *testing.T, app *github.Client, options *github.InstallationTokenOptions) string {
	t.Helper()
	installation, _, err := app.Apps.FindOrganizationInstallation(t.Context(), "demo")
	require.NoError(t, err)
	token, _, err := app.Apps.CreateInstallationToken(t.Context(), installation.GetID(), options)
	require.NoError(t, err)
	require.InDelta(t, time.Hour.Seconds(), time.Until(token.GetExpiresAt().Time).Seconds(), 5)
	return token.GetToken()
}

func TestJWTsOfAppsAreVerified(t *testing.T) {
	t.Parallel()
	server := forgetest.Start(t)
	private := server.RegisterApp(t, appID, nil)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	otherKey := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(other)}))
	at := func(offset time.Duration) *jwt.NumericDate { return jwt.NewNumericDate(time.Now().Add(offset)) }
	for name, test := range map[string]struct {
		private string
		change  func(*jwt.Claims)
		status  int
		says    string
	}{
		"right":              {private, func(*jwt.Claims) {}, http.StatusOK, ""},
		"another key":        {otherKey, func(*jwt.Claims) {}, http.StatusUnauthorized, "A JSON web token could not be decoded"},
		"another App":        {private, func(c *jwt.Claims) { c.Issuer = "1" }, http.StatusNotFound, "Integration not found"},
		"no App":             {private, func(c *jwt.Claims) { c.Issuer = "" }, http.StatusNotFound, "Integration not found"},
		"from the future":    {private, func(c *jwt.Claims) { c.IssuedAt = at(time.Minute) }, http.StatusUnauthorized, "'Issued at' claim"},
		"without a date":     {private, func(c *jwt.Claims) { c.IssuedAt = nil }, http.StatusUnauthorized, "'Issued at' claim"},
		"over":               {private, func(c *jwt.Claims) { c.Expiry = at(-time.Second) }, http.StatusUnauthorized, "'Expiration time' claim"},
		"without an end":     {private, func(c *jwt.Claims) { c.Expiry = nil }, http.StatusUnauthorized, "'Expiration time' claim"},
		"valid for too long": {private, func(c *jwt.Claims) { c.Expiry = at(11 * time.Minute) }, http.StatusUnauthorized, "too far in the future"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			claims := claimsOf()
			test.change(&claims)
			_, _, err := clientOf(t, server, assert(t, test.private, claims)).Apps.ListInstallations(t.Context(), nil)
			if test.says == "" {
				require.NoError(t, err)
				return
			}
			requireStatus(t, err, test.status)
			require.ErrorContains(t, err, test.says)
		})
	}
	for _, token := range []string{"", server.Token(), "a.b.c"} {
		_, _, err := clientOf(t, server, token).Apps.ListInstallations(t.Context(), nil)
		requireStatus(t, err, http.StatusUnauthorized)
	}
}

func TestInstallations(t *testing.T) {
	t.Parallel()
	server, app := startWithApp(t, map[string]string{"contents": "read"})
	ctx := t.Context()
	require.NoError(t, server.Install(forge.Installation{AppID: appID, Owner: "Ann", Repositories: []string{"notes"}, Suspended: true}))
	all, _, err := app.Apps.ListInstallations(ctx, nil)
	require.NoError(t, err)
	require.Len(t, all, 2)
	ann, _, err := app.Apps.FindUserInstallation(ctx, "ann")
	require.NoError(t, err)
	require.Equal(t, "ann", ann.GetAccount().GetLogin())
	require.Equal(t, "selected", ann.GetRepositorySelection())
	require.NotNil(t, ann.SuspendedAt)
	_, _, err = app.Apps.FindOrganizationInstallation(ctx, "ann")
	requireStatus(t, err, http.StatusNotFound)
	_, _, err = app.Apps.FindUserInstallation(ctx, "nobody")
	requireStatus(t, err, http.StatusNotFound)
	_, _, err = app.Apps.CreateInstallationToken(ctx, ann.GetID(), &github.InstallationTokenOptions{})
	requireStatus(t, err, http.StatusForbidden)
	_, _, err = app.Apps.CreateInstallationToken(ctx, 1, &github.InstallationTokenOptions{})
	requireStatus(t, err, http.StatusNotFound)
	_, _, err = app.Users.Get(ctx, "ann")
	requireStatus(t, err, http.StatusForbidden)

	require.NoError(t, server.Uninstall(appID, "ann"))
	_, _, err = app.Apps.FindUserInstallation(ctx, "ann")
	requireStatus(t, err, http.StatusNotFound)
	require.Error(t, server.Install(forge.Installation{AppID: 1, Owner: "demo"}))
	require.Error(t, server.Install(forge.Installation{AppID: appID, Owner: "nobody"}))
}

func TestTokensAreRestrictedToTheirPermissions(t *testing.T) {
	t.Parallel()
	server, app := startWithApp(t, map[string]string{"contents": "write", "administration": "write", "members": "read"})
	publishShop(t, server)
	ctx := t.Context()
	_, _, err := clientOf(t, server, server.Token()).Repositories.Create(ctx, "", &github.Repository{Name: new("mine"), Private: new(true)})
	require.NoError(t, err)

	whole := clientOf(t, server, tokenFor(t, app, &github.InstallationTokenOptions{}))
	_, _, err = whole.Repositories.Edit(ctx, "demo", "shop", &github.Repository{Description: new("ours")})
	require.NoError(t, err)
	_, _, err = whole.Teams.GetTeamBySlug(ctx, "demo", "makers")
	require.NoError(t, err)
	_, _, err = whole.Repositories.Get(ctx, forge.DefaultUser, "mine")
	requireStatus(t, err, http.StatusNotFound)
	_, _, err = whole.Users.Get(ctx, "")
	requireStatus(t, err, http.StatusForbidden)
	_, _, err = whole.Actions.ListRepoVariables(ctx, "demo", "shop", nil)
	requireStatus(t, err, http.StatusForbidden)

	reading := clientOf(t, server, tokenFor(t, app, &github.InstallationTokenOptions{
		Repositories: []string{"shop"}, Permissions: &github.InstallationPermissions{Contents: new("read")},
	}))
	_, _, err = reading.Repositories.GetCommitSHA1(ctx, "demo", "shop", "main", "")
	require.NoError(t, err)
	_, err = reading.Repositories.Delete(ctx, "demo", "shop")
	requireStatus(t, err, http.StatusForbidden)
	_, _, err = whole.Repositories.Create(ctx, "demo", &github.Repository{Name: new("other"), Private: new(true)})
	require.NoError(t, err)
	_, _, err = reading.Repositories.Get(ctx, "demo", "other")
	requireStatus(t, err, http.StatusNotFound)

	for message, options := range map[string]*github.InstallationTokenOptions{
		"permissions requested are not granted": {Permissions: &github.InstallationPermissions{Issues: new("read")}},
		"at least one repository":               {Repositories: []string{"none"}},
	} {
		installation, _, err := app.Apps.FindOrganizationInstallation(ctx, "demo")
		require.NoError(t, err)
		_, _, err = app.Apps.CreateInstallationToken(ctx, installation.GetID(), options)
		requireStatus(t, err, http.StatusUnprocessableEntity)
		require.ErrorContains(t, err, message)
	}

	require.NoError(t, server.Install(forge.Installation{AppID: appID, Owner: "demo", Suspended: true}))
	_, _, err = reading.Repositories.Get(ctx, "demo", "shop")
	requireStatus(t, err, http.StatusForbidden)
	require.NoError(t, server.Uninstall(appID, "demo"))
	_, _, err = reading.Repositories.Get(ctx, "demo", "shop")
	requireStatus(t, err, http.StatusUnauthorized)
}

func TestAnInstallationForSomeRepositories(t *testing.T) {
	t.Parallel()
	server, app := startWithApp(t, map[string]string{"administration": "write"}, "shop")
	publishShop(t, server)
	ctx := t.Context()
	user := clientOf(t, server, server.Token())
	for name, private := range map[string]bool{"hidden": true, "open": false} {
		_, _, err := user.Repositories.Create(ctx, "demo", &github.Repository{Name: &name, Private: &private})
		require.NoError(t, err)
	}
	client := clientOf(t, server, tokenFor(t, app, &github.InstallationTokenOptions{}))
	_, _, err := client.Repositories.Get(ctx, "demo", "hidden")
	requireStatus(t, err, http.StatusNotFound)
	_, _, err = client.Repositories.Get(ctx, "demo", "open")
	require.NoError(t, err)
	_, err = client.Repositories.Delete(ctx, "demo", "open")
	requireStatus(t, err, http.StatusForbidden)
	_, _, err = client.Repositories.Create(ctx, "demo", &github.Repository{Name: new("made"), Private: new(true)})
	require.NoError(t, err)
	_, _, err = client.Repositories.Get(ctx, "demo", "made")
	require.NoError(t, err, "what it creates it may work on")
	require.NoError(t, server.AddOrganization("other", ""))
	_, _, err = client.Repositories.Create(ctx, "other", &github.Repository{Name: new("made")})
	requireStatus(t, err, http.StatusForbidden)
}

func TestRepositoriesOfAnInstallation(t *testing.T) {
	t.Parallel()
	for selection, repositories := range map[string][]string{"all": nil, "selected": {"shop"}} {
		t.Run(selection, func(t *testing.T) {
			t.Parallel()
			server, app := startWithApp(t, map[string]string{"administration": "write"}, repositories...)
			publishShop(t, server)
			client := clientOf(t, server, tokenFor(t, app, &github.InstallationTokenOptions{}))
			request, err := client.NewRequest(http.MethodGet, "installation/repositories?per_page=1", nil)
			require.NoError(t, err)
			var reached struct {
				Total        int                 `json:"total_count"`
				Selection    string              `json:"repository_selection"`
				Repositories []github.Repository `json:"repositories"`
			}
			_, err = client.Do(t.Context(), request, &reached)
			require.NoError(t, err)
			require.Equal(t, selection, reached.Selection)
			require.Equal(t, 1, reached.Total)
			require.Equal(t, "demo/shop", reached.Repositories[0].GetFullName())
			_, _, err = clientOf(t, server, server.Token()).Apps.ListRepos(t.Context(), nil)
			requireStatus(t, err, http.StatusForbidden)
		})
	}
}

func TestAnInstallationPushes(t *testing.T) {
	t.Parallel()
	server, app := startWithApp(t, map[string]string{"contents": "write"})
	publishShop(t, server)
	work := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(work, "x"), nil, 0o600))
	for _, args := range [][]string{{"init", "--quiet"}, {"add", "."}, {"commit", "--quiet", "-m", "x"}} {
		output, err := gitIn(t, work, args...)
		require.NoError(t, err, output)
	}
	for level, allowed := range map[string]bool{"read": false, "write": true} {
		token := tokenFor(t, app, &github.InstallationTokenOptions{Permissions: &github.InstallationPermissions{Contents: &level}})
		output, err := gitIn(t, work, "push", "--quiet", "http://x-access-token:"+token+"@"+server.Host+"/demo/shop.git", "HEAD:refs/heads/"+level)
		require.Equal(t, allowed, err == nil, output)
		if !allowed {
			require.Contains(t, output, "403")
		}
	}
}

func TestAnInstallationPushesWorkflowsOnlyWithThePermission(t *testing.T) {
	t.Parallel()
	server, app := startWithApp(t, map[string]string{"contents": "write", "workflows": "write"})
	publishShop(t, server)
	work := t.TempDir()
	commit := func(content string) {
		require.NoError(t, os.MkdirAll(filepath.Join(work, ".github", "workflows"), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(work, ".github", "workflows", "ci & test.yml"), []byte(content), 0o600))
		for _, args := range [][]string{{"init", "--quiet"}, {"add", "."}, {"commit", "--quiet", "-m", "x"}} {
			output, err := gitIn(t, work, args...)
			require.NoError(t, err, output)
		}
	}
	push := func(permissions *github.InstallationPermissions, source, branch string) (string, error) {
		token := tokenFor(t, app, &github.InstallationTokenOptions{Permissions: permissions})
		return gitIn(t, work, "push", "--porcelain", "http://x-access-token:"+token+"@"+server.Host+"/demo/shop.git", source+":refs/heads/"+branch)
	}
	without := &github.InstallationPermissions{Contents: new("write")}
	with := &github.InstallationPermissions{Contents: new("write"), Workflows: new("write")}
	refusal := "refusing to allow a GitHub App to create or update workflow `.github/workflows/ci & test.yml` without `workflows` permission"

	commit("on: push\n")
	output, err := push(without, "HEAD", "one")
	require.Error(t, err)
	require.Contains(t, output, refusal)
	require.Contains(t, output, "[remote rejected]")
	output, err = push(with, "HEAD", "one")
	require.NoError(t, err, output)
	output, err = push(without, "HEAD", "two")
	require.NoError(t, err, "another branch has the same file: %s", output)

	commit("on: pull_request\n")
	output, err = push(without, "HEAD", "two")
	require.Error(t, err)
	require.Contains(t, output, refusal)
	output, err = push(without, "", "two")
	require.NoError(t, err, "a branch is deleted: %s", output)
}

func TestARestartKeepsAppsButNotTheirTokens(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	private := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	first, err := forge.Start(t.Context(), forge.Options{DataDir: directory})
	require.NoError(t, err)
	require.NoError(t, first.AddApp(forge.App{ID: appID, Name: "Portico", PublicKey: &key.PublicKey, Permissions: map[string]string{"contents": "read"}}))
	require.NoError(t, first.Install(forge.Installation{AppID: appID, Owner: forge.DefaultUser}))
	installations := func(f *forge.Forge) []*github.Installation {
		client := github.NewClient(nil).WithAuthToken(assert(t, private, claimsOf()))
		client.BaseURL.Scheme, client.BaseURL.Host, client.BaseURL.Path = "http", f.Host(), "/api/v3/"
		all, _, err := client.Apps.ListInstallations(t.Context(), nil)
		require.NoError(t, err)
		return all
	}
	before := installations(first)
	require.NoError(t, first.Stop(context.WithoutCancel(t.Context())))
	second := start(t, forge.Options{DataDir: directory})
	require.Equal(t, before[0].GetID(), installations(second)[0].GetID())
	files, err := filepath.Glob(filepath.Join(directory, "apps", "*"))
	require.NoError(t, err)
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NotContains(t, string(content), "PRIVATE")
	}
}
