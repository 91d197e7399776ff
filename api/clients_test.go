package api_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/testkit/catalogtest"
)

// clientsDirectory contains Backstage's clients after npm ci.
const clientsDirectory = "testdata/backstage"

// requireClients skips the test when node or the npm packages are missing. Where they are required, it fails
// the test.
func requireClients(t *testing.T) {
	t.Helper()
	_, nodeErr := exec.LookPath("node")
	_, packageErr := os.Stat(filepath.Join(clientsDirectory, "node_modules", "@backstage"))
	if nodeErr == nil && packageErr == nil {
		return
	}
	if os.Getenv("PORTICO_REQUIRE_NODE") == "1" {
		require.NoError(t, nodeErr)
		require.NoError(t, packageErr, "run npm ci in %s", clientsDirectory)
	}
	t.Skip("node or Backstage's npm packages are not installed: run npm ci in " + clientsDirectory)
}

// TestBackstagesClientsAreServed drives the API with the npm packages @backstage/plugin-permission-common and
// @backstage/catalog-client, as a user who may read and change only what the user's team owns.
func TestBackstagesClientsAreServed(t *testing.T) {
	t.Parallel()
	requireClients(t)
	o := newOwnThings(t)
	catalogtest.Fill(t, o.pool, 180)
	own, others := o.owned("group:default/group-19"), o.owned("group:default/group-39")
	server := httptest.NewServer(o.http)
	t.Cleanup(server.Close)

	var out, log bytes.Buffer
	node := exec.CommandContext(t.Context(), "node", "drive.js", server.URL, "ada", first(own), first(others))
	node.Dir, node.Stdout, node.Stderr = clientsDirectory, &out, &log
	require.NoError(t, node.Run(), &log)

	var answers struct {
		Single, Batched []string
		Anonymous       string
		Catalog         struct {
			Listed, Paged, Streamed []string
			Pages                   []int
			ByRefs                  []*string
			Counted, Ancestors      int
			Hidden, Removed         json.RawMessage
			Refused                 string
		}
	}
	require.NoError(t, json.Unmarshal(out.Bytes(), &answers), out.String())
	decided := []string{"ALLOW", "ALLOW", "DENY", "DENY", "DENY"}
	require.Equal(t, decided, answers.Single)
	require.Equal(t, decided, answers.Batched)
	require.Equal(t, "AuthenticationError 401", answers.Anonymous)

	visible := slices.Sorted(maps.Keys(own))
	require.Equal(t, visible, answers.Catalog.Listed)
	require.Equal(t, visible, answers.Catalog.Paged)
	require.Equal(t, []int{5, 5, 4}, answers.Catalog.Pages)
	require.Equal(t, visible, answers.Catalog.Streamed)
	require.Equal(t, []*string{nil, new(first(own))}, answers.Catalog.ByRefs)
	require.Equal(t, len(own), answers.Catalog.Counted)
	require.Equal(t, 1, answers.Catalog.Ancestors)
	require.JSONEq(t, "null", string(answers.Catalog.Hidden))
	require.Equal(t, "NotAllowedError 403", answers.Catalog.Refused)
	require.JSONEq(t, "null", string(answers.Catalog.Removed))
}
