package actiontest

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
)

// ErrCrashed is what a call of the ledger returns in a process that has crashed.
var ErrCrashed = errors.New("the process has crashed")

// Gate simulates crashes. Everything that an attempt exchanges with what outlives its process passes it twice: each
// call of the ledger, each request to a server, each statement to a database, before it takes effect, and after,
// before the caller has the answer. A process can crash at each passage; from then on nothing passes.
//
// The points are the passages that leave something different: the first one, and those after a call that may have
// changed something. A crash at any other passage leaves what a crash at the point before it leaves.
//
// A nil Gate lets everything pass, and so does one outside of an attempt.
type Gate struct {
	mutex sync.Mutex
	// at is where this attempt crashes, and passed is how far it came.
	at, passed place
	crashed    bool
	cancel     context.CancelFunc
}

// place is a place in an attempt, as the number of a point or of a passage, each counted from 1. The zero value is
// none.
type place struct{ point, passage int }

// begin starts an attempt that crashes at a place, or at none.
func (g *Gate) begin(parent context.Context, at place) context.Context {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	ctx, cancel := context.WithCancel(parent)
	g.at, g.passed, g.crashed, g.cancel = at, place{}, false, cancel
	return ctx
}

// end ends the attempt. It returns how many points and passages there were, and whether the attempt crashed.
func (g *Gate) end() (passed place, crashed bool) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	passed, crashed = g.passed, g.crashed
	g.cancel()
	g.at, g.passed, g.crashed = place{}, place{}, false
	return passed, crashed
}

// pass is one passage; it reports whether the process is alive after it.
func (g *Gate) pass(changed bool) bool {
	if g == nil {
		return true
	}
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.passed.passage++
	if changed || g.passed.passage == 1 {
		g.passed.point++
	}
	if g.passed.point == g.at.point || g.passed.passage == g.at.passage {
		g.crashed = true
		g.cancel()
	}
	return !g.crashed
}

// do lets a function call pass, which may change something or only reads. In a process that crashes it returns
// ErrCrashed.
func (g *Gate) do(changes bool, call func() error) error {
	if !g.pass(false) {
		return ErrCrashed
	}
	err := call()
	if !g.pass(changes) {
		return ErrCrashed
	}
	return err
}

// Serve lets a request pass to a server's handler. A process that crashes sees the connection close. Serve is
// a forgetest.Fault.
func (g *Gate) Serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	if !g.pass(false) {
		panic(http.ErrAbortHandler)
	}
	answer := httptest.NewRecorder()
	// The server finishes the request even if the caller does not wait.
	next.ServeHTTP(answer, r.WithContext(context.WithoutCancel(r.Context())))
	if !g.pass(!isRead(r)) {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	w.Write(answer.Body.Bytes()) //nolint:errcheck // The caller may be gone.
}

// isRead reports whether a request changes nothing: by its method, of which HTTP promises that, or as a fetch of Git,
// which is a POST.
func isRead(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return true
	default:
		return strings.HasSuffix(r.URL.Path, "/git-upload-pack")
	}
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
func (g *Gate) TraceQueryEnd(_ context.Context, connection *pgx.Conn, _ pgx.TraceQueryEndData) {
	g.answered(connection)
}

// TraceBatchStart lets the statements of a batch pass, which are sent together.
func (g *Gate) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return g.statement(ctx)
}

// TraceBatchQuery does nothing.
func (*Gate) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd lets their answers pass.
func (g *Gate) TraceBatchEnd(_ context.Context, connection *pgx.Conn, _ pgx.TraceBatchEndData) {
	g.answered(connection)
}

// answered lets an answer pass. What a transaction has done is seen by others, and outlives the process, once it has
// ended.
func (g *Gate) answered(connection *pgx.Conn) {
	const outsideOfTransactions = 'I'
	g.pass(connection.PgConn().TxStatus() == outsideOfTransactions)
}

// statement returns the context for a statement. It is cancelled after a crash, and the statement is not
// sent.
func (g *Gate) statement(ctx context.Context) context.Context {
	if g.pass(false) {
		return ctx
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	return cancelled
}
