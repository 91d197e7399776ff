package telemetry

import (
	"context"
	"crypto/sha256"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// Transport observes the requests to hosts of source code: a span each, their durations, and what the hosts
// say of their rate limits. Neither queries nor credentials are kept, and no trace's id is sent to the hosts.
func (t *Telemetry) Transport(next http.RoundTripper) http.RoundTripper {
	if t == nil {
		return next
	}
	return &transport{next: next, telemetry: t}
}

type transport struct {
	next      http.RoundTripper
	telemetry *Telemetry
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	began := time.Now()
	ctx, span := t.telemetry.Span(request.Context(), request.Method+" "+request.URL.Host, trace.SpanKindClient,
		attribute.String("http.request.method", request.Method), attribute.String("server.address", request.URL.Host),
		attribute.String("url.full", withoutSecrets(request.URL)))
	defer span.End()
	response, err := t.next.RoundTrip(request.WithContext(ctx))
	status := 0
	if err != nil {
		// The error's text may hold the address with its query: that it failed is enough.
		span.SetStatus(codes.Error, "no answer")
	} else {
		status = response.StatusCode
		span.SetAttributes(attribute.Int("http.response.status_code", status))
		t.telemetry.budgets.note(request, response.Header)
	}
	if status >= http.StatusBadRequest {
		span.SetStatus(codes.Error, "")
	}
	t.telemetry.Measure(ctx, HTTPClientDuration, time.Since(began), request.Method, request.URL.Host, strconv.Itoa(status))
	return response, err
}

// withoutSecrets is a URL without its user and query: the links that hosts redirect to carry tokens there.
func withoutSecrets(full *url.URL) string {
	return (&url.URL{Scheme: full.Scheme, Host: full.Host, Path: full.Path}).String()
}

// maxBudgets bounds the budgets that are remembered: an App has one for each owner.
const maxBudgets = 500

// budgets are what hosts said last of their rate limits, for each credential. The zero value is ready.
type budgets struct {
	mu    sync.Mutex
	known map[budgetOf]budget
}

// budgetOf is whose budget it is. Of the credential there is only a hash.
type budgetOf struct {
	host, resource string
	credential     [sha256.Size]byte
}

type budget struct {
	limit, remaining float64
	until            time.Time
}

// note reads the headers that GitHub, Gitea and GitLab send: X-RateLimit-Limit, or RateLimit-Limit.
func (b *budgets) note(request *http.Request, header http.Header) {
	read := func(name string) (float64, error) {
		text := header.Get("X-Ratelimit-" + name)
		if text == "" {
			text = header.Get("Ratelimit-" + name)
		}
		return strconv.ParseFloat(text, 64)
	}
	limit, err := read("Limit")
	remaining, errRemaining := read("Remaining")
	reset, errReset := read("Reset")
	if err != nil || errRemaining != nil || errReset != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.known == nil || len(b.known) >= maxBudgets {
		b.known = map[budgetOf]budget{}
	}
	whose := budgetOf{request.URL.Host, header.Get("X-Ratelimit-Resource"), sha256.Sum256([]byte(request.Header.Get("Authorization")))}
	b.known[whose] = budget{limit, remaining, time.Unix(int64(reset), 0)}
}

// report gives, for each host and resource, the budget that is nearest to its end. One whose period is over
// is full again.
func (b *budgets) report(context.Context) ([]Sample, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	tightest := map[[2]string]budget{}
	for whose, one := range b.known {
		if time.Now().After(one.until) {
			one.remaining = one.limit
		}
		key := [2]string{whose.host, whose.resource}
		if least, known := tightest[key]; !known || one.remaining*least.limit < least.remaining*one.limit {
			tightest[key] = one
		}
	}
	var samples []Sample
	for key, one := range tightest {
		samples = append(samples, Sample{RateLimit, one.limit, key[:]}, Sample{RateLimitRemaining, one.remaining, key[:]})
	}
	return samples, nil
}
