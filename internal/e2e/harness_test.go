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
	// patience is how long a run, or any other work of the processes, may take on a busy machine.
	patience = 3 * time.Minute
)

// system is an installation of Portico: its configuration, database, task queue, forge and processes.
type system struct {
	t      testing.TB
	binary string
	dir    string
	config string
	url    string
	// databases are those of Portico and Temporal.
	databases []string
	queue     string
	logLevel  string
	forge     *forgetest.Server
	faults    *faults
	processes []*process
}

// newSystem creates a database, a task queue and a forge, and writes a configuration for them. more are
// further configuration files, which override it. The binary itself migrates the database.
func newSystem(t testing.TB, more ...string) *system {
	t.Helper()
	database, dsn := shared.newDatabase(t)
	ports, err := loopback.FreePorts(t.Context(), 1)
	require.NoError(t, err)
	dir := t.TempDir()
	s := &system{t: t, binary: findBinary(t), dir: dir, config: filepath.Join(dir, "app-config.yaml"), forge: forgetest.Start(t),
		url: "http://" + loopback.Address(ports[0]), databases: []string{database, "portico_temporal", "portico_temporal_visibility"}, queue: database,
		logLevel: "info"}
	s.faults = injectFaults(s.forge)
	require.NoError(t, os.CopyFS(s.template("."), os.DirFS("testdata/templates")))
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
`, s.url, ports[0], token, s.forge.Host, s.forge.APIBaseURL, s.forge.URL, s.forge.Token(), dsn, shared.get(t).TemporalAddress(), s.queue,
		"file://"+s.bucket(), filepath.Join(dir, "work"), s.template("all.yaml"), s.template("no-yaml.yaml"))
	require.NoError(t, os.WriteFile(s.config, []byte(content), 0o600))
	for _, part := range more {
		s.config = s.configWith(part)
	}
	s.run("migrate")
	return s
}

// as is the same system for a subtest.
func (s *system) as(t testing.TB) *system {
	t.Helper()
	view := *s
	view.t = t
	return &view
}

// template is the path of a file in the system's copy of the templates.
func (s *system) template(name string) string { return filepath.Join(s.dir, "templates", name) }

// bucket is the directory of the snapshots of workspaces.
func (s *system) bucket() string { return filepath.Join(s.dir, "workspaces") }

// configWith writes a further configuration file. The result names all files, separated by commas.
func (s *system) configWith(content string) string {
	s.t.Helper()
	file, err := os.CreateTemp(s.dir, "app-config.*.yaml")
	require.NoError(s.t, err)
	defer file.Close()
	_, err = file.WriteString(content)
	require.NoError(s.t, err)
	return s.config + "," + file.Name()
}

func configFlags(files string) []string {
	var flags []string
	for file := range strings.SplitSeq(files, ",") {
		flags = append(flags, "--config", file)
	}
	return flags
}

const root = "../.."

// findBinary returns the binary that PORTICO_BINARY names, or builds one.
func findBinary(t testing.TB) string {
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

// run runs a command of the binary, which must succeed.
func (s *system) run(args ...string) {
	s.t.Helper()
	command := exec.CommandContext(s.t.Context(), s.binary, append(args, configFlags(s.config)...)...)
	command.Dir = root
	output, err := command.CombinedOutput()
	require.NoError(s.t, err, string(output))
}

// process is a running command of the binary.
type process struct {
	part    string
	command *exec.Cmd
	log     lockedBuffer
	ended   chan struct{}
}

// start starts a server or worker with the system's configuration, or with the files that config names. The
// end of the test stops it.
func (s *system) start(part string, config ...string) *process {
	s.t.Helper()
	files := s.config
	if len(config) > 0 {
		files = config[0]
	}
	return s.launch(part, append(configFlags(files), "--log-level", s.logLevel)...)
}

// launch starts a command of the binary. The end of the test stops it.
func (s *system) launch(part string, arguments ...string) *process {
	s.t.Helper()
	p := &process{part: part, command: exec.Command(s.binary, append([]string{part}, arguments...)...), ended: make(chan struct{})}
	p.command.Dir = root
	p.command.Stdout, p.command.Stderr = &p.log, &p.log
	require.NoError(s.t, p.command.Start())
	go func() {
		defer close(p.ended)
		_ = p.command.Wait() // most tests kill it
	}()
	s.processes = append(s.processes, p)
	s.t.Cleanup(func() {
		p.kill()
		if s.t.Failed() {
			s.t.Logf("the log of %s:\n%s", part, p.log.String())
		}
	})
	return p
}

// startServing starts a server and waits until its catalog contains the template.
func (s *system) startServing(template string) *process {
	s.t.Helper()
	server := s.start("server")
	s.untilServed(template)
	return server
}

func (s *system) untilServed(template string) {
	s.t.Helper()
	s.until("the template "+template+" to be in the catalog", func() bool {
		return s.get("/api/catalog/entities/by-name/template/default/"+template, nil) == http.StatusOK
	})
}

// kill kills the process with SIGKILL.
func (p *process) kill() {
	_ = p.command.Process.Kill() // it may have ended already
	<-p.ended
}

// terminate sends SIGTERM.
func (p *process) terminate(t testing.TB) {
	t.Helper()
	require.NoError(t, p.command.Process.Signal(syscall.SIGTERM))
}

// exitCode waits for the process to end.
func (p *process) exitCode(t testing.TB, grace time.Duration) int {
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

// get reads JSON from the API and returns the status.
func (s *system) get(path string, into any) int {
	s.t.Helper()
	return s.call(http.MethodGet, path, nil, into)
}

// call returns the status, 0 when the server does not answer.
func (s *system) call(method, path string, body, into any) int {
	s.t.Helper()
	status, answer := s.exchange(method, path, body)
	if into != nil && status != 0 && status < http.StatusBadRequest {
		require.NoError(s.t, json.Unmarshal(answer, into), string(answer))
	}
	return status
}

func (s *system) exchange(method, path string, body any) (status int, answer []byte) {
	s.t.Helper()
	encoded, err := json.Marshal(body)
	require.NoError(s.t, err)
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, bytes.NewReader(encoded))
	require.NoError(s.t, err)
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

// until waits for a condition that other processes fulfill.
func (s *system) until(what string, holds func() bool) {
	s.t.Helper()
	require.Eventually(s.t, holds, patience, 50*time.Millisecond, what)
}

// git runs a git command in a clone of a repository of the forge.
func (s *system) git(repository string, args ...string) string {
	s.t.Helper()
	clone := filepath.Join(s.t.TempDir(), "clone")
	s.mustGit("", "clone", "--quiet", s.cloneURL(repository), clone)
	return s.mustGit(clone, args...)
}

func (s *system) cloneURL(repository string) string {
	return fmt.Sprintf("http://x-access-token:%s@%s/%s/%s.git", s.forge.Token(), s.forge.Host, organization, repository)
}

func (s *system) mustGit(dir string, args ...string) string {
	s.t.Helper()
	command := exec.CommandContext(s.t.Context(), "git", args...)
	command.Dir = dir
	output, err := command.CombinedOutput()
	require.NoError(s.t, err, string(output))
	return strings.TrimSpace(string(output))
}

// forgeCall sends a request to the forge's API, without faults, and returns the status.
func (s *system) forgeCall(method, path string, body any) int {
	s.t.Helper()
	encoded, err := json.Marshal(body)
	require.NoError(s.t, err)
	request := httptest.NewRequestWithContext(s.t.Context(), method, githubapi.Prefix+path, bytes.NewReader(encoded))
	request.Host = s.forge.Host
	request.Header.Set("Authorization", "Bearer "+s.forge.Token())
	answer := httptest.NewRecorder()
	s.forge.Handler().ServeHTTP(answer, request)
	return answer.Code
}
