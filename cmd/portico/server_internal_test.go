package main

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/config"
)

// slow answers when it is let, unless its request has ended by then.
type slow struct {
	begun, let chan struct{}
	drained    atomic.Bool
	dismissed  atomic.Bool
}

func (s *slow) Drain()   { s.drained.Store(true) }
func (s *slow) Dismiss() { s.dismissed.Store(true) }

func (s *slow) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.begun <- struct{}{}
	select {
	case <-s.let:
		_, _ = io.WriteString(w, "done")
	case <-r.Context().Done():
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

func TestRequestsUnderWayAreFinished(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		grace time.Duration
		let   bool
	}{"in time": {time.Minute, true}, "not for ever": {time.Millisecond, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			listener, err := listen(t.Context(), config.Listen{Host: "127.0.0.1"})
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
			require.Eventually(t, handler.dismissed.Load, 10*time.Second, time.Millisecond)
			if test.let {
				close(handler.let)
				require.Equal(t, http.StatusOK, <-answered)
				require.NoError(t, <-ended)
				return
			}
			require.ErrorIs(t, <-ended, context.DeadlineExceeded)
			require.Equal(t, http.StatusServiceUnavailable, <-answered)
		})
	}
}

// TestAServerSaysThatItStopsBeforeItCloses: a load balancer needs time to see it, and sends requests until then.
func TestAServerSaysThatItStopsBeforeItCloses(t *testing.T) {
	t.Parallel()
	listener, err := listen(t.Context(), config.Listen{Host: "127.0.0.1"})
	require.NoError(t, err)
	handler := &slow{begun: make(chan struct{}), let: make(chan struct{})}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- serveHTTP(ctx, listener, handler, config.Server{DrainPeriod: 2 * time.Second, ShutdownGracePeriod: time.Minute})
	}()
	stop()
	require.Eventually(t, handler.drained.Load, 10*time.Second, time.Millisecond)
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
