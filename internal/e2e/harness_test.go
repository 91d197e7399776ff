package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/devstack"
	"github.com/portico-dev/portico/internal/devstack/forge"
	"github.com/portico-dev/portico/internal/devstack/loopback"
)

const token = "e2e-token-0123456789"

// world is what a server and workers run against, and how the test reaches them.
type world struct {
	t      *testing.T
	binary string
	root   string
	config string
	url    string
	forge  *forge.Forge
}

// newWorld brings up the outside and writes a configuration for it. The schema is brought forward by the binary itself.
func newWorld(t *testing.T) *world {
	t.Helper()
	ctx := t.Context()
	dir := t.TempDir()
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	stack, err := devstack.Start(ctx, devstack.Options{DataDir: filepath.Join(dir, "stack"), CacheDir: filepath.Join(cache, "portico")})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stack.Stop(context.WithoutCancel(ctx))) })
	gitForge, err := forge.Start(ctx, forge.Options{DataDir: filepath.Join(dir, "forge")})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, gitForge.Stop(context.WithoutCancel(ctx))) })
	require.NoError(t, gitForge.AddOrganization("acme", "Acme"))
	ports, err := loopback.FreePorts(ctx, 1)
	require.NoError(t, err)

	w := &world{t: t, root: root, forge: gitForge, config: filepath.Join(dir, "app-config.yaml"), url: "http://" + loopback.Address(ports[0])}
	w.binary = w.findBinary()
	content := fmt.Sprintf(`
backend:
  baseUrl: %[1]s
  listen: { host: 127.0.0.1, port: %[2]d }
  auth:
    externalAccess: [{ type: static, options: { token: %[3]s, subject: e2e } }]
integrations:
  github: [{ host: %[4]q, apiBaseUrl: %[5]q, token: %[6]q }]
catalog:
  rules: [{ allow: [Component, API, Resource, System, Domain, Group, User, Location, Template] }]
  locations:
    - { type: file, target: examples/catalog/all.yaml }
    - { type: file, target: examples/templates/all.yaml }
portico:
  database: { url: %[7]q }
  temporal: { address: %[8]q }
  encryption: { keys: [{ id: e2e, key: bjXTd0aUXk2rJQ3L6q6u9ZPpGv9wGJmI9xXo6Y8r7Kk= }] }
  workspace: { url: %[9]q, cacheDirectory: %[10]q }
`, w.url, ports[0], token, gitForge.Host(), gitForge.APIBaseURL(), gitForge.Token(), stack.DSN(), stack.TemporalAddress(),
		"file://"+filepath.Join(dir, "workspaces"), filepath.Join(dir, "work"))
	require.NoError(t, os.WriteFile(w.config, []byte(content), 0o600))
	w.run("migrate")
	return w
}

// findBinary is the binary that was built for the tests, or one that is built now.
func (w *world) findBinary() string {
	if path := os.Getenv("PORTICO_BINARY"); path != "" {
		return path
	}
	path := filepath.Join(w.t.TempDir(), "portico")
	build := exec.CommandContext(w.t.Context(), "go", "build", "-o", path, "./cmd/portico")
	build.Dir = w.root
	output, err := build.CombinedOutput()
	require.NoError(w.t, err, string(output))
	return path
}

// run runs a command of the binary to its end.
func (w *world) run(args ...string) {
	w.t.Helper()
	command := exec.CommandContext(w.t.Context(), w.binary, append(args, "--config", w.config)...)
	command.Dir = w.root
	output, err := command.CombinedOutput()
	require.NoError(w.t, err, string(output))
}

// process is one part of Portico in a process of its own.
type process struct {
	command *exec.Cmd
	log     lockedBuffer
	ended   chan struct{}
}

// start starts a part; the test's end stops it.
func (w *world) start(part string) *process {
	w.t.Helper()
	p := &process{command: exec.Command(w.binary, part, "--config", w.config), ended: make(chan struct{})}
	p.command.Dir = w.root
	p.command.Stdout, p.command.Stderr = &p.log, &p.log
	require.NoError(w.t, p.command.Start())
	go func() {
		defer close(p.ended)
		_ = p.command.Wait() // how it ended is the test's own doing
	}()
	w.t.Cleanup(func() {
		p.kill()
		if w.t.Failed() {
			w.t.Logf("the log of %s:\n%s", part, p.log.String())
		}
	})
	return p
}

// kill ends the process as a power cut would.
func (p *process) kill() {
	_ = p.command.Process.Kill() // it may have ended already
	<-p.ended
}

type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(data []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(data)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

// get reads JSON from the API and answers the status.
func (w *world) get(path string, into any) int {
	return w.call(http.MethodGet, path, nil, into)
}

func (w *world) call(method, path string, body, into any) int {
	w.t.Helper()
	encoded, err := json.Marshal(body)
	require.NoError(w.t, err)
	request, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, bytes.NewReader(encoded))
	require.NoError(w.t, err)
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0 // not there, or not there yet
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	require.NoError(w.t, err)
	if into != nil && response.StatusCode < http.StatusBadRequest {
		require.NoError(w.t, json.Unmarshal(answer, into), string(answer))
	}
	return response.StatusCode
}

// until waits for a condition that other processes bring about.
func (w *world) until(what string, patience time.Duration, holds func() bool) {
	w.t.Helper()
	require.Eventually(w.t, holds, patience, 50*time.Millisecond, what)
}

// git asks the forge's repository on disk.
func (w *world) git(repository string, args ...string) string {
	w.t.Helper()
	url := fmt.Sprintf("http://x-access-token:%s@%s/%s.git", w.forge.Token(), w.forge.Host(), repository)
	clone := filepath.Join(w.t.TempDir(), "clone")
	output, err := exec.CommandContext(w.t.Context(), "git", "clone", "--quiet", url, clone).CombinedOutput()
	require.NoError(w.t, err, string(output))
	output, err = exec.CommandContext(w.t.Context(), "git", append([]string{"-C", clone}, args...)...).CombinedOutput()
	require.NoError(w.t, err, string(output))
	return strings.TrimSpace(string(output))
}
