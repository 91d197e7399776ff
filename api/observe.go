package api

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/portico-dev/portico/telemetry"
)

// healthRoutes are not traced, because probes call them every few seconds.
const healthRoutes = "/.backstage/health/"

// observe records a span and the duration of a request under its route's template. It does not record the
// path itself, which the caller chooses.
func observe(t *telemetry.Telemetry) gin.HandlerFunc {
	if t == nil {
		return func(c *gin.Context) { c.Next() }
	}
	return func(c *gin.Context) {
		began, route, method := time.Now(), observedRoute(c), observedMethod(c.Request.Method)
		ctx, span := c.Request.Context(), trace.Span(noop.Span{})
		if !strings.HasPrefix(route, healthRoutes) {
			ctx, span = t.Span(t.Received(ctx, c.Request.Header), method+" "+route, trace.SpanKindServer,
				attribute.String("http.request.method", method), attribute.String("http.route", route))
		}
		c.Request = c.Request.WithContext(ctx)
		defer func() {
			status := c.Writer.Status()
			span.SetAttributes(attribute.Int("http.response.status_code", status))
			if status >= http.StatusInternalServerError {
				span.SetStatus(codes.Error, "")
			}
			span.End()
			t.Measure(ctx, telemetry.HTTPServerDuration, time.Since(began), method, route, strconv.Itoa(status))
		}()
		c.Next()
	}
}

// observedRoute is the template of the request's route, without a trailing slash. Requests without a route
// are the portal's, or not found.
func observedRoute(c *gin.Context) string {
	if route := c.FullPath(); route != "" {
		return strings.TrimRight(route, "/")
	}
	return "portal"
}

// observedMethod is the request's method. All non-standard methods are counted as one, because a caller may
// send anything.
func observedMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	default:
		return "_OTHER"
	}
}
