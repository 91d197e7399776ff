package api

import (
	"context"
	"errors"
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

// statusClientLeft is recorded for a request whose client left before the response was complete. It is
// nginx's number, and is never sent.
const statusClientLeft = 499

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
		finished := false
		defer func() { // after a panic too: it breaks the response off
			status := observedStatus(ctx, c.Writer.Status(), finished)
			span.SetAttributes(attribute.Int("http.response.status_code", status))
			if status >= http.StatusInternalServerError {
				span.SetStatus(codes.Error, "")
			}
			span.End()
			t.Measure(ctx, telemetry.HTTPServerDuration, time.Since(began), method, route, strconv.Itoa(status))
		}()
		c.Next()
		finished = true
	}
}

// observedStatus is the status that describes how a request ended. A response that was broken off is a
// failure, whichever status was sent before. A client that left is to blame for what failed since.
func observedStatus(ctx context.Context, sent int, finished bool) int {
	switch {
	case finished && sent < http.StatusInternalServerError:
		return sent
	case clientLeft(ctx):
		return statusClientLeft
	case finished:
		return sent
	default:
		return http.StatusInternalServerError
	}
}

// clientLeft reports whether the client ended the request. net/http cancels the context then, and gives no
// cause; deadlines and a server that stops have causes of their own.
func clientLeft(ctx context.Context) bool { return errors.Is(context.Cause(ctx), context.Canceled) }

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
