package api_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/catalog/sweep"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/policy"
)

// idleEngine is an engine whose Temporal does nothing.
type idleEngine struct{}

func (idleEngine) Ensure(context.Context, sweep.Plan) (sweep.Scheduled, error) {
	return sweep.Scheduled{}, nil
}
func (idleEngine) Remove(context.Context, string) error         { return nil }
func (idleEngine) Trigger(context.Context, string) error        { return nil }
func (idleEngine) Pause(context.Context, string, string) error  { return nil }
func (idleEngine) Resume(context.Context, string, string) error { return nil }
func (idleEngine) Wake(context.Context, string) error           { return nil }

// inventory is a source with one page.
type inventory struct{ provider.Provider }

func (inventory) Name() string { return "json-provider:inventory" }

func TestSourcesAndSweepsOverHTTP(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	store := sweep.NewStore(sweep.StoreOptions{Pool: pool, Limit: sweep.Limit{Count: new(0)}})
	require.NoError(t, store.Configure(t.Context(), []provider.Source{{Provider: inventory{}, Kind: "json", Place: "inventory.example.com",
		Schedule: provider.Schedule{Every: 30 * time.Minute, Timeout: time.Minute}}}))
	server := newServer(t, io.Discard, func(o *api.Options) {
		o.Plugins = append(o.Plugins, api.NewSourcesPlugin(sweep.NewService(sweep.ServiceOptions{Pool: pool, Decider: policy.AllowKnown{}, Engine: idleEngine{},
			Log: slog.New(slog.DiscardHandler)})))
	})
	type shown struct {
		ID, State, Cause, AskedBy, DecidedBy string
		Entities, Added, Removed             int
		Removals                             []string
		Paused                               bool
		Sources                              []struct{ Name, Place string }
		Sweeps                               []struct{ State string }
		Last                                 *struct{ State string }
	}
	send := func(status int, method, path, body string) (got shown) {
		t.Helper()
		answer := ask(t, server, method, "/api/portico/v1/catalog"+path, body)
		require.Equal(t, status, answer.Code, answer.Body.String())
		if answer.Body.Len() > 0 {
			require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &got))
		}
		return got
	}
	const one = "/sources/json-provider:inventory"
	// sweepWith carries out the sweep that was asked for, as the workflow does.
	sweepWith := func(names ...string) {
		t.Helper()
		progress, err := store.Begin(t.Context(), sweep.BeginRequest{Source: inventory{}.Name(), WorkflowID: "w", RunID: time.Now().String()})
		require.NoError(t, err)
		at, err := store.Point(t.Context(), progress.ID)
		require.NoError(t, err)
		var page provider.Page
		for _, name := range names {
			page.Entities = append(page.Entities, provider.Entity{Location: entity.LocationSpec{Type: "url", Target: "https://inventory.example.com"},
				Entity: entity.Entity{"apiVersion": "backstage.io/v1alpha1", "kind": "Component", "metadata": map[string]any{"name": name}}})
		}
		_, err = store.Stage(t.Context(), at, page)
		require.NoError(t, err)
		_, err = store.Commit(t.Context(), progress.ID)
		require.NoError(t, err)
	}

	require.Equal(t, "inventory.example.com", send(http.StatusOK, http.MethodGet, "/sources", "").Sources[0].Place)
	asked := send(http.StatusAccepted, http.MethodPost, one+"/sweep", "")
	require.Equal(t, []string{"requested", "person"}, []string{asked.State, asked.Cause})
	send(http.StatusConflict, http.MethodPost, one+"/sweep", "")
	sweepWith("a", "b")
	found := send(http.StatusOK, http.MethodGet, "/sweeps/"+asked.ID, "")
	require.Equal(t, []any{"committed", 2, 2}, []any{found.State, found.Entities, found.Added})
	require.Equal(t, "committed", send(http.StatusOK, http.MethodGet, one, "").Last.State)

	asked = send(http.StatusAccepted, http.MethodPost, one+"/sweep", `{"maxRemovals":0}`)
	sweepWith("a")
	waiting := send(http.StatusOK, http.MethodGet, "/sweeps/"+asked.ID, "")
	require.Equal(t, []any{"waiting", []string{"component:default/b"}}, []any{waiting.State, waiting.Removals})
	require.Equal(t, "approved", send(http.StatusOK, http.MethodPost, "/sweeps/"+asked.ID+"/approve", "").State)
	send(http.StatusConflict, http.MethodPost, "/sweeps/"+asked.ID+"/drop", "")
	require.Equal(t, "cancelled", send(http.StatusOK, http.MethodPost, "/sweeps/"+asked.ID+"/cancel", "").State)
	require.Len(t, send(http.StatusOK, http.MethodGet, one, "").Sweeps, 2)

	send(http.StatusNoContent, http.MethodPost, one+"/pause", "")
	require.True(t, send(http.StatusOK, http.MethodGet, one, "").Paused)
	send(http.StatusNoContent, http.MethodPost, one+"/resume", "")
	require.False(t, send(http.StatusOK, http.MethodGet, one, "").Paused)

	send(http.StatusNotFound, http.MethodGet, "/sources/none", "")
	send(http.StatusNotFound, http.MethodGet, "/sweeps/none", "")
	send(http.StatusNotFound, http.MethodPost, "/sweeps/none/approve", "")
	send(http.StatusBadRequest, http.MethodPost, one+"/sweep", `{"maxRemovals":-1}`)
	send(http.StatusBadRequest, http.MethodPost, one+"/sweep", `{"maxRemovals":1000001}`)
	send(http.StatusBadRequest, http.MethodPost, one+"/sweep", `{"removals":1}`)
}
