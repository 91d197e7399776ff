// Package servers runs the servers of `portico dev --with` and of tests that are binaries of their own, because
// they are built with other versions of many dependencies: the API server of Kubernetes with etcd, and Vault.
// Nothing runs pods, and the data is gone when a server stops.
package servers

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// directory is where the Makefile builds the binaries, below the working directory.
const directory = ".cache/bin"

// startTimeout bounds the start, which takes seconds.
const startTimeout = 2 * time.Minute

// Binary is a server that can be started. When it is ready it prints how to reach it, in one line, and it ends when
// its standard input does.
type Binary struct {
	// Name is the name of the file.
	Name string
	// Part is the name for --with, and what it is called in a sentence is title.
	Part, title string
	// Variable names the file in another place.
	Variable string
	// prints is how many words its line has.
	prints int
}

var (
	// Kubernetes prints its address, a token of an administrator, and the file with the authority of its certificate.
	Kubernetes = Binary{Name: "kube-apiserver", Part: "kubernetes", title: "a Kubernetes API server", Variable: "PORTICO_KUBE", prints: 3}
	// Vault prints its address and its root token.
	Vault = Binary{Name: "vault-server", Part: "vault", title: "a Vault", Variable: "PORTICO_VAULT", prints: 2}
	// S3 prints its address. It is for tests only.
	S3 = Binary{Name: "s3-server", title: "a server of S3's protocol", Variable: "PORTICO_S3", prints: 1}
	// OpenSearch prints its address. It is for tests only.
	OpenSearch = Binary{Name: "opensearch-server", title: "an OpenSearch", Variable: "PORTICO_OPENSEARCH", prints: 1}
)

// Path is where the binary is. The error says how to build it.
func (b Binary) Path() (string, error) {
	path := os.Getenv(b.Variable)
	if path == "" {
		path = filepath.Join(directory, b.Name)
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("there is no binary of %s at %s: build it in Portico's sources by `make %s`, which takes some minutes, "+
			"start this there or set %s to its path, or leave %s out of --with and configure your own", b.title, path, filepath.Join(directory, b.Name),
			b.Variable, b.Part)
	}
	return filepath.Abs(path)
}

// Server is a running server.
type Server struct {
	// Printed are the words of its line.
	Printed []string

	name    string
	process *exec.Cmd
	stdin   io.Closer
	ended   chan struct{}
}

// Start starts the server and returns when it is ready. ctx bounds the start only; Stop ends the server.
func (b Binary) Start(ctx context.Context) (*Server, error) {
	path, err := b.Path()
	if err != nil {
		return nil, err
	}
	s := &Server{name: b.Name, process: exec.CommandContext(context.WithoutCancel(ctx), path), ended: make(chan struct{})}
	if s.stdin, err = s.process.StdinPipe(); err != nil {
		return nil, fmt.Errorf("%s: %w", b.Name, err)
	}
	stdout, err := s.process.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.Name, err)
	}
	if err := s.process.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", b.Name, err)
	}
	lines := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(stdout).ReadString('\n') // an incomplete line has too few words
		lines <- line
		_ = s.process.Wait()
		close(s.ended)
	}()
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	select {
	case line := <-lines:
		if s.Printed = strings.Fields(line); len(s.Printed) != b.prints {
			err = fmt.Errorf("%s ended during its start", b.Name)
		}
	case <-ctx.Done():
		err = fmt.Errorf("%s is not ready: %w", b.Name, ctx.Err())
	}
	if err != nil {
		return nil, errors.Join(err, s.Stop(context.WithoutCancel(ctx)))
	}
	return s, nil
}

// Failed is closed when the server has ended.
func (s *Server) Failed() <-chan struct{} { return s.ended }

// Stop ends the server.
func (s *Server) Stop(ctx context.Context) error {
	_ = s.stdin.Close()
	select {
	case <-s.ended:
		return nil
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("stop %s: %w", s.name, ctx.Err()), s.process.Process.Kill())
	}
}
