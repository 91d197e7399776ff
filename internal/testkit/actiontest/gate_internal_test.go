package actiontest

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/scaffolder/action"
)

// TestPointsOfTheGate has calls, and where a process can crash in them: before the first, and after each that may have
// changed something.
func TestPointsOfTheGate(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		call   func(t *testing.T, gate *Gate)
		passed place
	}{
		"nothing":         {func(*testing.T, *Gate) {}, place{}},
		"a read":          {send(http.MethodGet, "/notes"), place{point: 1, passage: 2}},
		"a write":         {send(http.MethodDelete, "/notes/1"), place{point: 2, passage: 2}},
		"a fetch by Git":  {send(http.MethodPost, "/shop.git/git-upload-pack"), place{point: 1, passage: 2}},
		"a push by Git":   {send(http.MethodPost, "/shop.git/git-receive-pack"), place{point: 2, passage: 2}},
		"an intent":       {intend, place{point: 2, passage: 2}},
		"a look at them":  {look, place{point: 1, passage: 2}},
		"an insert":       {statements("create temporary table a (b int)"), place{point: 2, passage: 2}},
		"a transaction":   {statements("begin", "create temporary table a (b int)", "commit"), place{point: 2, passage: 6}},
		"one taken back":  {statements("begin", "create temporary table a (b int)", "rollback"), place{point: 2, passage: 6}},
		"a failed insert": {statements("insert into nowhere values (1)"), place{point: 2, passage: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gate := &Gate{}
			gate.begin(t.Context(), place{})
			test.call(t, gate)
			passed, crashed := gate.end()
			require.Equal(t, test.passed, passed)
			require.False(t, crashed)
		})
	}
}

func send(method, path string) func(*testing.T, *Gate) {
	return func(t *testing.T, gate *Gate) {
		t.Helper()
		gate.Handler(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), method, path, nil))
	}
}

func intend(t *testing.T, gate *Gate) {
	t.Helper()
	ledger := &Ledger{Gate: gate}
	_, err := ledger.For("run", "step", "action").Intend(t.Context(), action.Intent{Kind: "thing", Name: "x"})
	require.NoError(t, err)
}

func look(t *testing.T, gate *Gate) {
	t.Helper()
	ledger := &Ledger{Gate: gate}
	_, err := ledger.For("run", "step", "action").Effects(t.Context())
	require.NoError(t, err)
}

// statements sends statements on one connection. They may fail.
func statements(texts ...string) func(*testing.T, *Gate) {
	return func(t *testing.T, gate *Gate) {
		t.Helper()
		config := testkit.Database(t).Config().ConnConfig
		config.Tracer = gate
		connection, err := pgx.ConnectConfig(t.Context(), config)
		require.NoError(t, err)
		defer connection.Close(t.Context())
		for _, text := range texts {
			_, _ = connection.Exec(t.Context(), text)
		}
	}
}

// TestNothingPassesAfterACrash crashes a process at each place of its two reads and the write between them.
func TestNothingPassesAfterACrash(t *testing.T) {
	t.Parallel()
	for at, reached := range map[place][]string{
		{}:           {"GET", "POST", "GET"},
		{point: 1}:   nil,
		{point: 2}:   {"GET", "POST"},
		{passage: 1}: nil,
		{passage: 2}: {"GET"},
		{passage: 3}: {"GET"},
		{passage: 4}: {"GET", "POST"},
		{passage: 5}: {"GET", "POST"},
	} {
		gate := &Gate{}
		ctx := gate.begin(t.Context(), at)
		var served []string
		server := gate.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { served = append(served, r.Method) }))
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodGet} {
			func() {
				defer func() { _ = recover() }() // the gate closes the connection of a process that has crashed
				server.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), method, "/notes", nil))
			}()
		}
		require.Equal(t, reached, served, "%+v", at)
		require.Equal(t, at != place{}, ctx.Err() != nil, "%+v", at)
		_, crashed := gate.end()
		require.Equal(t, at != place{}, crashed, "%+v", at)
	}
}
