package api_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAStaleEditIsRefused: of two admins who edit one role or condition at once, the second one is told whose change
// came first, and nothing is overwritten.
func TestAStaleEditIsRefused(t *testing.T) {
	t.Parallel()
	r := newRoles(t)
	r.send("ada", http.StatusCreated, http.MethodPost, "/permission/roles", `{"name":"role:default/developers","memberReferences":["user:default/grace"]}`, nil)
	r.send("ada", http.StatusCreated, http.MethodPost, "/permission/roles/conditions", conditionOnReading("group:default/group-39"), nil)
	for path, edit := range map[string]func(version string) string{
		developers: func(text string) string {
			return `{"oldRole":{"memberReferences":["user:default/grace"]},"newRole":{"name":"role:default/developers","memberReferences":["user:default/grace"],"metadata":{"description":"` + text + `"}}}`
		},
		"/roles/conditions/1": func(text string) string { return conditionOnReading("group:default/" + text) },
	} {
		request := func(method, body, match string) (int, string, string) {
			answer := ask(t, r.http, method, "/api/permission"+path, body, "Authorization", "Bearer ada", "If-Match", match)
			return answer.Code, answer.Header().Get("ETag"), answer.Body.String()
		}
		_, read, _ := request(http.MethodGet, "", "")
		require.Regexp(t, `^"[0-9a-f]{32}"$`, read)
		status, _, _ := request(http.MethodPut, edit("first"), read)
		require.Equal(t, http.StatusOK, status, path)
		status, _, body := request(http.MethodPut, edit("second"), read)
		require.Equal(t, http.StatusPreconditionFailed, status, path)
		require.Contains(t, body, "since you read it. Read it again, and repeat your change if it is still right")
		require.Contains(t, body, "PreconditionFailedError")
		require.Contains(t, r.get(path), "first")
		for _, match := range []string{`"other", ` + etag(t, r, path), "", "*"} {
			status, _, body := request(http.MethodPut, edit("third"), match)
			require.Equal(t, http.StatusOK, status, "%s %s: %s", path, match, body)
		}
		require.Contains(t, r.get(path), "third")
	}
}

func etag(t *testing.T, r roles, path string) string {
	t.Helper()
	return ask(t, r.http, http.MethodGet, "/api/permission"+path, "", "Authorization", "Bearer ada").Header().Get("ETag")
}

func conditionOnReading(owner string) string {
	return `{"result":"CONDITIONAL","roleEntityRef":"role:default/developers","pluginId":"catalog","resourceType":"catalog-entity",
		"permissionMapping":[{"name":"catalog.entity.read","action":"read"}],
		"conditions":{"rule":"IS_ENTITY_OWNER","resourceType":"catalog-entity","params":{"claims":["` + owner + `"]}}}`
}
