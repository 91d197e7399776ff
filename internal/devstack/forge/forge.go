// Package forge is the local Git forge of `portico dev`: the parts of GitHub's REST and GraphQL APIs that Portico
// uses, at the paths of a GitHub Enterprise host (/api/v3, /api/graphql), on real bare repositories that are
// served over Git's smart HTTP protocol, with plain pages that show the content of repositories.
//
// Everybody who reaches the loopback address may read, on the pages and over git. The API hides private
// repositories from callers without the token, as GitHub does, and every change requires the token. Branch
// protection is stored and shown, not enforced. A pull request is merged by the API, or on its page by who
// enters the token.
//
// Registered GitHub Apps authenticate as themselves and get tokens for their installations, which are
// restricted to the repositories, permissions and lifetime that they were issued for.
//
// Workflows are not run: a dispatched one is a record that completes with success after some seconds. Webhooks,
// deploy keys, environments and Pages are stored and shown, and nothing is delivered, deployed or published.
//
// It is a development server. It has no passwords and sends no events. Besides the Apps' tokens it has one
// token, whose user owns everything.
package forge

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/portico-dev/portico/internal/devstack/loopback"
)

const (
	// DefaultUser is the login of the token's user by default.
	DefaultUser = "portico"
	// DefaultWorkflowTime is how long a dispatched workflow takes by default.
	DefaultWorkflowTime = 6 * time.Second
)

const (
	apiPrefix   = "/api/v3"
	graphQLPath = "/api/graphql"
	tokenFile   = "token"
	addressFile = "address"
	// apiTimeout bounds one API call or page; gitTimeout one fetch or push.
	apiTimeout = 30 * time.Second
	gitTimeout = 10 * time.Minute
	stopGrace  = 5 * time.Second
)

// Options are the settings of a forge.
type Options struct {
	// DataDir holds the forge's state; it is created when missing.
	DataDir string
	// Address is the loopback address to listen on. When it is empty or has port 0, the last start's port is
	// used if it is free, so that links to the forge stay valid; else any free port.
	Address string
	// Token authenticates changes in the API and pushes. When it is empty, the last start's token is used, or
	// a new random one.
	Token string
	// User is the login of the token's user, DefaultUser when empty.
	User string
	// WorkflowTime is how long a dispatched workflow takes until it has completed, with success. Zero is
	// DefaultWorkflowTime. With less, a run is queued until SettleRun.
	WorkflowTime time.Duration
	// Log receives failures that no caller sees. Nil is slog's default.
	Log *slog.Logger
}

// Forge is a forge on one data directory. Start creates and serves one; New leaves serving its Handler to the
// caller.
type Forge struct {
	store *store
	git   *git
	token string
	user  string
	log   *slog.Logger
	// workflowTime is how long a workflow takes, less than 0 for one that only SettleRun ends.
	workflowTime time.Duration
	grants       grants

	server   *http.Server
	listener net.Listener
	cancel   context.CancelFunc
	serving  sync.WaitGroup
}

// New opens a forge without serving it. It fails when git is not installed or the data directory cannot be
// used.
func New(ctx context.Context, options Options) (*Forge, error) {
	if options.Log == nil {
		options.Log = slog.Default()
	}
	if options.User == "" {
		options.User = DefaultUser
	}
	executable, err := exec.LookPath("git")
	if err != nil {
		return nil, fmt.Errorf("local Git forge: git is not installed: %w", err)
	}
	directory, err := filepath.Abs(options.DataDir)
	if err != nil {
		return nil, fmt.Errorf("local Git forge: data directory: %w", err)
	}
	runner := &git{executable: executable}
	store, err := openStore(ctx, directory, runner)
	if err != nil {
		return nil, fmt.Errorf("local Git forge in %s: %w", directory, err)
	}
	token, err := settleToken(directory, options.Token)
	if err != nil {
		return nil, fmt.Errorf("local Git forge in %s: token: %w", directory, err)
	}
	f := &Forge{store: store, git: runner, token: token, user: options.User, log: options.Log,
		workflowTime: cmp.Or(options.WorkflowTime, DefaultWorkflowTime)}
	if err := f.AddUser(options.User, ""); err != nil {
		return nil, err
	}
	return f, nil
}

// Start opens a forge and serves it on a loopback address until Stop. The context bounds the start only.
func Start(ctx context.Context, options Options) (*Forge, error) {
	f, err := New(ctx, options)
	if err != nil {
		return nil, err
	}
	f.listener, err = listen(ctx, f.store.directory, options.Address)
	if err != nil {
		return nil, fmt.Errorf("local Git forge: %w", err)
	}
	requests, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f.cancel = cancel
	f.server = &http.Server{
		Handler:           f.Handler(),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		BaseContext:       func(net.Listener) context.Context { return requests },
		ErrorLog:          slog.NewLogLogger(f.log.Handler(), slog.LevelWarn),
	}
	f.serving.Go(func() {
		if err := f.server.Serve(f.listener); !errors.Is(err, http.ErrServerClosed) {
			f.log.Error("the local Git forge stopped serving", "error", err)
		}
	})
	return f, nil
}

// Stop lets running requests finish for a few seconds, then ends them. It returns when everything has
// stopped.
func (f *Forge) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stopGrace)
	defer cancel()
	err := f.server.Shutdown(ctx)
	f.cancel()
	if err != nil {
		err = f.server.Close()
	}
	f.serving.Wait()
	return err
}

// URL is the forge's address in a browser, without a trailing slash: "http://127.0.0.1:40123".
func (f *Forge) URL() string { return "http://" + f.listener.Addr().String() }

// Host is the forge's name in a repoUrl and in integrations.github: "127.0.0.1:40123".
func (f *Forge) Host() string { return f.listener.Addr().String() }

// APIBaseURL is the value of apiBaseUrl in integrations.github.
func (f *Forge) APIBaseURL() string { return f.URL() + apiPrefix }

// Token is the forge's one token. It is a secret.
func (f *Forge) Token() string { return f.token }

// Handler serves the pages, the API and Git. Links in its responses have the request's host.
func (f *Forge) Handler() http.Handler {
	api, pages := f.apiHandler(), f.pagesHandler()
	return loopback.Guard("the local Git forge", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		parent, timeout, handler := r.Context(), apiTimeout, pages
		switch {
		case strings.HasPrefix(r.URL.Path, apiPrefix+"/"):
			// As on GitHub, a call is finished even if the client does not wait for the response.
			parent, handler = context.WithoutCancel(r.Context()), api
		case r.URL.Path == graphQLPath:
			timeout, handler = apiTimeout, http.HandlerFunc(f.serveGraphQL)
		case isGitRequest(r):
			timeout, handler = gitTimeout, http.HandlerFunc(f.serveGit)
		}
		ctx, cancel := context.WithTimeout(parent, timeout)
		defer cancel()
		handler.ServeHTTP(w, r.WithContext(ctx))
	}))
}

func settleToken(directory, given string) (string, error) {
	path := filepath.Join(directory, tokenFile)
	if given != "" {
		return given, writeFile(path, []byte(given))
	}
	kept, err := os.ReadFile(path)
	if err == nil && len(kept) > 0 {
		return string(kept), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	random := make([]byte, 20)
	if _, err := rand.Read(random); err != nil {
		return "", err
	}
	token := "forge_" + hex.EncodeToString(random)
	return token, writeFile(path, []byte(token))
}

// listen prefers the last start's address, and stores the one it gets.
func listen(ctx context.Context, directory, address string) (net.Listener, error) {
	if address == "" {
		address = "127.0.0.1:0"
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("address %q: %w", address, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("address %s is not a loopback address: the forge shows private repositories to whoever reaches it", address)
	}
	remembered := filepath.Join(directory, addressFile)
	var config net.ListenConfig
	if last, err := os.ReadFile(remembered); err == nil && port == "0" && strings.HasPrefix(string(last), host+":") {
		if listener, err := config.Listen(ctx, "tcp", string(last)); err == nil {
			return listener, nil
		}
	}
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if err := writeFile(remembered, []byte(listener.Addr().String())); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return listener, nil
}
