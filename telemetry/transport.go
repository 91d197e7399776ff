package telemetry

import (
	"context"
	"crypto/sha256"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// Transport observes the requests to source code hosts: a span each, their durations, and the hosts' rate
// limits. It does not record queries or credentials, and does not send trace ids to the hosts.
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
		// The error's text may contain the URL with its query, so it is left out.
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

// withoutSecrets is a URL without user and query: hosts redirect to links that have tokens there.
func withoutSecrets(full *url.URL) string {
	return (&url.URL{Scheme: full.Scheme, Host: full.Host, Path: full.Path}).String()
}

// maxBudgets bounds the tracked rate limits: an App has one for each owner.
const maxBudgets = 500

// budgets are the last known rate limits of hosts, for each credential. The zero value is ready.
type budgets struct {
	mu    sync.Mutex
	known map[budgetOf]budget
}

// budgetOf is the key of a rate limit. It has a hash of the credential only.
type budgetOf struct {
	host, resource string
	credential     [sha256.Size]byte
}

type budget struct {
	limit, remaining float64
	until            time.Time
}

// note reads the headers of GitHub, Gitea and GitLab: X-RateLimit-Limit, or RateLimit-Limit.
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
	b.keep(budgetOf{request.URL.Host, header.Get("X-Ratelimit-Resource"), sha256.Sum256([]byte(request.Header.Get("Authorization")))},
		budget{limit, remaining, time.Unix(int64(reset), 0)})
}

// keep remembers a rate limit. A table that is full makes room for a new one: it forgets those whose period
// is over, and all of them if none is.
func (b *budgets) keep(whose budgetOf, one budget) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.known == nil {
		b.known = map[budgetOf]budget{}
	}
	if _, known := b.known[whose]; !known && len(b.known) >= maxBudgets {
		maps.DeleteFunc(b.known, func(_ budgetOf, other budget) bool { return time.Now().After(other.until) })
		if len(b.known) >= maxBudgets {
			clear(b.known)
		}
	}
	b.known[whose] = one
}

// report returns, for each host and resource, the rate limit with the fewest requests left. A limit whose
// period is over is full again.
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
