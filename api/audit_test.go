package api_test

import (
	"log/slog"
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/internal/testkit/catalogtest"
)

// TestTheAuditLogHasWhatPeopleDidAndWhatTheyWereRefused: with the address and the id of each request.
func TestTheAuditLogHasWhatPeopleDidAndWhatTheyWereRefused(t *testing.T) {
	t.Parallel()
	o := newOwnThings(t)
	catalogtest.Fill(t, o.pool, 180)
	adas, graces := o.owned("group:default/group-19"), o.owned("group:default/group-39")
	anyOf := func(owned map[string]string) (ref, uid string) {
		for ref, uid = range owned {
			break
		}
		return ref, uid
	}
	ownRef, ownUID := anyOf(adas)
	_, strangeUID := anyOf(graces)

	deleted := ask(t, o.http, http.MethodDelete, "/api/catalog/entities/by-uid/"+ownUID, "", "Authorization", "Bearer ada")
	require.Equal(t, http.StatusNoContent, deleted.Code)
	o.send("ada", http.StatusForbidden, http.MethodDelete, "/catalog/entities/by-uid/"+strangeUID, "", nil)
	run := uuid.NewString()
	o.send("grace", http.StatusNotFound, http.MethodPost, "/scaffolder/v2/tasks/"+run+"/retry", "", nil)
	o.send("ada", http.StatusNotFound, http.MethodGet, "/scaffolder/v2/tasks/"+run, "", nil)
	o.send("nobody", http.StatusUnauthorized, http.MethodDelete, "/catalog/entities/by-uid/"+ownUID, "", nil)

	found, err := audit.Find(t.Context(), o.pool, audit.Query{})
	require.NoError(t, err)
	type told struct {
		actor    string
		action   audit.Action
		resource string
		outcome  audit.Outcome
		reason   string
	}
	events := make([]told, len(found))
	for i, e := range found {
		events[i] = told{e.Actor.Subject, e.Action, e.Resource, e.Outcome, e.Reason}
		require.Equal(t, "192.0.2.1", e.Address, "httptest's")
		require.NotEmpty(t, e.RequestID)
	}
	require.Equal(t, []told{
		{"user:default/grace", audit.RunRetry, run, audit.Failed, "NotFoundError"},
		{"user:default/ada", audit.EntityDelete, strangeUID, audit.Denied, "needs catalog.entity.delete"},
		{"user:default/ada", audit.EntityDelete, ownRef, audit.Done, ""},
	}, events)
	require.Equal(t, deleted.Header().Get("X-Request-Id"), found[2].RequestID)
}

func TestARestrictedTokenIsRecordedWhereItIsRefused(t *testing.T) {
	t.Parallel()
	o := newOwnThings(t)
	server := newServer(t, t.Output(), func(options *api.Options) {
		options.Refusals = audit.NewAttempts(o.pool, slog.New(slog.DiscardHandler))
	})
	answer := ask(t, server, http.MethodGet, "/api/catalog/entities", "", "Authorization", "Bearer restricted")
	require.Equal(t, http.StatusForbidden, answer.Code)
	found, err := audit.Find(t.Context(), o.pool, audit.Query{Who: "external:crawler"})
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Equal(t, audit.Access, found[0].Action)
	require.Equal(t, "/api/catalog/entities", found[0].Resource)
}
