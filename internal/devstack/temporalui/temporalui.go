// Package temporalui serves Temporal's Web UI on the loopback interface, for the development stack.
package temporalui

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"github.com/temporalio/ui-server/v2/server/api"
	"github.com/temporalio/ui-server/v2/server/config"
	"github.com/temporalio/ui-server/v2/server/csrf"
	"github.com/temporalio/ui-server/v2/server/headers"
	"github.com/temporalio/ui-server/v2/server/route"
	"github.com/temporalio/ui-server/v2/ui"

	"github.com/portico-dev/portico/internal/devstack/loopback"
)

// headerTimeout bounds how long a request's header may take.
const headerTimeout = 10 * time.Second

// Options are the settings of the UI.
type Options struct {
	// FrontendAddress is host:port of the Temporal frontend, which must be ready: the UI connects at once,
	// and retries only after a second. Required.
	FrontendAddress string
	// Namespace is the namespace that the UI opens and to which links point. Required.
	Namespace string
	// Port is the HTTP port on 127.0.0.1; 0 takes a free one.
	Port int
	// CodecEndpoint is the URL of a codec server that decodes payloads for the UI, "" when payloads are
	// plain.
	CodecEndpoint string
	// PublicPath is the path at which a proxy serves the UI, "" without a proxy. With a Password, the UI answers
	// only to requests with it, which are the proxy's.
	PublicPath, Password string
}

// Server is a running UI.
type Server struct {
	server    *http.Server
	base      url.URL
	namespace string
	ended     chan struct{}
}

// Start serves the UI until Stop. It returns when connections are accepted.
func Start(ctx context.Context, options Options) (*Server, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", loopback.Address(options.Port))
	if err != nil {
		return nil, fmt.Errorf("start the Temporal Web UI: %w", err)
	}
	handler, err := newHandler(uiConfig(options))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the Temporal Web UI: %w", err), listener.Close())
	}
	if options.Password != "" {
		handler = onlyWith(options.Password, handler)
	}
	started := &Server{
		server:    &http.Server{Handler: loopback.Guard("the Temporal Web UI", handler), ReadHeaderTimeout: headerTimeout},
		base:      url.URL{Scheme: "http", Host: listener.Addr().String()},
		namespace: options.Namespace,
		ended:     make(chan struct{}),
	}
	go func() {
		defer close(started.ended)
		_ = started.server.Serve(listener) // ends when it is closed
	}()
	return started, nil
}

// newHandler builds the UI's handler as its own server does. That server opens its own listener, which leaves
// no place for a guard.
func newHandler(settings *config.Config) (http.Handler, error) {
	provider, err := config.NewConfigProviderWithRefresh(settings)
	if err != nil {
		return nil, err
	}
	assets, err := ui.Assets()
	if err != nil {
		return nil, err
	}
	local, err := fs.Sub(assets, "local")
	if err != nil {
		return nil, err
	}
	e := echo.New()
	if settings.PublicPath != "" {
		e.Pre(route.PublicPath(settings.PublicPath))
	}
	e.Use(middleware.Recover(), middleware.Gzip(), middleware.Secure(),
		csrf.EnsureTokenCookie(!settings.CORS.CookieInsecure), middleware.CSRFWithConfig(csrf.MiddlewareConfig(provider, !settings.CORS.CookieInsecure)))
	route.SetHealthRoute(e)
	forwarded := []api.Middleware{headers.WithForwardHeaders([]string{"Caller-Type"})}
	if err := route.SetAPIRoutes(e, provider, forwarded); err != nil {
		return nil, err
	}
	route.SetAuthRoutes(e, provider)
	if err := route.SetUIRoutes(e, settings.PublicPath, local, provider); err != nil {
		return nil, err
	}
	route.SetRenderRoute(e, "/")
	return e, nil
}

func uiConfig(options Options) *config.Config {
	return &config.Config{
		TemporalGRPCAddress: options.FrontendAddress,
		EnableUI:            true,
		PublicPath:          options.PublicPath,
		DefaultNamespace:    options.Namespace,
		DisableNewsFetch:    true,
		// A cookie with the attribute Secure is not sent over plain HTTP.
		CORS:  config.CORS{CookieInsecure: true},
		Codec: config.Codec{Endpoint: options.CodecEndpoint},
	}
}

// onlyWith refuses requests without the password.
func onlyWith(password string, handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, given, _ := r.BasicAuth()
		if subtle.ConstantTimeCompare([]byte(given), []byte(password)) == 0 {
			http.Error(w, "The Temporal Web UI is reached by Portico's sign-in only.", http.StatusUnauthorized)
			return
		}
		handler.ServeHTTP(w, r)
	})
}

// URL is the UI's address.
func (s *Server) URL() string { return s.base.String() }

// WorkflowURL is the page of the latest run of a workflow.
func (s *Server) WorkflowURL(workflowID string) string {
	return s.base.JoinPath("namespaces", url.PathEscape(s.namespace), "workflows", url.PathEscape(workflowID)).String()
}

// Stop closes the listener and every connection.
func (s *Server) Stop(ctx context.Context) error {
	err := s.server.Close()
	select {
	case <-s.ended:
		return err
	case <-ctx.Done():
		return fmt.Errorf("stop the Temporal Web UI: %w", ctx.Err())
	}
}
