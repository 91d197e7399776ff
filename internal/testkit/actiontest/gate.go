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

// ErrDied is what a call of the ledger gets in a process that has died.
var ErrDied = errors.New("the process has died")

// Gate is passed by everything that an attempt exchanges with what outlives it: each call of the ledger, each
// request to a server, each statement to a database. A call passes twice, before it takes effect and after,
// when the answer has not arrived yet. Each passage is a moment at which the attempt's process can die; from
// then on nothing passes. A nil Gate lets everything pass.
type Gate struct {
	mutex sync.Mutex
	// passed are the moments so far of this attempt, which dies at one of them; 0 is never.
	passed, fatal int
	dead          bool
	die           context.CancelFunc
}

// begin starts an attempt that dies at a moment, counted from 1; with 0 it does not.
func (g *Gate) begin(parent context.Context, fatal int) context.Context {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	ctx, die := context.WithCancel(parent)
	g.passed, g.fatal, g.dead, g.die = 0, fatal, false, die
	return ctx
}

// end ends the attempt. It says how many moments it has had, and whether it died.
func (g *Gate) end() (moments int, died bool) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	moments, died = g.passed, g.dead
	g.die()
	// What is still on its way, such as the request of a process that was killed, comes too late.
	g.dead = true
	return moments, died
}

// open lets everything pass: the calls of the test itself.
func (g *Gate) open() {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.passed, g.fatal, g.dead, g.die = 0, 0, false, func() {}
}

// pass is one moment; it says whether the process is alive after it.
func (g *Gate) pass() bool {
	if g == nil {
		return true
	}
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.passed++
	if g.passed == g.fatal {
		g.dead = true
		g.die()
	}
	return !g.dead
}

// Do lets a call pass that is a function. A process that dies gets ErrDied.
func (g *Gate) Do(call func() error) error {
	if !g.pass() {
		return ErrDied
	}
	err := call()
	if !g.pass() {
		return ErrDied
	}
	return err
}

// Serve lets a request pass to a server's handler. A process that dies sees the connection break off. It is a
// forgetest.Fault.
func (g *Gate) Serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	if !g.pass() {
		panic(http.ErrAbortHandler)
	}
	answer := httptest.NewRecorder()
	// What the server has begun it finishes, whether or not the caller waits for it.
	next.ServeHTTP(answer, r.WithContext(context.WithoutCancel(r.Context())))
	if !g.pass() {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	w.Write(answer.Body.Bytes()) //nolint:errcheck // The caller may be gone.
}

// Handler is a server's handler behind the gate.
func (g *Gate) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.Serve(w, r, next) })
}

// A Gate traces a pool of connections: set it as ConnConfig.Tracer, and each statement passes.
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

// statement is the context of a statement; one that has ended is not sent.
func (g *Gate) statement(ctx context.Context) context.Context {
	if g.pass() {
		return ctx
	}
	ended, end := context.WithCancel(ctx)
	end()
	return ended
}
