// Package githttp serves bare Git repositories over Git's smart HTTP protocol, see gitprotocol-http(5). It knows
// neither who may read or write, nor where a repository is: its callers decide that. The local forge and the
// servers of tests use it.
package githttp

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"time"
)

const (
	// maxPush bounds one push, also what it is when it is unpacked.
	maxPush = 2 << 30
	// maxTime bounds one request.
	maxTime = 10 * time.Minute
	// afterEnd is how long the rest of a request's body may take when git has ended without it.
	afterEnd = 5 * time.Second
)

const (
	uploadPack  = "git-upload-pack"
	receivePack = "git-receive-pack"
)

// advertisement is the path at which a service advertises the refs of a repository. Services have paths too, by name.
const advertisement = "/info/refs"

// Request is a request of the smart protocol.
type Request struct {
	// Repository is the path of the repository, without ".git", which clients may leave out.
	Repository string
	// Pushes says that the request is part of a push; a fetch is the rest. Writes says that it is the one that
	// changes the repository.
	Pushes, Writes bool

	service    string
	advertises bool
}

// Parse recognizes a request of the smart protocol by its URL.
func Parse(r *http.Request) (request Request, ok bool) {
	for _, service := range []string{uploadPack, receivePack} {
		repository, found := strings.CutSuffix(r.URL.Path, "/"+service)
		if !found && r.URL.Query().Get("service") == service {
			repository, found = strings.CutSuffix(r.URL.Path, advertisement)
			request.advertises = found
		}
		if found {
			request.Repository = strings.TrimSuffix(strings.TrimPrefix(repository, "/"), ".git")
			request.Pushes = service == receivePack
			request.Writes = request.Pushes && !request.advertises
			request.service = service
			return request, true
		}
	}
	return Request{}, false
}

// Backend runs git upload-pack and git receive-pack.
type Backend struct {
	// Executable is git's. Environment is the whole environment of its processes.
	Executable  string
	Environment []string
	// Log receives what git writes to standard error when it fails before it has answered.
	Log *slog.Logger
}

// Serve serves a request to the bare repository in a directory. As git http-backend does, it finishes a push whose
// client has gone once it has all of it.
func (b Backend) Serve(w http.ResponseWriter, r *http.Request, request Request, directory string) {
	input, err := content(w, r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	command := strings.TrimPrefix(request.service, "git-")
	arguments, kind, protocol := []string{command, "--stateless-rpc"}, "result", r.Header.Get("Git-Protocol")
	reply := &answer{ResponseWriter: w}
	if request.advertises {
		arguments, kind = append(arguments, "--advertise-refs"), "advertisement"
		if request.Pushes || !strings.Contains(protocol, "version=2") {
			reply.begin = announcement(request.service)
		}
	}
	w.Header().Set("Content-Type", "application/x-"+request.service+"-"+kind)
	w.Header().Set("Cache-Control", "no-cache, max-age=0, must-revalidate")
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), maxTime)
	defer cancel()
	var complaints bytes.Buffer
	git := exec.CommandContext(ctx, b.Executable, append(arguments, directory)...)
	git.Env = append(slices.Clone(b.Environment), "GIT_PROTOCOL="+protocol)
	git.Dir = directory
	git.Stdin, git.Stdout, git.Stderr = input, reply, &complaints
	git.WaitDelay = afterEnd
	// What git says against a request that it understands is part of its answer.
	if err := git.Run(); err != nil && !reply.begun {
		b.Log.Warn("git "+command, "error", err, "printed", strings.TrimSpace(complaints.String()))
		http.Error(w, "git "+command+" failed", http.StatusInternalServerError)
	}
}

// announcement is what comes before the refs, except in version 2 of the protocol, which pushes do not have.
func announcement(service string) string {
	line := "# service=" + service + "\n"
	return fmt.Sprintf("%04x%s0000", len("0000")+len(line), line)
}

// content is the body of a request. Git compresses long ones.
func content(w http.ResponseWriter, r *http.Request) (io.Reader, error) {
	sent := http.MaxBytesReader(w, r.Body, maxPush)
	if r.Header.Get("Content-Encoding") != "gzip" {
		return sent, nil
	}
	unpacked, err := gzip.NewReader(sent)
	if err != nil {
		return nil, fmt.Errorf("the body of the request: %w", err)
	}
	return io.LimitReader(unpacked, maxPush), nil
}

// answer is the answer to a request. It has a text before the first byte that git prints.
type answer struct {
	http.ResponseWriter

	begin string
	begun bool
}

// Write writes what git prints.
func (a *answer) Write(printed []byte) (int, error) {
	if !a.begun {
		a.begun = true
		if _, err := io.WriteString(a.ResponseWriter, a.begin); err != nil {
			return 0, err
		}
	}
	return a.ResponseWriter.Write(printed)
}
