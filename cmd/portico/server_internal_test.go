package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/config"
)

// slow responds when it is released, unless the request has ended by then.
type slow struct {
	begun, let chan struct{}
	drained    atomic.Bool
	dismissed  atomic.Bool
	// cause is why the request had ended.
	cause error
}

func (s *slow) Drain()   { s.drained.Store(true) }
func (s *slow) Dismiss() { s.dismissed.Store(true) }

func (s *slow) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.begun <- struct{}{}
	select {
	case <-s.let:
		_, _ = io.WriteString(w, "done")
	case <-r.Context().Done():
		s.cause = context.Cause(r.Context())
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

func TestRequestsInProgressAreFinished(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		grace time.Duration
		let   bool
	}{"in time": {time.Minute, true}, "not for ever": {time.Millisecond, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			listener, err := listen(t.Context(), config.Listen{Host: "127.0.0.1"}, "backend.listen")
			require.NoError(t, err)
			handler := &slow{begun: make(chan struct{}), let: make(chan struct{})}
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- serveHTTP(ctx, listener, handler, config.Server{ShutdownGracePeriod: test.grace}) }()
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+listener.Addr().String(), nil)
			require.NoError(t, err)
			answered := make(chan int, 1)
			go func() {
				response, err := http.DefaultClient.Do(request)
				if err != nil {
					answered <- 0
					return
				}
				defer response.Body.Close()
				answered <- response.StatusCode
			}()
			<-handler.begun
			stop()
			require.Eventually(t, handler.dismissed.Load, time.Minute, time.Millisecond)
			if test.let {
				close(handler.let)
				require.Equal(t, http.StatusOK, <-answered)
				require.NoError(t, <-ended)
				return
			}
			require.ErrorIs(t, <-ended, context.DeadlineExceeded)
			require.Equal(t, http.StatusServiceUnavailable, <-answered)
			require.ErrorIs(t, handler.cause, errStopped, "otherwise it would look as if the client had left")
		})
	}
}

// TestReadinessFailsBeforeTheListenerCloses: a load balancer needs time to notice, and sends requests until
// then.
func TestReadinessFailsBeforeTheListenerCloses(t *testing.T) {
	t.Parallel()
	listener, err := listen(t.Context(), config.Listen{Host: "127.0.0.1"}, "backend.listen")
	require.NoError(t, err)
	handler := &slow{begun: make(chan struct{}), let: make(chan struct{})}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- serveHTTP(ctx, listener, handler, config.Server{DrainPeriod: 2 * time.Second, ShutdownGracePeriod: time.Minute})
	}()
	stop()
	require.Eventually(t, handler.drained.Load, time.Minute, time.Millisecond)
	require.False(t, handler.dismissed.Load())
	go func() {
		<-handler.begun
		close(handler.let)
	}()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+listener.Addr().String(), nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err, "a late request is served")
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.NoError(t, <-ended)
	require.True(t, handler.dismissed.Load())
}

func TestImageSourcesAreConfigured(t *testing.T) {
	t.Parallel()
	loaded := &config.Config{Integrations: config.Integrations{
		GitHub: []config.GitHub{{Host: "github.com", APIBaseURL: "https://api.github.com", RawBaseURL: "https://raw.githubusercontent.com"},
			{Host: "127.0.0.1:4000", APIBaseURL: "http://127.0.0.1:4000/api/v3", RawBaseURL: "http://127.0.0.1:4000"}},
		GitLab: []config.GitLab{{Host: "gitlab.example.com"}},
	}}
	require.Equal(t, []string{"'self'", "data:", "http://127.0.0.1:4000", "https://*.githubusercontent.com", "https://api.github.com", "https://github.com",
		"https://gitlab.example.com", "https://raw.githubusercontent.com"}, imageSources(loaded))
	loaded.Backend.CSP.ImageSources = []string{"'self'", "https:"}
	require.Equal(t, []string{"'self'", "https:"}, imageSources(loaded))
}

func TestModulesOfFieldsAreSources(t *testing.T) {
	t.Parallel()
	loaded := &config.Config{Portico: config.Portico{Form: config.Form{Fields: map[string]config.FormField{
		"B": {Module: "https://fields.example.com/b;script-src *,x.js?v=2#top"}, "A": {Module: "https://fields.example.com/a.js"},
		"Also": {Module: "https://fields.example.com/a.js"},
	}}}}
	require.Equal(t, []string{"https://fields.example.com/a.js", "https://fields.example.com/b%3Bscript-src%20%2A%2Cx.js"}, fieldModules(loaded))
}

// TestLogsShowControlCharacters: input of callers can neither end a log line nor control a terminal.
func TestLogsShowControlCharacters(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"text", "json"} {
		var out bytes.Buffer
		log, err := newLogger(&out, "info", format)
		require.NoError(t, err)
		log.Info("a request", "path", "/a\nlevel=ERROR msg=\"forged\"\x1b[2J")
		require.Equal(t, 1, strings.Count(out.String(), "\n"))
		require.NotContains(t, out.String(), "\x1b")
	}
}

// immediate answers at once.
type immediate struct{ slow }

func (i *immediate) ServeHTTP(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }

// TestAHeaderOfAMegabyteIsRefused before anything looks at it, be it a token or a cookie.
func TestAHeaderOfAMegabyteIsRefused(t *testing.T) {
	t.Parallel()
	listener, err := listen(t.Context(), config.Listen{Host: "127.0.0.1"}, "backend.listen")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- serveHTTP(ctx, listener, &immediate{}, config.Server{ShutdownGracePeriod: time.Minute})
	}()
	for _, test := range []struct {
		name   string
		size   int
		status int
	}{
		{"Authorization", 1 << 20, http.StatusRequestHeaderFieldsTooLarge},
		{"Cookie", 1 << 20, http.StatusRequestHeaderFieldsTooLarge},
		{"Authorization", 32 << 10, http.StatusOK},
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+listener.Addr().String(), nil)
		require.NoError(t, err)
		request.Header.Set(test.name, strings.Repeat("x", test.size))
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, test.status, response.StatusCode, test.name)
	}
	stop()
	require.NoError(t, <-ended)
}
