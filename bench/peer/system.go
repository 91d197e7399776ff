package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	bootTimeout = 5 * time.Minute
	stopTimeout = 30 * time.Second
	// Polling also costs the system time: one run is polled often, many runs rarely.
	pollEvery      = time.Millisecond
	pollBatchEvery = 20 * time.Millisecond
)

// system is one of the two measured systems, with its command and address.
type system struct {
	name    string
	base    string
	command []string
	// directory and environment are the process's own; log receives its output.
	directory   string
	environment []string
	log         string
	// postgres is the data directory of a PostgreSQL server that is not a child of the process, "" when there
	// is none.
	postgres string

	client  *http.Client
	process *exec.Cmd
	exited  chan struct{}
}

func newPeer(ctx context.Context, o options, scratch, templates string) (*system, error) {
	directory, err := filepath.Abs(o.peer)
	if err != nil {
		return nil, err
	}
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	config := filepath.Join(scratch, "peer.yaml")
	if err := writeConfig(config, templates, o.readable(), port); err != nil {
		return nil, err
	}
	if err := emptyDatabases(ctx, directory); err != nil {
		return nil, err
	}
	return &system{
		name: "Backstage", base: fmt.Sprintf("http://127.0.0.1:%d", port), client: newClient(),
		command: []string{filepath.Join(directory, "start.sh"), config}, directory: directory,
		environment: append(os.Environ(), fmt.Sprintf("PEER_PORT=%d", port)),
		log:         filepath.Join(scratch, "peer.log"), postgres: o.peerPostgres,
	}, nil
}

// emptyDatabases resets the peer's databases with its pg.sh, if it has one.
func emptyDatabases(ctx context.Context, directory string) error {
	script := filepath.Join(directory, "pg.sh")
	if _, err := os.Stat(script); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	// The server may be running already, so an error is ignored.
	start := exec.CommandContext(ctx, script, "start")
	start.Dir = directory
	_ = start.Run()
	reset := exec.CommandContext(ctx, script, "reset")
	reset.Dir = directory
	if output, err := reset.CombinedOutput(); err != nil {
		return fmt.Errorf("reset the peer's databases: %w: %s", err, output)
	}
	return nil
}

func newPortico(ctx context.Context, o options, scratch, templates string) (*system, error) {
	binary, err := filepath.Abs(o.portico)
	if err != nil {
		return nil, err
	}
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	config := filepath.Join(scratch, "portico.yaml")
	if err := writeConfig(config, templates, o.readable(), port); err != nil {
		return nil, err
	}
	return &system{
		name: "Portico", base: fmt.Sprintf("http://127.0.0.1:%d", port), client: newClient(),
		command:   []string{binary, "dev", "--config", config, "--data", filepath.Join(scratch, "data")},
		directory: scratch, environment: os.Environ(), log: filepath.Join(scratch, "portico.log"),
	}, nil
}

func newClient() *http.Client {
	return &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 64, MaxConnsPerHost: 64}}
}

func freePort(ctx context.Context) (int, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	address, err := netip.ParseAddrPort(listener.Addr().String())
	return int(address.Port()), err
}

// start starts the system and returns the time until the catalog responded.
func (s *system) start(ctx context.Context) (time.Duration, error) {
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	s.process = exec.Command(s.command[0], s.command[1:]...) //nolint:noctx // it is told to stop with SIGTERM and given time; see stop.
	s.process.Dir, s.process.Env, s.process.Stdout, s.process.Stderr = s.directory, s.environment, log, log
	// Ctrl-C must reach only this program, which then stops the systems in order.
	s.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	began := time.Now()
	if err := s.process.Start(); err != nil {
		return 0, fmt.Errorf("start %s: %w", s.name, err)
	}
	s.exited = make(chan struct{})
	go func() {
		_ = s.process.Wait() // how it ended is in its log
		close(s.exited)
	}()
	err = s.until(ctx, bootTimeout, pollEvery, func() (bool, error) {
		status, err := s.call(ctx, http.MethodGet, "/api/catalog/entities?limit=1", nil, nil)
		return err == nil && status == http.StatusOK, nil
	})
	return time.Since(began), err
}

// stop stops the system, gracefully if possible.
func (s *system) stop() {
	if s.process == nil {
		return
	}
	s.resume()
	_ = s.process.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	select {
	case <-s.exited:
	case <-time.After(stopTimeout):
		_ = syscall.Kill(-s.process.Process.Pid, syscall.SIGKILL)
		<-s.exited
	}
	s.process = nil
}

// pause keeps the system from working until it is resumed, so that it takes nothing from the one that is measured.
func (s *system) pause() { s.signal(syscall.SIGSTOP) }

func (s *system) resume() { s.signal(syscall.SIGCONT) }

func (s *system) signal(signal syscall.Signal) {
	if s.process != nil {
		_ = s.process.Process.Signal(signal) // it may have ended by itself, which the next phase finds out
	}
}

// until polls until the condition holds, the system ends, or the limit is over.
func (s *system) until(ctx context.Context, limit, pause time.Duration, ready func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for {
		yes, err := ready()
		if yes || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w; it last said: %s", s.name, ctx.Err(), s.lastWords())
		case <-s.exited:
			return fmt.Errorf("%s ended by itself; it last said: %s", s.name, s.lastWords())
		case <-ticker.C:
		}
	}
}

func (s *system) lastWords() string {
	const enough = 2000
	content, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(content[max(0, len(content)-enough):]))
}

// call sends one request; body and into are JSON, and either may be nil.
func (s *system) call(ctx context.Context, method, path string, body, into any) (int, error) {
	var content io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return 0, err
		}
		content = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, s.base+path, content)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := s.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err
	}
	if into == nil || response.StatusCode >= http.StatusBadRequest {
		return response.StatusCode, nil
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return 0, fmt.Errorf("%s %s of %s: %w", method, path, s.name, err)
	}
	return response.StatusCode, nil
}
