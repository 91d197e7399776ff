// Package temporalui serves Temporal's Web UI on the loopback interface, for the development stack.
package temporalui

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/temporalio/ui-server/v2/server"
	"github.com/temporalio/ui-server/v2/server/config"
	"github.com/temporalio/ui-server/v2/server/server_options"

	"github.com/portico-dev/portico/internal/devstack/loopback"
)

const (
	startTimeout = 10 * time.Second
	pollInterval = 2 * time.Millisecond
)

// Options says what the UI shows and where it is served.
type Options struct {
	// FrontendAddress is host:port of the Temporal frontend, which must be up: the UI connects at once, and tries again only after a
	// second. Required.
	FrontendAddress string
	// Namespace is the one the UI opens with and links point into. Required.
	Namespace string
	// Port is the HTTP port on 127.0.0.1; 0 takes a free one.
	Port int
	// CodecEndpoint is the URL of a codec server that decodes payloads for the UI, "" when payloads are plain.
	CodecEndpoint string
}

// Server is a running UI.
type Server struct {
	ui        *server.Server
	base      url.URL
	namespace string
	ended     chan struct{}
}

// Start serves the UI until Stop. It returns when connections are accepted.
func Start(ctx context.Context, options Options) (*Server, error) {
	port := options.Port
	if port == 0 {
		free, err := loopback.FreePorts(ctx, 1)
		if err != nil {
			return nil, fmt.Errorf("start the Temporal Web UI: %w", err)
		}
		port = free[0]
	}
	// The UI ends the process when it cannot listen, so that is found out before.
	if !loopback.IsFree(ctx, port) {
		return nil, fmt.Errorf("start the Temporal Web UI: port %d is taken", port)
	}
	started := &Server{
		ui:        server.NewServer(server_options.WithConfigProvider(uiConfig(options, port))),
		base:      url.URL{Scheme: "http", Host: loopback.Address(port)},
		namespace: options.Namespace,
		ended:     make(chan struct{}),
	}
	go func() {
		defer close(started.ended)
		_ = started.ui.Start() // fails only on an invalid configuration, which NewServer has refused
	}()
	if err := awaitListener(ctx, loopback.Address(port)); err != nil {
		return nil, errors.Join(fmt.Errorf("start the Temporal Web UI: %w", err), started.Stop(ctx))
	}
	return started, nil
}

func uiConfig(options Options, port int) *config.Config {
	return &config.Config{
		TemporalGRPCAddress: options.FrontendAddress,
		Host:                "127.0.0.1",
		Port:                port,
		EnableUI:            true,
		DefaultNamespace:    options.Namespace,
		DisableNewsFetch:    true,
		HideLogs:            true,
		// Plain HTTP on loopback: a cookie marked secure would not come back.
		CORS:  config.CORS{CookieInsecure: true},
		Codec: config.Codec{Endpoint: options.CodecEndpoint},
	}
}

func awaitListener(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	var dialer net.Dialer
	for {
		connection, err := dialer.DialContext(ctx, "tcp", address)
		if err == nil {
			return connection.Close()
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

// URL is the UI's address.
func (s *Server) URL() string { return s.base.String() }

// WorkflowURL is the page of the latest run of a workflow.
func (s *Server) WorkflowURL(workflowID string) string {
	return s.base.JoinPath("namespaces", url.PathEscape(s.namespace), "workflows", url.PathEscape(workflowID)).String()
}

// Stop closes the listener and every connection.
func (s *Server) Stop(ctx context.Context) error {
	s.ui.Stop()
	select {
	case <-s.ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop the Temporal Web UI: %w", ctx.Err())
	}
}
