package api_test

import (
	"net/http"
	"net/http/httptest"
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

// TestAStaleDeletionIsRefused: what somebody else has changed since is not deleted, neither a role, nor one of its
// members, nor a condition. A role that was read as a whole is stale as well when its policies or conditions are others.
func TestAStaleDeletionIsRefused(t *testing.T) {
	t.Parallel()
	const whole = "/portico/v1/policy/roles/default/developers"
	for name, c := range map[string]struct{ read, path, change string }{
		"a role":            {"/permission" + developers, "/permission" + developers, "/permission/roles"},
		"a member":          {"/permission" + developers, "/permission" + developers + "?memberReferences=user:default/grace", "/permission/roles"},
		"a role as a whole": {whole, "/permission" + developers, "/permission/policies"},
		"a condition":       {"/permission/roles/conditions/1", "/permission/roles/conditions/1", "/permission/roles/conditions/1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRoles(t)
			r.send("ada", http.StatusCreated, http.MethodPost, "/permission/roles", `{"name":"role:default/developers","memberReferences":["user:default/grace"]}`, nil)
			r.send("ada", http.StatusCreated, http.MethodPost, "/permission/roles/conditions", conditionOnReading("group:default/group-39"), nil)
			version := func() string {
				return ask(t, r.http, http.MethodGet, "/api"+c.read, "", "Authorization", "Bearer ada").Header().Get("ETag")
			}
			read := version()
			require.NotEmpty(t, read)
			switch c.change {
			case "/permission/roles":
				r.send("ada", http.StatusCreated, http.MethodPost, c.change, `{"name":"role:default/developers","memberReferences":["user:default/ada"]}`, nil)
			case "/permission/policies":
				r.send("ada", http.StatusCreated, http.MethodPost, c.change, `[{"entityReference":"role:default/developers","permission":"x","policy":"use","effect":"allow"}]`, nil)
			default:
				r.send("ada", http.StatusOK, http.MethodPut, c.change, conditionOnReading("group:default/group-19"), nil)
			}
			changed := version()
			remove := func(match string) *httptest.ResponseRecorder {
				return ask(t, r.http, http.MethodDelete, "/api"+c.path, "", "Authorization", "Bearer ada", "If-Match", match)
			}
			answer := remove(read)
			require.Equal(t, http.StatusPreconditionFailed, answer.Code, answer.Body)
			require.Contains(t, message(t, answer), "since you read it. Read it again, and repeat your change if it is still right")
			require.Equal(t, changed, version(), "it is still there")
			require.Equal(t, http.StatusNoContent, remove(changed).Code)
		})
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
