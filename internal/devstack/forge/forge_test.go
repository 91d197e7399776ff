package forge_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/devstack/forge"
)

func start(t *testing.T, options forge.Options) *forge.Forge {
	t.Helper()
	if options.DataDir == "" {
		options.DataDir = t.TempDir()
	}
	f, err := forge.Start(t.Context(), options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Stop(context.WithoutCancel(t.Context()))) })
	require.NoError(t, f.AddOrganization("demo", "Demo"))
	return f
}

// call sends a request with the token to the API and decodes the response.
func call(t *testing.T, f *forge.Forge, method, path, body string) (int, map[string]any) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, f.APIBaseURL()+path, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+f.Token())
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	decoded := map[string]any{}
	if len(content) > 0 && content[0] == '{' {
		require.NoError(t, json.Unmarshal(content, &decoded))
	}
	return response.StatusCode, decoded
}

// page reads a URL as a browser does.
func page(t *testing.T, address string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(content)
}

// gitIn runs git without the machine's configuration.
func gitIn(t *testing.T, directory string, args ...string) (string, error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "git", args...)
	command.Dir = directory
	command.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=ann@example.com", "GIT_COMMITTER_NAME=Ann", "GIT_COMMITTER_EMAIL=ann@example.com")
	output, err := command.CombinedOutput()
	return string(output), err
}

func withToken(f *forge.Forge, path string) string {
	return "http://x-access-token:" + f.Token() + "@" + f.Host() + path
}

func TestPushAndClone(t *testing.T) {
	t.Parallel()
	f := start(t, forge.Options{})
	status, created := call(t, f, http.MethodPost, "/orgs/demo/repos", `{"name": "shop", "private": true}`)
	require.Equal(t, http.StatusCreated, status)
	require.Equal(t, f.URL()+"/demo/shop", created["html_url"])
	require.Equal(t, f.URL()+"/demo/shop.git", created["clone_url"])

	work := t.TempDir()
	// More than git's post buffer, so that the push comes in chunks.
	require.NoError(t, os.WriteFile(filepath.Join(work, "big.bin"), randomBytes(t, 3<<20), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(work, "README.md"), []byte("# Shop <b>& more</b>\n"), 0o600))
	for _, args := range [][]string{
		{"init", "--quiet", "--initial-branch=trunk"}, {"add", "."}, {"commit", "--quiet", "-m", "first"},
	} {
		output, err := gitIn(t, work, args...)
		require.NoError(t, err, output)
	}

	output, err := gitIn(t, work, "push", "--quiet", f.URL()+"/demo/shop.git", "trunk")
	require.Error(t, err, "a push without the token")
	require.NotContains(t, output, f.Token())
	output, err = gitIn(t, work, "push", "--quiet", withToken(f, "/demo/shop.git"), "trunk")
	require.NoError(t, err, output)

	_, repository := call(t, f, http.MethodGet, "/repos/demo/shop", "")
	require.Equal(t, "trunk", repository["default_branch"], "the first pushed branch becomes the default one")

	output, err = gitIn(t, t.TempDir(), "clone", "--quiet", f.URL()+"/demo/shop.git")
	require.NoError(t, err, output)

	status, shown := page(t, f.URL()+"/demo/shop")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, shown, "# Shop &lt;b&gt;&amp; more&lt;/b&gt;", "the readme is shown as text")
	require.Contains(t, shown, `href="/demo/shop/blob/trunk/README.md"`)
	status, atCloneURL := page(t, f.URL()+"/demo/shop.git")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, shown, atCloneURL, "a browser at git's address ends up at the repository's page")
	for _, path := range []string{"/", "/demo", "/demo/shop/tree/trunk", "/demo/shop/blob/trunk/README.md",
		"/demo/shop/raw/trunk/README.md", "/demo/shop/commits", "/demo/shop/commits/trunk", "/demo/shop/issues", "/assets/forge.css"} {
		status, _ := page(t, f.URL()+path)
		require.Equal(t, http.StatusOK, status, path)
	}
	for _, path := range []string{"/nobody", "/demo/none", "/demo/none.git", "/demo/shop/blob/trunk/none", "/demo/shop/blob/none/README.md",
		"/demo/shop/commit/--help", "/api/v3/nothing"} {
		status, _ := page(t, f.URL()+path)
		require.Equal(t, http.StatusNotFound, status, path)
	}
}

func randomBytes(t *testing.T, n int64) []byte {
	t.Helper()
	source, err := os.Open("/dev/urandom")
	require.NoError(t, err)
	defer source.Close()
	content := make([]byte, n)
	_, err = io.ReadFull(source, content)
	require.NoError(t, err)
	return content
}

func TestARestartKeepsEverything(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	first, err := forge.Start(t.Context(), forge.Options{DataDir: directory})
	require.NoError(t, err)
	require.NoError(t, first.AddOrganization("demo", ""))
	require.NoError(t, first.AddTeam("demo", "Makers", ""))
	status, _ := call(t, first, http.MethodPost, "/orgs/demo/repos", `{"name": "shop", "description": "A shop"}`)
	require.Equal(t, http.StatusCreated, status)
	require.NoError(t, first.Stop(t.Context()))

	second := start(t, forge.Options{DataDir: directory})
	require.Equal(t, first.URL(), second.URL(), "links to it stay good")
	require.Equal(t, first.Token(), second.Token())
	_, repository := call(t, second, http.MethodGet, "/repos/demo/shop", "")
	require.Equal(t, "A shop", repository["description"])
	_, team := call(t, second, http.MethodGet, "/orgs/demo/teams/makers", "")
	require.Equal(t, "Makers", team["name"])
}

func TestOnlyLoopbackIsServed(t *testing.T) {
	t.Parallel()
	_, err := forge.Start(t.Context(), forge.Options{DataDir: t.TempDir(), Address: "0.0.0.0:0"})
	require.ErrorContains(t, err, "not a loopback address")
}

func TestReservedAndMalformedLogins(t *testing.T) {
	t.Parallel()
	f := start(t, forge.Options{})
	for _, login := range []string{"api", "assets", "", "a b", "../x", "-x"} {
		require.Error(t, f.AddUser(login, ""), login)
	}
	require.ErrorContains(t, f.AddUser("demo", ""), "of type Organization")
}

// forgeDirectory names the data directory to the process that TestAKilledForge starts.
const forgeDirectory = "PORTICO_TEST_FORGE_DIRECTORY"

// TestForgeProcess is not a test but a separate process: it creates and deletes repositories until it is
// killed, and prints each change that the forge confirmed.
func TestForgeProcess(t *testing.T) {
	directory := os.Getenv(forgeDirectory)
	if directory == "" {
		t.Skip("started by TestAKilledForge")
	}
	f := start(t, forge.Options{DataDir: directory})
	announce := func(change, name string) {
		_, err := fmt.Fprintln(os.Stdout, change, name)
		require.NoError(t, err)
	}
	for i := 0; ; i++ {
		name := fmt.Sprintf("r%d", i)
		status, _ := call(t, f, http.MethodPost, "/orgs/demo/repos", `{"name": "`+name+`"}`)
		require.Equal(t, http.StatusCreated, status)
		announce("created", name)
		if i%2 == 0 {
			status, _ = call(t, f, http.MethodDelete, "/repos/demo/"+name, "")
			require.Equal(t, http.StatusNoContent, status)
			announce("deleted", name)
		}
	}
}

func TestAKilledForge(t *testing.T) {
	t.Parallel()
	for lines := range 4 {
		directory := t.TempDir()
		process := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestForgeProcess$")
		process.Env = append(os.Environ(), forgeDirectory+"="+directory)
		output, err := process.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, process.Start())
		told := bufio.NewScanner(output)
		kept := map[string]bool{}
		for i := 0; i < 5+lines*3 && told.Scan(); i++ {
			change, name, _ := strings.Cut(told.Text(), " ")
			kept[name] = change == "created"
		}
		require.NoError(t, process.Process.Kill())
		for told.Scan() {
			change, name, _ := strings.Cut(told.Text(), " ")
			kept[name] = change == "created"
		}
		require.Error(t, process.Wait())

		f := start(t, forge.Options{DataDir: directory})
		missing := 0
		for name, created := range kept {
			status, _ := call(t, f, http.MethodGet, "/repos/demo/"+name, "")
			switch {
			case !created:
				require.Equal(t, http.StatusNotFound, status, name)
			case status == http.StatusNotFound:
				missing++
			default:
				require.Equal(t, http.StatusOK, status, name)
			}
		}
		require.LessOrEqual(t, missing, 1, "only the last deletion may be unconfirmed")
	}
}
