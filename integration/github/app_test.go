package github_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-github/v60/github"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	githubhost "github.com/portico-dev/portico/integration/github"
	"github.com/portico-dev/portico/internal/devstack/forge"
	"github.com/portico-dev/portico/internal/testkit/forgetest"
)

const appID = 4711

// appBundle is a forge with one App, which may read contents and is installed for the organization demo and
// its private repository shop.
type appBundle struct {
	*forgetest.Server
	app githubhost.App

	mutex sync.Mutex
	// asked lists the requests with the App's own JWT, and their bodies.
	asked []string
}

func newAppBundle(t *testing.T) *appBundle {
	t.Helper()
	b := &appBundle{Server: forgetest.Start(t)}
	b.app = githubhost.App{ID: appID, PrivateKey: b.RegisterApp(t, appID, map[string]string{"contents": "read"})}
	require.NoError(t, b.Install(forge.Installation{AppID: appID, Owner: "demo"}))
	b.publish(t, "demo", "shop", true)
	b.Inject(b.record)
	return b
}

// publish creates a repository with a file.
func (b *appBundle) publish(t *testing.T, owner, name string, private bool) {
	t.Helper()
	client := github.NewClient(nil).WithAuthToken(b.Token())
	client.BaseURL.Scheme, client.BaseURL.Host, client.BaseURL.Path = "http", b.Host, "/api/v3/"
	organization := owner
	if owner == forge.DefaultUser {
		organization = ""
	}
	_, _, err := client.Repositories.Create(t.Context(), organization, &github.Repository{Name: &name, Private: &private})
	require.NoError(t, err)
	directory := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(directory, "catalog-info.yaml"), []byte("of "+name), 0o600))
	for _, args := range [][]string{
		{"init", "--quiet", "--initial-branch=main"}, {"add", "."},
		{"-c", "user.name=Ann", "-c", "user.email=ann@example.com", "commit", "--quiet", "-m", "first"},
		{"push", "--quiet", "http://x-access-token:" + b.Token() + "@" + b.Host + "/" + owner + "/" + name + ".git", "main"},
	} {
		command := exec.CommandContext(t.Context(), "git", args...)
		command.Dir = directory
		command.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
		output, err := command.CombinedOutput()
		require.NoError(t, err, string(output))
	}
}

func (b *appBundle) record(r *http.Request) forgetest.Fault {
	path := strings.TrimPrefix(r.URL.Path, "/api/v3")
	if !strings.HasPrefix(path, "/app/") && !strings.HasSuffix(path, "/installation") {
		return nil
	}
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(err)
		}
		b.mutex.Lock()
		b.asked = append(b.asked, r.Method+" "+path+strings.TrimSpace(" "+string(body)))
		b.mutex.Unlock()
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		next.ServeHTTP(w, r)
	}
}

// mints counts the requested tokens.
func (b *appBundle) mints() []string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return slices.DeleteFunc(slices.Clone(b.asked), func(line string) bool { return !strings.Contains(line, "access_tokens") })
}

func (b *appBundle) file(owner, name string) string {
	return b.URL + "/" + owner + "/" + name + "/blob/main/catalog-info.yaml"
}

// set has the forge with these Apps and a token.
func (b *appBundle) set(t *testing.T, token string, apps ...githubhost.App) *integration.Set {
	t.Helper()
	set, err := forges.New(forges.Config{
		GitHub: []githubhost.Config{{Host: b.Host, APIBaseURL: b.APIBaseURL, RawBaseURL: b.URL, Token: token, Apps: apps}},
	}, integration.Options{})
	require.NoError(t, err)
	return set
}

func TestAnAppReadsWhereItIsInstalled(t *testing.T) {
	t.Parallel()
	b := newAppBundle(t)
	set := b.set(t, "", b.app)

	read, err := set.ReadURL(t.Context(), b.file("demo", "shop"), integration.ReadOptions{})
	require.NoError(t, err)
	require.Equal(t, "of shop", string(read.Body))
	found, err := set.Search(t.Context(), b.URL+"/Demo/shop/blob/main/*.yaml", integration.ReadOptions{})
	require.NoError(t, err)
	require.Len(t, found.Files, 1)
	tree, err := set.ReadTree(t.Context(), b.URL+"/demo/shop", integration.ReadOptions{})
	require.NoError(t, err)
	var names []string
	for file, err := range tree.Files() {
		require.NoError(t, err)
		names = append(names, file.Path)
	}
	require.Equal(t, []string{"catalog-info.yaml"}, names)
	_, err = set.ReadTree(t.Context(), b.URL+"/demo/shop", integration.ReadOptions{ETag: tree.ETag})
	require.ErrorIs(t, err, integration.ErrNotModified)

	require.Len(t, b.asked, 2, "who is installed, and one token for all of it: %s", b.asked)
	require.Equal(t, "GET /orgs/demo/installation", b.asked[0])
	_, body, _ := strings.Cut(b.asked[1], "access_tokens")
	require.JSONEq(t, `{"permissions": {"contents": "read", "metadata": "read"}, "repositories": ["shop"]}`, body)
}

func TestTheTokenIsUsedWhereNoAppIsInstalled(t *testing.T) {
	t.Parallel()
	b := newAppBundle(t)
	b.publish(t, forge.DefaultUser, "dotfiles", true)
	set := b.set(t, b.Token(), b.app)
	_, err := set.ReadURL(t.Context(), b.file(forge.DefaultUser, "dotfiles"), integration.ReadOptions{})
	require.NoError(t, err)
	require.Equal(t, []string{"GET /orgs/portico/installation", "GET /users/portico/installation"}, b.asked)
	_, err = set.ReadURL(t.Context(), b.file("demo", "shop"), integration.ReadOptions{Token: b.Token()})
	require.NoError(t, err)
	require.Empty(t, b.mints(), "a token of the caller's own goes before an App's")
}

func TestPublicRepositoriesAreReadWithoutAToken(t *testing.T) {
	t.Parallel()
	b := newAppBundle(t)
	require.NoError(t, b.AddOrganization("other", ""))
	b.publish(t, "other", "open", false)
	b.publish(t, "other", "closed", true)
	b.publish(t, "demo", "open", false)
	require.NoError(t, b.Install(forge.Installation{AppID: appID, Owner: "demo", Repositories: []string{"shop"}}))
	set := b.set(t, "", b.app)
	for _, owner := range []string{"other", "demo"} {
		read, err := set.ReadTree(t.Context(), b.URL+"/"+owner+"/open", integration.ReadOptions{})
		require.NoError(t, err)
		read.Close()
	}
	for name, reason := range map[string]string{
		"other/closed": "GitHub App 4711 is not installed for other",
		"demo/none":    "GitHub App 4711 is installed for demo, but not for its repository none",
	} {
		_, err := set.ReadTree(t.Context(), b.URL+"/"+name, integration.ReadOptions{})
		require.Equal(t, fault.NotFound, fault.KindOf(err))
		require.EqualError(t, err, "Request failed for "+b.APIBaseURL+"/repos/"+name+", 404 Not Found ("+reason+")")
		for _, path := range []string{"catalog-info.yaml", "*.yaml"} {
			_, err = set.Search(t.Context(), b.URL+"/"+name+"/blob/main/"+path, integration.ReadOptions{})
			require.Equal(t, fault.NotFound, fault.KindOf(err))
			require.ErrorContains(t, err, "404 Not Found ("+reason+")")
		}
	}
	found, err := set.Search(t.Context(), b.URL+"/demo/shop/blob/main/none.yaml", integration.ReadOptions{})
	require.NoError(t, err, "what may be seen and is not there")
	require.Empty(t, found.Files)
}

func TestPublicAccessReadsWithAnyInstallation(t *testing.T) {
	t.Parallel()
	b := newAppBundle(t)
	require.NoError(t, b.AddOrganization("other", ""))
	b.publish(t, "other", "open", false)
	open := b.app
	open.PublicAccess = true
	_, err := b.set(t, "", b.app, open).ReadURL(t.Context(), b.file("other", "open"), integration.ReadOptions{})
	require.NoError(t, err)
	require.Contains(t, b.asked, "GET /app/installations")
	require.Len(t, b.mints(), 1)

	client, err := githubhost.ClientFor(b.set(t, "", open), b.Host, githubhost.Access{Owner: "other", Permissions: map[string]string{"contents": "write"}}, "")
	require.NoError(t, err)
	credential, err := client.Credential(t.Context())
	require.NoError(t, err)
	require.Empty(t, credential.Token, "it is for reading")
	require.Equal(t, []string{"GitHub App 4711 is not installed for other"}, credential.Absent)
}

func TestOnlyAllowedOwnersInstallationsAreUsed(t *testing.T) {
	t.Parallel()
	b := newAppBundle(t)
	for owner, allowed := range map[string][]string{"demo": {"DEMO"}, "none": {}, "other": {"other"}} {
		limited := b.app
		limited.AllowedOwners = allowed
		client, err := githubhost.ClientFor(b.set(t, "", limited), b.Host, githubhost.Access{Owner: "demo"}, "")
		require.NoError(t, err)
		credential, err := client.Credential(t.Context())
		require.NoError(t, err)
		require.Equal(t, owner == "demo", credential.Token != "", owner)
	}
	require.Len(t, b.mints(), 1)
}

func TestTheFirstAppThatIsInstalledIsUsed(t *testing.T) {
	t.Parallel()
	b := newAppBundle(t)
	elsewhere := githubhost.App{ID: 1, PrivateKey: b.RegisterApp(t, 1, map[string]string{"contents": "read"})}
	unknown := githubhost.App{ID: 2, PrivateKey: b.app.PrivateKey}
	_, err := b.set(t, "", elsewhere, unknown, b.app).ReadURL(t.Context(), b.file("demo", "shop"), integration.ReadOptions{})
	require.NoError(t, err, "what is wrong with one App does not matter where another is installed")
}

func TestConcurrentCallersShareOneTokenRequest(t *testing.T) {
	t.Parallel()
	b := newAppBundle(t)
	set := b.set(t, "", b.app)
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			_, err := set.ReadURL(t.Context(), b.file("demo", "shop"), integration.ReadOptions{})
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	require.Len(t, b.asked, 2)
}

func TestARevokedTokenIsReplaced(t *testing.T) {
	t.Parallel()
	b := newAppBundle(t)
	set := b.set(t, "", b.app)
	read := func() error {
		_, err := set.ReadURL(t.Context(), b.file("demo", "shop"), integration.ReadOptions{})
		return err
	}
	require.NoError(t, read())
	require.NoError(t, b.Uninstall(appID, "demo"))
	require.NoError(t, b.Install(forge.Installation{AppID: appID, Owner: "demo"}))
	require.NoError(t, read(), "the cached token and installation were dropped")
	require.Len(t, b.mints(), 3, "one that worked, one for what was gone, and one for the new installation: %s", b.mints())
	require.NoError(t, b.Uninstall(appID, "demo"))
	require.ErrorContains(t, read(), "GitHub App 4711 is not installed for demo")
}

// inProcess serves requests without a network, for tests in a synctest bubble.
type inProcess struct{ handler http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	served := r.Clone(r.Context())
	if served.Body == nil {
		served.Body = http.NoBody
	}
	recorder := httptest.NewRecorder()
	p.handler.ServeHTTP(recorder, served)
	return recorder.Result(), nil
}

func TestTokensAreRefreshedBeforeTheyExpire(t *testing.T) {
	t.Parallel()
	private := forgetest.Start(t).RegisterApp(t, appID, nil)
	synctest.Test(t, func(t *testing.T) {
		local, err := forge.New(t.Context(), forge.Options{DataDir: t.TempDir()})
		require.NoError(t, err)
		block, _ := pem.Decode([]byte(private))
		key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
		require.NoError(t, err)
		require.NoError(t, local.AddApp(forge.App{ID: appID, Name: "Portico", PublicKey: &key.PublicKey, Permissions: map[string]string{"contents": "read"}}))
		require.NoError(t, local.Install(forge.Installation{AppID: appID, Owner: forge.DefaultUser}))
		set, err := forges.New(forges.Config{GitHub: []githubhost.Config{{
			Host: "127.0.0.1:1", APIBaseURL: "http://127.0.0.1:1/api/v3",
			// Line ends may be written as \n, as in an environment variable.
			Apps: []githubhost.App{{ID: appID, PrivateKey: strings.ReplaceAll(private, "\n", `\n`)}},
		}}}, integration.Options{Transport: inProcess{local.Handler()}})
		require.NoError(t, err)
		client, err := githubhost.ClientFor(set, "127.0.0.1:1", githubhost.Access{Owner: forge.DefaultUser}, "")
		require.NoError(t, err)
		after := func(wait time.Duration) string {
			time.Sleep(wait) //nolint:forbidigo // in the bubble, where it takes no time
			credential, err := client.Credential(t.Context())
			require.NoError(t, err)
			_, _, err = client.Users.Get(t.Context(), forge.DefaultUser)
			require.NoError(t, err, "the forge takes the token")
			return credential.Token
		}
		first := after(0)
		require.Equal(t, first, after(49*time.Minute))
		second := after(2 * time.Minute)
		require.NotEqual(t, first, second, "ten minutes are left of it")
		require.NotEqual(t, second, after(2*time.Hour))
	})
}

func TestALaterInstallationIsFound(t *testing.T) {
	t.Parallel()
	private := forgetest.Start(t).RegisterApp(t, appID, nil)
	installed := false
	transport := inProcess{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/access_tokens"):
			w.WriteHeader(http.StatusCreated)
			fmt.Fprintf(w, `{"token": "ghs_1", "expires_at": %q}`, time.Now().Add(time.Hour).Format(time.RFC3339))
		case installed:
			fmt.Fprint(w, `{"id": 1}`)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	})}
	synctest.Test(t, func(t *testing.T) {
		set, err := forges.New(forges.Config{
			GitHub: []githubhost.Config{{Apps: []githubhost.App{{ID: appID, PrivateKey: private}}}},
		}, integration.Options{Transport: transport})
		require.NoError(t, err)
		client, err := githubhost.ClientFor(set, "github.com", githubhost.Access{Owner: "demo"}, "")
		require.NoError(t, err)
		token := func() string {
			credential, err := client.Credential(t.Context())
			require.NoError(t, err)
			return credential.Token
		}
		require.Empty(t, token())
		installed = true
		require.Empty(t, token(), "it is not asked for with every request")
		time.Sleep(time.Minute) //nolint:forbidigo // in the bubble, where it takes no time
		require.Equal(t, "ghs_1", token())
	})
}

// TestManyRepositoriesShareTokens: a catalog of thousands of repositories must not request a token for each.
func TestManyRepositoriesShareTokens(t *testing.T) {
	t.Parallel()
	private := forgetest.Start(t).RegisterApp(t, appID, nil)
	narrowed, shared := 0, 0
	set, err := forges.New(forges.Config{GitHub: []githubhost.Config{{Apps: []githubhost.App{{ID: appID, PrivateKey: private}}}}},
		integration.Options{Transport: inProcess{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, "/access_tokens") {
				fmt.Fprint(w, `{"id": 1}`)
				return
			}
			var body struct{ Repositories []string }
			if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
				panic(err)
			}
			narrowed += len(body.Repositories)
			shared += 1 - len(body.Repositories)
			w.WriteHeader(http.StatusCreated)
			fmt.Fprintf(w, `{"token": "ghs_1", "expires_at": %q}`, time.Now().Add(time.Hour).Format(time.RFC3339))
		})}})
	require.NoError(t, err)
	for i := range 600 {
		client, err := githubhost.ClientFor(set, "github.com", githubhost.Access{Owner: "demo", Repository: fmt.Sprint("r", i)}, "")
		require.NoError(t, err)
		_, err = client.Credential(t.Context())
		require.NoError(t, err)
	}
	require.Equal(t, 500, narrowed)
	require.Equal(t, 1, shared)
}

func TestErrorsOfAppsAreExplained(t *testing.T) {
	t.Parallel()
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(other)
	require.NoError(t, err)
	otherKey := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}))
	for name, test := range map[string]struct {
		prepare   func(*testing.T, *appBundle)
		problem   string
		next      string
		temporary bool
	}{
		"another App's key": {
			func(_ *testing.T, b *appBundle) { b.app.PrivateKey = otherKey },
			"GitHub App 4711 got no token for demo from HOST: privateKey is not a key of this App (A JSON web token could not be decoded)",
			"Make a private key on the App's settings page and configure it, or correct appId", false,
		},
		"no such App": {
			func(_ *testing.T, b *appBundle) { b.app.ID = 1 },
			"GitHub App 1 got no token for demo from HOST: there is no App with this appId",
			"Compare appId with the App's settings page", false,
		},
		"suspended": {
			func(t *testing.T, b *appBundle) {
				t.Helper()
				require.NoError(t, b.Install(forge.Installation{AppID: appID, Owner: "demo", Suspended: true}))
			},
			"GitHub App 4711 is suspended by demo on HOST",
			"Have an owner of demo end the suspension, under its installed GitHub Apps", false,
		},
		"lacks a permission": {
			func(t *testing.T, b *appBundle) {
				t.Helper()
				b.RegisterApp(t, appID, map[string]string{"issues": "write"})
			},
			"GitHub App 4711 lacks a permission for demo on HOST: contents: read",
			"Add it on the App's settings page, and have an owner of demo accept it", false,
		},
		"refused": {
			func(_ *testing.T, b *appBundle) {
				b.Inject(onPath("/access_tokens", forgetest.Answer(http.StatusForbidden, "Not today", nil)))
			},
			"GitHub App 4711 got no token for demo from HOST: Not today",
			"Look at the App among the installed GitHub Apps of demo", false,
		},
		"a clock that is off": {
			func(_ *testing.T, b *appBundle) {
				b.Inject(onPath("/installation", forgetest.Answer(http.StatusUnauthorized, "'Expiration time' claim ('exp') is too far in the future",
					http.Header{"Date": {time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat)}})))
			},
			"GitHub App 4711 got no token for demo from HOST: this machine's clock is 1h0m0s off", "Set the clock, best by NTP", false,
		},
		"GitHub is ill": {
			func(_ *testing.T, b *appBundle) {
				b.Inject(onPath("/access_tokens", forgetest.Answer(http.StatusBadGateway, "Bad Gateway", nil)))
			},
			"GitHub App 4711 got no token for demo from HOST: Request failed for http://HOST/api/v3/app/installations, 502 Bad Gateway", "", true,
		},
		"too much was asked": {
			func(_ *testing.T, b *appBundle) {
				b.Inject(onPath("/access_tokens", forgetest.Limited(7*time.Second)))
			},
			"GitHub App 4711 got no token for demo from HOST: Request failed for http://HOST/api/v3/app/installations, " +
				"429 Too Many Requests (rate limit exceeded)", "", true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newAppBundle(t)
			test.prepare(t, b)
			set := b.set(t, b.Token(), b.app)
			var failed *integration.ResponseError
			_, err := set.ReadURL(t.Context(), b.file("demo", "shop"), integration.ReadOptions{})
			require.ErrorAs(t, err, &failed)
			require.Equal(t, strings.ReplaceAll(test.problem, "HOST", b.Host), failed.Problem)
			require.Equal(t, test.next, failed.Next)
			require.Equal(t, test.temporary, failed.Temporary())
			require.NotContains(t, err.Error(), "BEGIN")

			b.Inject(nil)
			_, err = set.ReadURL(t.Context(), b.URL+"/"+forge.DefaultUser+"/none/blob/main/x", integration.ReadOptions{})
			require.Error(t, err)
		})
	}
}

func onPath(suffix string, answer forgetest.Fault) func(*http.Request) forgetest.Fault {
	return func(r *http.Request) forgetest.Fault {
		if strings.HasSuffix(r.URL.Path, suffix) {
			return answer
		}
		return nil
	}
}

func TestAppsOfAnUnreachableHostFail(t *testing.T) {
	t.Parallel()
	b := newAppBundle(t)
	b.Inject(onPath("/installation", forgetest.DropBefore))
	_, err := b.set(t, "", b.app).ReadURL(t.Context(), b.file("demo", "shop"), integration.ReadOptions{})
	require.ErrorContains(t, err, "GitHub App 4711 got no token for demo from "+b.Host)
	require.ErrorIs(t, err, io.EOF)
	var final *integration.ResponseError
	require.NotErrorAs(t, err, &final)
}

func TestInvalidAppsAreRefused(t *testing.T) {
	t.Parallel()
	elliptical, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(elliptical)
	require.NoError(t, err)
	for message, gitHub := range map[string]githubhost.Config{
		"GitHub App 1 of 'github.com': privateKey: not in PEM: give the file that GitHub made for the App, with $file, or as one line with \\n for line ends": {
			Apps: []githubhost.App{{ID: 1, PrivateKey: "secret"}},
		},
		"GitHub App 1 of 'github.com': privateKey: not an RSA private key": {
			Apps: []githubhost.App{{ID: 1, PrivateKey: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}))}},
		},
		"GitHub integration 'ghe.example.com': apps need an apiBaseUrl": {
			Host: "ghe.example.com", RawBaseURL: "https://raw.example.com", Apps: []githubhost.App{{ID: 1}},
		},
	} {
		_, err := forges.New(forges.Config{GitHub: []githubhost.Config{gitHub}}, integration.Options{})
		require.EqualError(t, err, message)
	}
}

func TestAnAppsKeyIsNotShown(t *testing.T) {
	t.Parallel()
	gitHub := githubhost.Config{Host: "ghe.example.com", Apps: []githubhost.App{{ID: 1, PrivateKey: "secret"}}}
	require.Equal(t, "github{host=ghe.example.com,authed=true}", gitHub.String())
	require.NotContains(t, fmt.Sprintf("%v %s %+v", gitHub, gitHub.Apps, gitHub.Apps), "secret")
}
