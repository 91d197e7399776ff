package e2e_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/types/known/durationpb"
)

// grace is longer than the shutdown grace period of the processes.
const grace = 40 * time.Second

// TestARunIsStartedWhenTemporalIsReachableAgain cuts the server off from Temporal, but not the worker.
func TestARunIsStartedWhenTemporalIsReachableAgain(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	proxy := newProxy(t, shared.get(t).TemporalAddress())
	s.start("worker")
	server := s.start("server", s.configWith(fmt.Sprintf("portico: { temporal: { address: %q } }", proxy.address())))
	s.untilServed("service")
	proxy.cut()
	id := s.createRun("service", s.serviceValues("unheard", nil), nil)
	d := s.awaitPhase(id, "done", "parked")
	require.Equal(t, "completed", d.Status, "%+v", d.Error)
	s.requireCreatedOnce("unheard", d)
	require.True(t, server.isRunning())
}

// TestFollowersGetEveryEventAcrossServerDeaths follows a run over the deaths of its server, as Backstage's
// client does: it reconnects and requests the events after the last one that it has.
func TestFollowersGetEveryEventAcrossServerDeaths(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.start("worker")
	server := s.startServing("service")
	id := s.createRun("service", s.serviceValues("followed", map[string]any{"seconds": 4}), nil)
	var seen []event
	for kill := 0; len(seen) == 0 || seen[len(seen)-1].Type != "completion"; kill++ {
		stream := s.follow(id, seen)
		if kill < 3 {
			seen = append(seen, <-stream)
			server.kill()
			server = s.start("server")
		}
		for e := range stream {
			seen = append(seen, e)
		}
	}
	require.Equal(t, s.events(id), seen)
}

// follow streams the events after those in seen until the stream ends. It waits for the server.
func (s *system) follow(id string, seen []event) <-chan event {
	s.t.Helper()
	after := ""
	if len(seen) > 0 {
		after = fmt.Sprintf("?after=%d", lastID(seen))
	}
	var response *http.Response
	s.until("the server to stream", func() bool {
		request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url+"/api/scaffolder/v2/tasks/"+id+"/eventstream"+after, nil)
		require.NoError(s.t, err)
		request.Header.Set("Authorization", "Bearer "+token)
		response, err = http.DefaultClient.Do(request) //nolint:bodyclose // The reader of the stream closes it.
		return err == nil && response.StatusCode == http.StatusOK
	})
	stream := make(chan event)
	go func() {
		defer close(stream)
		defer response.Body.Close()
		lines := bufio.NewScanner(response.Body)
		for lines.Scan() {
			data, isData := strings.CutPrefix(lines.Text(), "data: ")
			var e event
			if isData && json.Unmarshal([]byte(data), &e) == nil {
				stream <- e
			}
		}
	}()
	return stream
}

// TestProcessesFinishTheirWorkBeforeTheyStop stops a worker during a step and a server during a request: both
// finish it and exit with status 0.
func TestProcessesFinishTheirWorkBeforeTheyStop(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	worker := s.start("worker")
	server := s.startServing("service")
	reached, goOn := make(chan struct{}), make(chan struct{})
	s.faults.set("drained", faultRule{creation: true, fault: func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		close(reached)
		<-goOn
		next.ServeHTTP(rw, r)
	}})
	id := s.createRun("service", s.serviceValues("drained", nil), nil)
	<-reached
	worker.terminate(t)
	s.until("the worker to take no more work", func() bool { return strings.Contains(worker.log.String(), "stopping") })
	close(goOn)
	require.Zero(t, worker.exitCode(t, grace))
	require.Equal(t, map[string]string{kindRepository: "created"}, s.details(id).states(), "the step was finished")

	s.start("worker")
	d := s.awaitPhase(id, "done", "parked")
	require.Equal(t, "completed", d.Status, "%+v", d.Error)
	s.requireCreatedOnce("drained", d)

	long := s.createRun("service", s.serviceValues("streamed", map[string]any{"seconds": 600}), nil)
	stream := s.follow(long, nil)
	<-stream
	go func() {
		for range stream { // The server ends the stream.
		}
	}()
	began := time.Now()
	server.terminate(t)
	require.Zero(t, server.exitCode(t, grace))
	require.Less(t, time.Since(began), 10*time.Second, "a follower does not hold it up")
}

// TestAWorkspaceThatCannotBeWritten tests a full disk, a read-only one, and a workspace above its limit.
func TestAWorkspaceThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	for what, test := range map[string]struct {
		// spoil makes the disk unusable, and fix makes it usable again.
		spoil, fix    func(s *system, disk string)
		config        string
		message, next string
	}{
		"too large": {config: "portico: { workspace: { maxBytes: 10 } }", message: "the workspace holds more than 10 bytes",
			next: "Raise the limits at portico.workspace"},
		"full": {message: "the disk for workspaces is full", next: "Free some space",
			spoil: func(s *system, disk string) { fill(s.t, disk) },
			fix:   func(s *system, disk string) { require.NoError(s.t, os.Remove(filepath.Join(disk, "filler"))) }},
		"read-only": {message: "read-only file system", next: "Let the worker write",
			spoil: func(s *system, disk string) {
				mount(s.t, "--bind", disk, disk)
				mount(s.t, "-o", "remount,bind,ro", disk)
			},
			fix: func(s *system, disk string) { mount(s.t, "-o", "remount,bind,rw", disk) }},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t, shortTimeouts)
			config := s.configWith(test.config)
			disk := ""
			if test.spoil != nil {
				disk = smallDisk(t)
				config = s.configWith(fmt.Sprintf("portico: { workspace: { cacheDirectory: %q } }", disk))
			}
			worker := s.start("worker", config)
			s.startServing("service")
			if test.spoil != nil {
				test.spoil(s, disk)
			}
			id := s.createRun("service", s.serviceValues("roomy", nil), nil)
			d := s.awaitPhase(id, "parked", "done")
			require.NotNil(t, d.Error)
			require.Contains(t, d.Error.Message, test.message)
			require.Contains(t, d.Error.Next, test.next)
			require.Empty(t, d.Effects)
			require.True(t, worker.isRunning())

			if test.fix == nil {
				worker.kill()
				s.start("worker")
			} else {
				test.fix(s, disk)
			}
			s.retry(id)
			d = s.awaitPhase(id, "done", "parked")
			require.Equal(t, "completed", d.Status, "%+v", d.Error)
			s.requireCreatedOnce("roomy", d)
		})
	}
}

// smallDisk mounts a small file system, which only root can do.
func smallDisk(t *testing.T) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root may mount a small disk")
	}
	disk := filepath.Join(t.TempDir(), "disk")
	require.NoError(t, os.Mkdir(disk, 0o700))
	output, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk).CombinedOutput()
	if err != nil {
		t.Skipf("nothing may be mounted here: %s", output)
	}
	t.Cleanup(func() {
		unmount := func() error { return exec.Command("umount", "--lazy", disk).Run() }
		for unmount() == nil { // more than one may be mounted, and the last failure says that none is
		}
	})
	return disk
}

func mount(t testing.TB, args ...string) {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), "mount", args...).CombinedOutput()
	require.NoError(t, err, string(output))
}

// fill fills the disk.
func fill(t testing.TB, disk string) {
	t.Helper()
	filler, err := os.Create(filepath.Join(disk, "filler"))
	require.NoError(t, err)
	defer filler.Close()
	block := make([]byte, 4096)
	for err == nil {
		_, err = filler.Write(block)
	}
}

// proxy forwards connections to an address until it is cut.
type proxy struct {
	listener net.Listener
	mu       sync.Mutex
	open     []net.Conn
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{listener: listener}
	t.Cleanup(p.cut)
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return // cut
			}
			far, err := net.Dial("tcp", target)
			if err != nil {
				near.Close()
				continue
			}
			p.track(near, far)
			go func() { _, _ = io.Copy(near, far) }() // ends when the proxy is cut
			go func() { _, _ = io.Copy(far, near) }()
		}
	}()
	return p
}

func (p *proxy) address() string { return p.listener.Addr().String() }

func (p *proxy) track(connections ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = append(p.open, connections...)
}

// cut closes all connections and accepts no new one.
func (p *proxy) cut() {
	_ = p.listener.Close() // it may be cut already
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, connection := range p.open {
		_ = connection.Close()
	}
	p.open = nil
}

// TestAWorkerThatTemporalRejectsExits deletes the namespace of a worker. The SDK gives up after two minutes.
func TestAWorkerThatTemporalRejectsExits(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	connected := s.temporal()
	defer connected.Close()
	const namespace = "soon-gone"
	_, err := connected.WorkflowService().RegisterNamespace(t.Context(), &workflowservice.RegisterNamespaceRequest{Namespace: namespace,
		WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour)})
	require.NoError(t, err)
	worker := s.start("worker", s.configWith("portico: { temporal: { namespace: "+namespace+" } }"))
	s.until("the worker to work", func() bool { return strings.Contains(worker.log.String(), "Started Worker") })
	_, err = connected.OperatorService().DeleteNamespace(t.Context(), &operatorservice.DeleteNamespaceRequest{Namespace: namespace})
	require.NoError(t, err)
	select {
	case <-worker.ended:
	case <-time.After(2 * patience):
		require.Fail(t, "the worker lives on")
	}
	require.Equal(t, 1, worker.exitCode(t, grace))
	require.Contains(t, worker.log.String(), "no work comes from Temporal")
	require.Contains(t, worker.log.String(), "portico.temporal")
}
