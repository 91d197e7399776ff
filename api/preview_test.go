package api_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/testkit/catalogtest"
	"github.com/portico-dev/portico/policy/preview"
)

const previews = "/portico/v1/policy/preview"

// TestAChangeIsPreviewed: with the bodies of the requests that make it.
func TestAChangeIsPreviewed(t *testing.T) {
	t.Parallel()
	r := newRoles(t)
	catalogtest.Fill(t, r.pool, 60)
	changes := `{"changes":[{"createRole":{"name":"role:default/developers","memberReferences":["user:default/grace","group:default/group-19"]}},
		{"addPolicies":[{"entityReference":"role:default/developers","permission":"catalog-entity","policy":"delete","effect":"allow"}]},
		{"createCondition":` + conditionOnReading("group:default/group-39") + `}]}`
	var found preview.Preview
	r.send("ada", http.StatusOK, http.MethodPost, previews+"?limit=1", changes, &found)
	require.Positive(t, found.People.Affected)
	require.Equal(t, found.People.Affected, found.People.Gain)
	require.Len(t, found.Items, 1)
	require.Len(t, found.Permissions, 2)
	require.Empty(t, found.Incomplete)
	if found.People.Affected > 1 {
		require.Equal(t, found.Items[0].User, found.NextCursor)
	}
	answer := ask(t, r.http, http.MethodPost, "/api"+previews, changes, "Authorization", "Bearer grace")
	require.Equal(t, http.StatusForbidden, answer.Code)
	require.Contains(t, answer.Header().Get("WWW-Authenticate"), `scope="policy.entity.read"`)
	answer = ask(t, r.http, http.MethodPost, "/api"+previews, `{"changes":[{"deleteCondition":"x"}]}`, "Authorization", "Bearer ada")
	require.Equal(t, http.StatusBadRequest, answer.Code, answer.Body)
	answer = ask(t, r.http, http.MethodPost, "/api"+previews, `{"changes":[{"createRole":{"name":"role:default/x","memberReferences":[]}}]}`, "Authorization", "Bearer ada")
	require.Equal(t, http.StatusBadRequest, answer.Code)
	require.Contains(t, message(t, answer), "changes[0]: Invalid role definition. Cause: 'memberReferences' field must not be empty")
	r.send("ada", http.StatusCreated, http.MethodPost, "/permission/roles", `{"name":"role:default/developers","memberReferences":["user:default/grace"]}`, nil)
}
