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

// grace is more than the processes are given to stop.
const grace = 40 * time.Second

// TestARunIsStartedWhenTemporalIsReachableAgain cuts the server off from Temporal, but not the worker.
func TestARunIsStartedWhenTemporalIsReachableAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	line := newLine(t, shared.get(t).TemporalAddress())
	w.start("worker")
	server := w.start("server", w.configWith(fmt.Sprintf("portico: { temporal: { address: %q } }", line.address())))
	w.untilServed("service")
	line.cut()
	id := w.createRun("service", w.serviceValues("unheard", nil), nil)
	d := w.ended(id, "done", "parked")
	require.Equal(t, "completed", d.Status, "%+v", d.Error)
	w.requireMadeOnce("unheard", d)
	require.True(t, server.isRunning())
}

// TestFollowersGetEveryEventAcrossServerDeaths follows a run over the deaths of its server, as Backstage's
// client does: it comes back and asks for what came after the last event that it has.
func TestFollowersGetEveryEventAcrossServerDeaths(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start("worker")
	server := w.startServing("service")
	id := w.createRun("service", w.serviceValues("followed", map[string]any{"seconds": 4}), nil)
	var seen []event
	for kill := 0; len(seen) == 0 || seen[len(seen)-1].Type != "completion"; kill++ {
		stream := w.follow(id, seen)
		if kill < 3 {
			seen = append(seen, <-stream)
			server.kill()
			server = w.start("server")
		}
		for e := range stream {
			seen = append(seen, e)
		}
	}
	require.Equal(t, w.events(id), seen)
}

// follow streams the events after those seen until the stream ends. Nobody may be there yet.
func (w *world) follow(id string, seen []event) <-chan event {
	w.t.Helper()
	after := ""
	if len(seen) > 0 {
		after = fmt.Sprintf("?after=%d", lastID(seen))
	}
	var response *http.Response
	w.until("the server to stream", func() bool {
		request, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.url+"/api/scaffolder/v2/tasks/"+id+"/eventstream"+after, nil)
		require.NoError(w.t, err)
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

// TestProcessesFinishTheirWorkBeforeTheyStop stops a worker in the middle of a step and a server in the
// middle of a request: both finish it and end well.
func TestProcessesFinishTheirWorkBeforeTheyStop(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	worker := w.start("worker")
	server := w.startServing("service")
	reached, goOn := make(chan struct{}), make(chan struct{})
	w.faults.set("drained", trouble{creation: true, fault: func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		close(reached)
		<-goOn
		next.ServeHTTP(rw, r)
	}})
	id := w.createRun("service", w.serviceValues("drained", nil), nil)
	<-reached
	worker.terminate(t)
	w.until("the worker to take no more work", func() bool { return strings.Contains(worker.log.String(), "stopping") })
	close(goOn)
	require.Zero(t, worker.exitCode(t, grace))
	require.Equal(t, map[string]string{repo: "created"}, w.details(id).states(), "the step was finished")

	w.start("worker")
	d := w.ended(id, "done", "parked")
	require.Equal(t, "completed", d.Status, "%+v", d.Error)
	w.requireMadeOnce("drained", d)

	long := w.createRun("service", w.serviceValues("streamed", map[string]any{"seconds": 600}), nil)
	stream := w.follow(long, nil)
	<-stream
	go func() {
		for range stream { // It is read to its end, which is the server's.
		}
	}()
	began := time.Now()
	server.terminate(t)
	require.Zero(t, server.exitCode(t, grace))
	require.Less(t, time.Since(began), 10*time.Second, "a follower does not hold it up")
}

// TestAWorkspaceThatCannotBeWritten lets the disk run full, be read-only, and the workspace outgrow its
// limit.
func TestAWorkspaceThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	for what, test := range map[string]struct {
		// spoil makes the disk bad, and mend makes it good.
		spoil, mend   func(w *world, disk string)
		config        string
		message, next string
	}{
		"too large": {config: "portico: { workspace: { maxBytes: 10 } }", message: "the workspace holds more than 10 bytes",
			next: "Raise the limits at portico.workspace"},
		"full": {message: "the disk for workspaces is full", next: "Free some space",
			spoil: func(w *world, disk string) { fill(w.t, disk) },
			mend:  func(w *world, disk string) { require.NoError(w.t, os.Remove(filepath.Join(disk, "filler"))) }},
		"read-only": {message: "read-only file system", next: "Let the worker write",
			spoil: func(w *world, disk string) {
				mount(w.t, "--bind", disk, disk)
				mount(w.t, "-o", "remount,bind,ro", disk)
			},
			mend: func(w *world, disk string) { mount(w.t, "-o", "remount,bind,rw", disk) }},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, impatient)
			config := w.configWith(test.config)
			disk := ""
			if test.spoil != nil {
				disk = smallDisk(t)
				config = w.configWith(fmt.Sprintf("portico: { workspace: { cacheDirectory: %q } }", disk))
			}
			worker := w.start("worker", config)
			w.startServing("service")
			if test.spoil != nil {
				test.spoil(w, disk)
			}
			id := w.createRun("service", w.serviceValues("roomy", nil), nil)
			d := w.ended(id, "parked", "done")
			require.NotNil(t, d.Error)
			require.Contains(t, d.Error.Message, test.message)
			require.Contains(t, d.Error.Next, test.next)
			require.Empty(t, d.Effects)
			require.True(t, worker.isRunning())

			if test.mend == nil {
				worker.kill()
				w.start("worker")
			} else {
				test.mend(w, disk)
			}
			w.retry(id)
			d = w.ended(id, "done", "parked")
			require.Equal(t, "completed", d.Status, "%+v", d.Error)
			w.requireMadeOnce("roomy", d)
		})
	}
}

// smallDisk is a file system of its own, which only root can make.
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

func mount(t *testing.T, args ...string) {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), "mount", args...).CombinedOutput()
	require.NoError(t, err, string(output))
}

// fill leaves no room on the disk.
func fill(t *testing.T, disk string) {
	t.Helper()
	filler, err := os.Create(filepath.Join(disk, "filler"))
	require.NoError(t, err)
	defer filler.Close()
	block := make([]byte, 4096)
	for err == nil {
		_, err = filler.Write(block)
	}
}

// line carries connections to an address until it is cut.
type line struct {
	listener net.Listener
	mu       sync.Mutex
	open     []net.Conn
}

func newLine(t *testing.T, target string) *line {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := &line{listener: listener}
	t.Cleanup(l.cut)
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
			l.keep(near, far)
			go func() { _, _ = io.Copy(near, far) }() // ends when the line is cut
			go func() { _, _ = io.Copy(far, near) }()
		}
	}()
	return l
}

func (l *line) address() string { return l.listener.Addr().String() }

func (l *line) keep(connections ...net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = append(l.open, connections...)
}

// cut ends all connections and lets no new one through.
func (l *line) cut() {
	_ = l.listener.Close() // it may be cut already
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, connection := range l.open {
		_ = connection.Close()
	}
	l.open = nil
}

// TestAWorkerThatTemporalRejectsExits deletes the namespace that a worker works in. The SDK gives up after
// two minutes.
func TestAWorkerThatTemporalRejectsExits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	connected := w.temporal()
	defer connected.Close()
	const namespace = "soon-gone"
	_, err := connected.WorkflowService().RegisterNamespace(t.Context(), &workflowservice.RegisterNamespaceRequest{Namespace: namespace,
		WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour)})
	require.NoError(t, err)
	worker := w.start("worker", w.configWith("portico: { temporal: { namespace: "+namespace+" } }"))
	w.until("the worker to work", func() bool { return strings.Contains(worker.log.String(), "Started Worker") })
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
