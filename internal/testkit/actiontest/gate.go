package actiontest

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"

	"github.com/jackc/pgx/v5"
)

// ErrCrashed is what a call of the ledger returns in a process that has crashed.
var ErrCrashed = errors.New("the process has crashed")

// Gate simulates crashes. Everything that an attempt exchanges with what outlives its process passes it: each
// call of the ledger, each request to a server, each statement to a database. A call passes twice: before it
// takes effect, and after, before the caller has the answer. Each passage is a point at which the process can
// crash; from then on nothing passes. A nil Gate lets everything pass, and so does one outside of an attempt.
type Gate struct {
	mutex sync.Mutex
	// passed counts the points of this attempt, which crashes at the point crashAt; 0 is never.
	passed, crashAt int
	crashed         bool
	cancel          context.CancelFunc
}

// begin starts an attempt that crashes at a point, counted from 1; with 0 it does not.
func (g *Gate) begin(parent context.Context, crashAt int) context.Context {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	ctx, cancel := context.WithCancel(parent)
	g.passed, g.crashAt, g.crashed, g.cancel = 0, crashAt, false, cancel
	return ctx
}

// end ends the attempt. It returns how many points the attempt passed, and whether it crashed.
func (g *Gate) end() (points int, crashed bool) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	points, crashed = g.passed, g.crashed
	g.cancel()
	g.passed, g.crashAt, g.crashed = 0, 0, false
	return points, crashed
}

// pass is one point; it reports whether the process is alive after it.
func (g *Gate) pass() bool {
	if g == nil {
		return true
	}
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.passed++
	if g.passed == g.crashAt {
		g.crashed = true
		g.cancel()
	}
	return !g.crashed
}

// Do lets a function call pass. In a process that crashes it returns ErrCrashed.
func (g *Gate) Do(call func() error) error {
	if !g.pass() {
		return ErrCrashed
	}
	err := call()
	if !g.pass() {
		return ErrCrashed
	}
	return err
}

// Serve lets a request pass to a server's handler. A process that crashes sees the connection close. Serve is
// a forgetest.Fault.
func (g *Gate) Serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	if !g.pass() {
		panic(http.ErrAbortHandler)
	}
	answer := httptest.NewRecorder()
	// The server finishes the request even if the caller does not wait.
	next.ServeHTTP(answer, r.WithContext(context.WithoutCancel(r.Context())))
	if !g.pass() {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	w.Write(answer.Body.Bytes()) //nolint:errcheck // The caller may be gone.
}

// Handler returns a server's handler behind the gate.
func (g *Gate) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.Serve(w, r, next) })
}

// As the ConnConfig.Tracer of a pool, a Gate lets each statement pass.
var (
	_ pgx.QueryTracer = (*Gate)(nil)
	_ pgx.BatchTracer = (*Gate)(nil)
)

// TraceQueryStart lets a statement pass.
func (g *Gate) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return g.statement(ctx)
}

// TraceQueryEnd lets its answer pass.
func (g *Gate) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) { g.pass() }

// TraceBatchStart lets the statements of a batch pass, which are sent together.
func (g *Gate) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return g.statement(ctx)
}

// TraceBatchQuery does nothing.
func (*Gate) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd lets their answers pass.
func (g *Gate) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) { g.pass() }

// statement returns the context for a statement. It is cancelled after a crash, and the statement is not
// sent.
func (g *Gate) statement(ctx context.Context) context.Context {
	if g.pass() {
		return ctx
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	return cancelled
}
