package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// scrapeTimeout bounds one scrape, from the request's first byte to the response's last.
const scrapeTimeout = 15 * time.Second

// Handler serves the metrics in Prometheus' formats; 404 when they are off.
func (t *Telemetry) Handler() http.Handler {
	if !t.IsMeasuring() {
		return http.NotFoundHandler()
	}
	return promhttp.HandlerFor(t.registry, promhttp.HandlerOpts{EnableOpenMetrics: true, MaxRequestsInFlight: 4})
}

// Serve serves GET /metrics, and nothing else, until the context ends.
func (t *Telemetry) Serve(ctx context.Context, listener net.Listener) error {
	routes := http.NewServeMux()
	routes.Handle("GET /metrics", t.Handler())
	server := &http.Server{Handler: routes, ReadTimeout: scrapeTimeout, WriteTimeout: scrapeTimeout, MaxHeaderBytes: 16 << 10}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve metrics: %w", err)
	}
	return nil
}
