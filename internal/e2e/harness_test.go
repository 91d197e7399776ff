package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/devstack/loopback"
	"github.com/portico-dev/portico/internal/githubapi"
	"github.com/portico-dev/portico/internal/testkit/forgetest"
)

const (
	token = "e2e-token-0123456789"
	// organization owns the repositories of the tests on the forge.
	organization = "demo"
	// patience is how long a run, or anything else that other processes bring about, may take on a machine
	// that is busy with other work. An entity that a killed worker was processing is processed again after a
	// minute and a half.
	patience = 3 * time.Minute
)

// world is what a server and workers run against, and how the test reaches them.
type world struct {
	t      *testing.T
	binary string
	dir    string
	config string
	url    string
	// databases are those that Portico and Temporal write to.
	databases []string
	queue     string
	logLevel  string
	forge     *forgetest.Server
	faults    *faults
	processes []*process
}

// newWorld makes a database, a task queue and a forge, and writes a configuration for them, to which the more
// specific ones are added. The schema is brought forward by the binary itself.
func newWorld(t *testing.T, more ...string) *world {
	t.Helper()
	database, dsn := shared.newDatabase(t)
	ports, err := loopback.FreePorts(t.Context(), 1)
	require.NoError(t, err)
	dir := t.TempDir()
	w := &world{t: t, binary: findBinary(t), dir: dir, config: filepath.Join(dir, "app-config.yaml"), forge: forgetest.Start(t),
		url: "http://" + loopback.Address(ports[0]), databases: []string{database, "portico_temporal", "portico_temporal_visibility"}, queue: database,
		logLevel: "info"}
	w.faults = injectFaults(w.forge)
	require.NoError(t, os.CopyFS(w.template("."), os.DirFS("testdata/templates")))
	content := fmt.Sprintf(`
backend:
  baseUrl: %[1]s
  listen: { host: 127.0.0.1, port: %[2]d }
  auth:
    externalAccess: [{ type: static, options: { token: %[3]s, subject: e2e } }]
integrations:
  github: [{ host: %[4]q, apiBaseUrl: %[5]q, rawBaseUrl: %[6]q, token: %[7]q }]
catalog:
  rules: [{ allow: [Component, API, Resource, System, Domain, Group, User, Location, Template] }]
  locations:
    - { type: file, target: examples/catalog/all.yaml }
    - { type: file, target: examples/templates/all.yaml }
    - { type: file, target: %[13]q }
    - { type: file, target: %[14]q }
portico:
  database: { url: %[8]q, maxConnections: 8 }
  temporal: { address: %[9]q, taskQueue: %[10]q }
  encryption: { keys: [{ id: e2e, key: bjXTd0aUXk2rJQ3L6q6u9ZPpGv9wGJmI9xXo6Y8r7Kk= }] }
  workspace: { url: %[11]q, cacheDirectory: %[12]q }
`, w.url, ports[0], token, w.forge.Host, w.forge.APIBaseURL, w.forge.URL, w.forge.Token(), dsn, shared.get(t).TemporalAddress(), w.queue,
		"file://"+w.bucket(), filepath.Join(dir, "work"), w.template("all.yaml"), w.template("no-yaml.yaml"))
	require.NoError(t, os.WriteFile(w.config, []byte(content), 0o600))
	for _, part := range more {
		w.config = w.configWith(part)
	}
	w.run("migrate")
	return w
}

// as is the same world for a subtest.
func (w *world) as(t *testing.T) *world {
	t.Helper()
	view := *w
	view.t = t
	return &view
}

// template is the path of a file of the world's own copy of the templates.
func (w *world) template(name string) string { return filepath.Join(w.dir, "templates", name) }

// bucket is the directory that snapshots of workspaces are kept in.
func (w *world) bucket() string { return filepath.Join(w.dir, "workspaces") }

// configWith writes a second configuration file; the answer names both, for --config.
func (w *world) configWith(content string) string {
	w.t.Helper()
	file, err := os.CreateTemp(w.dir, "app-config.*.yaml")
	require.NoError(w.t, err)
	defer file.Close()
	_, err = file.WriteString(content)
	require.NoError(w.t, err)
	return w.config + "," + file.Name()
}

func configFlags(files string) []string {
	var flags []string
	for file := range strings.SplitSeq(files, ",") {
		flags = append(flags, "--config", file)
	}
	return flags
}

const root = "../.."

// findBinary is the binary that PORTICO_BINARY names, or one that is built now.
func findBinary(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("PORTICO_BINARY"); path != "" {
		return path
	}
	path, err := buildBinary()
	require.NoError(t, err)
	return path
}

var buildBinary = sync.OnceValues(func() (string, error) {
	dir, err := shared.directory()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "portico")
	build := exec.Command("go", "build", "-o", path, "./cmd/portico")
	build.Dir = root
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the binary: %w\n%s", err, output)
	}
	return path, nil
})

// run runs a command of the binary to its end.
func (w *world) run(args ...string) {
	w.t.Helper()
	command := exec.CommandContext(w.t.Context(), w.binary, append(args, configFlags(w.config)...)...)
	command.Dir = root
	output, err := command.CombinedOutput()
	require.NoError(w.t, err, string(output))
}

// process is one part of Portico in a process of its own.
type process struct {
	part    string
	command *exec.Cmd
	log     lockedBuffer
	ended   chan struct{}
}

// start starts a part, configured as the world is unless config names files; the test's end stops it.
func (w *world) start(part string, config ...string) *process {
	w.t.Helper()
	files := w.config
	if len(config) > 0 {
		files = config[0]
	}
	return w.launch(part, append(configFlags(files), "--log-level", w.logLevel)...)
}

// launch starts a command of the binary; the test's end stops it.
func (w *world) launch(part string, arguments ...string) *process {
	w.t.Helper()
	p := &process{part: part, command: exec.Command(w.binary, append([]string{part}, arguments...)...), ended: make(chan struct{})}
	p.command.Dir = root
	p.command.Stdout, p.command.Stderr = &p.log, &p.log
	require.NoError(w.t, p.command.Start())
	go func() {
		defer close(p.ended)
		_ = p.command.Wait() // how it ended is the test's own doing
	}()
	w.processes = append(w.processes, p)
	w.t.Cleanup(func() {
		p.kill()
		if w.t.Failed() {
			w.t.Logf("the log of %s:\n%s", part, p.log.String())
		}
	})
	return p
}

// startServing starts a server and waits until it serves and its catalog holds a template.
func (w *world) startServing(template string) *process {
	w.t.Helper()
	server := w.start("server")
	w.untilServed(template)
	return server
}

func (w *world) untilServed(template string) {
	w.t.Helper()
	w.until("the template "+template+" to be in the catalog", func() bool {
		return w.get("/api/catalog/entities/by-name/template/default/"+template, nil) == http.StatusOK
	})
}

// kill ends the process as a power cut would.
func (p *process) kill() {
	_ = p.command.Process.Kill() // it may have ended already
	<-p.ended
}

// terminate asks the process to stop.
func (p *process) terminate(t *testing.T) {
	t.Helper()
	require.NoError(t, p.command.Process.Signal(syscall.SIGTERM))
}

// exitCode waits for the process to end.
func (p *process) exitCode(t *testing.T, grace time.Duration) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(grace):
		require.Fail(t, "it does not stop", "%s, %s after SIGTERM", p.part, grace)
	}
	return p.command.ProcessState.ExitCode()
}

func (p *process) isRunning() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
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
	w.t.Helper()
	return w.call(http.MethodGet, path, nil, into)
}

// call answers the status, 0 when nobody is there.
func (w *world) call(method, path string, body, into any) int {
	w.t.Helper()
	status, answer := w.exchange(method, path, body)
	if into != nil && status != 0 && status < http.StatusBadRequest {
		require.NoError(w.t, json.Unmarshal(answer, into), string(answer))
	}
	return status
}

func (w *world) exchange(method, path string, body any) (status int, answer []byte) {
	w.t.Helper()
	encoded, err := json.Marshal(body)
	require.NoError(w.t, err)
	request, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, bytes.NewReader(encoded))
	require.NoError(w.t, err)
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil
	}
	defer response.Body.Close()
	if answer, err = io.ReadAll(response.Body); err != nil {
		return 0, nil
	}
	return response.StatusCode, answer
}

// until waits for a condition that other processes bring about.
func (w *world) until(what string, holds func() bool) {
	w.t.Helper()
	require.Eventually(w.t, holds, patience, 50*time.Millisecond, what)
}

// git clones a repository from the forge and asks git about it.
func (w *world) git(repository string, args ...string) string {
	w.t.Helper()
	clone := filepath.Join(w.t.TempDir(), "clone")
	w.mustGit("", "clone", "--quiet", w.cloneURL(repository), clone)
	return w.mustGit(clone, args...)
}

func (w *world) cloneURL(repository string) string {
	return fmt.Sprintf("http://x-access-token:%s@%s/%s/%s.git", w.forge.Token(), w.forge.Host, organization, repository)
}

func (w *world) mustGit(dir string, args ...string) string {
	w.t.Helper()
	command := exec.CommandContext(w.t.Context(), "git", args...)
	command.Dir = dir
	output, err := command.CombinedOutput()
	require.NoError(w.t, err, string(output))
	return strings.TrimSpace(string(output))
}

// forgeCall makes a request to the forge's API, past all faults, and answers the status.
func (w *world) forgeCall(method, path string, body any) int {
	w.t.Helper()
	encoded, err := json.Marshal(body)
	require.NoError(w.t, err)
	request := httptest.NewRequestWithContext(w.t.Context(), method, githubapi.Prefix+path, bytes.NewReader(encoded))
	request.Host = w.forge.Host
	request.Header.Set("Authorization", "Bearer "+w.forge.Token())
	answer := httptest.NewRecorder()
	w.forge.Handler().ServeHTTP(answer, request)
	return answer.Code
}
