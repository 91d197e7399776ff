// Package openid is the OpenID provider of `portico dev --users`: a login page that lists people, for trying
// sign-in and roles on one machine. It has no passwords: whoever reaches its loopback address can sign in as
// anybody. The protocol is that of zitadel/oidc; this package has the one client, the login page, and what
// is stored between restarts, so that people stay signed in.
package openid

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/portico-dev/portico/internal/devstack/loopback"
)

// ClientID is the id of the only client.
const ClientID = "portico"

const (
	headerTimeout  = 10 * time.Second
	requestTimeout = 30 * time.Second
	// maxBody bounds the body of a request, all of which are short forms.
	maxBody = 64 << 10
)

// Options are the settings of a provider.
type Options struct {
	// DataDir keeps the keys and who is signed in; it is created when missing. Required.
	DataDir string
	// Port is the port on 127.0.0.1; 0 takes a free one.
	Port int
	// RedirectURI is the only address to which signed-in people are sent back, and LogoutURI the only one
	// after signing out. Required.
	RedirectURI, LogoutURI string
	// ImageSources are the sources of people's pictures, as in a content security policy.
	ImageSources []string
	// Log receives failures that no visitor sees. Nil is slog's default.
	Log *slog.Logger
}

// Provider is a provider that listens. Serve answers its requests.
type Provider struct {
	options  Options
	listener net.Listener
	keys     *keys
	sessions *sessions
	requests requests
	people   Directory
	protocol *op.Provider
}

// Open reads the stored keys, or makes new ones, and listens. Requests wait until Serve. The caller ends the
// provider with Serve's context, or with Close if it does not serve.
func Open(ctx context.Context, options Options) (*Provider, error) {
	if options.Log == nil {
		options.Log = slog.Default()
	}
	p := &Provider{options: options}
	if err := p.open(ctx); err != nil {
		return nil, fmt.Errorf("OpenID provider: %w", err)
	}
	return p, nil
}

func (p *Provider) open(ctx context.Context) (err error) {
	if err := os.MkdirAll(p.options.DataDir, 0o700); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	if p.keys, err = openKeys(filepath.Join(p.options.DataDir, "keys.json")); err != nil {
		return err
	}
	if p.sessions, err = openSessions(filepath.Join(p.options.DataDir, "sessions.json")); err != nil {
		return err
	}
	p.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", loopback.Address(p.options.Port))
	return err
}

// Issuer is the provider's address, without a slash at the end.
func (p *Provider) Issuer() string { return "http://" + p.listener.Addr().String() }

// ClientSecret is the secret of the client.
func (p *Provider) ClientSecret() string { return p.keys.ClientSecret }

// Close stops listening. It is for a provider that was never served.
func (p *Provider) Close() error { return p.listener.Close() }

// Serve answers requests until the context ends. The people are those who can sign in.
func (p *Provider) Serve(ctx context.Context, people Directory) error {
	handler, err := p.handler(people)
	if err != nil {
		return errors.Join(fmt.Errorf("OpenID provider: %w", err), p.listener.Close())
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: headerTimeout, IdleTimeout: 2 * time.Minute,
		BaseContext: func(net.Listener) context.Context { return ctx }, ErrorLog: slog.NewLogLogger(p.options.Log.Handler(), slog.LevelWarn)}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.Serve(p.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("OpenID provider: %w", err)
	}
	return nil
}

func (p *Provider) handler(people Directory) (http.Handler, error) {
	p.people = people
	var err error
	p.protocol, err = op.NewProvider(&op.Config{
		CryptoKey: p.keys.crypto(), CodeMethodS256: true, GrantTypeRefreshToken: true, DefaultLogoutRedirectURI: p.options.LogoutURI,
		SupportedScopes: []string{"openid", "profile", "email", "offline_access"},
	}, &storage{Provider: p}, op.StaticIssuer(p.Issuer()), op.WithAllowInsecure(), op.WithCORSOptions(nil))
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", p.showPeople)
	mux.HandleFunc("POST /login", p.choose)
	mux.Handle("GET /assets/{file}", http.FileServerFS(assetFiles))
	mux.Handle("/", p.protocol)
	return loopback.Guard("the OpenID provider", p.bounded(mux)), nil
}

// bounded bounds requests, and sets the headers of all answers.
func (p *Provider) bounded(handler http.Handler) http.Handler {
	policy := p.contentPolicy()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
		defer cancel()
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		header := w.Header()
		header.Set("Content-Security-Policy", policy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cache-Control", "no-store")
		handler.ServeHTTP(w, r.WithContext(ctx))
	})
}

// contentPolicy allows the style sheet and pictures. Browsers apply form-action to the redirects after a form
// too, which end at the portal.
func (p *Provider) contentPolicy() string {
	images := p.options.ImageSources
	if len(images) == 0 {
		images = []string{"'self'", "data:"}
	}
	return fmt.Sprintf("default-src 'none'; style-src 'self'; img-src %s; base-uri 'none'; form-action 'self' %s %s; frame-ancestors 'none'",
		strings.Join(images, " "), origin(p.options.RedirectURI), origin(p.options.LogoutURI))
}
