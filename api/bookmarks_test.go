package api_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/bookmarks"
	"github.com/portico-dev/portico/internal/testkit"
)

func TestStarsBelongToOneUser(t *testing.T) {
	t.Parallel()
	server := newServer(t, io.Discard, func(o *api.Options) {
		o.Plugins = append(o.Plugins, api.NewBookmarksPlugin(bookmarks.New(testkit.Database(t))))
	})
	for _, path := range []string{"/api/portico/v1/me/stars", "/api/portico/v1/me/recent"} {
		send := func(method, target, body, token string) (int, string) {
			answer := ask(t, server, method, target, body, "Authorization", "Bearer "+token)
			return answer.Code, answer.Body.String()
		}
		status, _ := send(http.MethodPut, path, `{"entityRef":"Component:default/Shop"}`, "user")
		require.Equal(t, http.StatusNoContent, status)
		_, listed := send(http.MethodGet, path, "", "user")
		require.JSONEq(t, `{"entityRefs":["component:default/shop"]}`, listed)
		status, _ = send(http.MethodDelete, path+"?entityRef=component:default/shop", "", "user")
		require.Equal(t, http.StatusNoContent, status)
		_, listed = send(http.MethodGet, path, "", "user")
		require.JSONEq(t, `{"entityRefs":[]}`, listed)

		status, _ = send(http.MethodGet, path, "", "service")
		require.Equal(t, http.StatusForbidden, status, "a machine has no bookmarks")
		status, _ = send(http.MethodPut, path, `{"entityRef":"shop"}`, "user")
		require.Equal(t, http.StatusBadRequest, status)
	}
}
