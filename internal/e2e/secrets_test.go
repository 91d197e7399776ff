package e2e_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
)

const (
	password = "correct-horse-battery-staple"
	keyLine  = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU"
	// key has what JSON escapes: quotes, backslashes and ends of lines.
	key = "-----BEGIN \"TEST\\E2E\" KEY-----\n" + keyLine + "\n-----END KEY-----\n"
)

// TestSecretsAreStoredNowhereInClear gives a run secrets and looks for them in everything that Portico leaves
// behind.
func TestSecretsAreStoredNowhereInClear(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.logLevel = "debug"
	worker := w.start("worker")
	server := w.startServing("secretive")
	id := w.createRun("secretive", map[string]any{"name": "discreet", "repoUrl": w.repoURL("discreet")},
		map[string]string{"password": password, "key": key})
	d := w.ended(id, "parked", "done")
	require.Equal(t, "stumble", d.FailedStep, "%+v", d.Error)
	require.Contains(t, d.Error.Message, "***", "it would be in the message")

	places := w.places(id, worker, server)
	require.Contains(t, places["table "+w.databases[0]+".public.run_steps"], "discreet", "the search finds what is there")
	require.Contains(t, places["table portico_temporal.public.history_node"], hex.EncodeToString([]byte("TemplateRun")), "in Temporal too")
	require.Contains(t, places["workspaces"], "name: discreet", "and in the snapshots of workspaces")
	require.Contains(t, places["event log"], "The keys are *** and ***")
	w.requireNoneIn(places)

	w.rollBack(id)
	w.ended(id, "rolledBack")
	w.requireNoneIn(w.places(id, worker, server))
	require.Empty(t, strings.TrimSpace(w.places(id)["table "+w.databases[0]+".public.run_secrets"]), "the sealed secrets are gone as well")
}

// requireNoneIn checks that no place holds a secret, as it is or in a form that anybody can turn back.
func (w *world) requireNoneIn(places map[string]string) {
	w.t.Helper()
	for _, secret := range []string{password, keyLine} {
		for _, form := range forms(secret) {
			for place, content := range places {
				at := strings.Index(content, form)
				if at >= 0 {
					require.Fail(w.t, "a secret lies in clear", "%s: %.400s", place, content[max(0, at-200):])
				}
			}
		}
	}
}

// forms are a text as it is, in hexadecimal (as Postgres shows bytes), and the part of its base64 that is the
// same whatever stands around it.
func forms(text string) []string {
	all := []string{text, hex.EncodeToString([]byte(text))}
	for shift := range 3 {
		encoded := base64.StdEncoding.EncodeToString(append(make([]byte, shift), text...))
		all = append(all, encoded[4:len(encoded)-4])
	}
	return all
}

// places are the texts of all that the run left, by where they are.
func (w *world) places(id string, processes ...*process) map[string]string {
	w.t.Helper()
	places := map[string]string{}
	for _, database := range w.databases {
		w.readTables(database, places)
	}
	for what, path := range map[string]string{"event log": "/api/scaffolder/v2/tasks/" + id + "/events", "task": "/api/scaffolder/v2/tasks/" + id,
		"run": "/api/portico/v1/runs/" + id} {
		_, answer := w.exchange("GET", path, nil)
		places[what] = string(answer)
	}
	for _, p := range processes {
		places["log of the "+p.part] = p.log.String()
	}
	w.readFiles(w.dir, places)
	if w.hasRepository("discreet") {
		places["repository"] = w.git("discreet", "log", "--all", "--patch", "--text")
	}
	return places
}

// readTables reads every row of every table of a database.
func (w *world) readTables(database string, into map[string]string) {
	w.t.Helper()
	connection, err := pgx.Connect(w.t.Context(), databaseDSN(w.t, shared.get(w.t).DSN(), database))
	require.NoError(w.t, err)
	defer connection.Close(w.t.Context())
	rows, err := connection.Query(w.t.Context(),
		"select table_schema, table_name from information_schema.tables where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')")
	require.NoError(w.t, err)
	names, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ Schema, Table string }])
	require.NoError(w.t, err)
	require.NotEmpty(w.t, names)
	for _, name := range names {
		var content string
		query := fmt.Sprintf("select coalesce(string_agg(t::text, E'\\n'), '') from %s t", pgx.Identifier{name.Schema, name.Table}.Sanitize())
		require.NoError(w.t, connection.QueryRow(w.t.Context(), query).Scan(&content))
		into[fmt.Sprintf("table %s.%s.%s", database, name.Schema, name.Table)] = content
	}
}

// readFiles reads every file below a directory.
func (w *world) readFiles(dir string, into map[string]string) {
	w.t.Helper()
	decompressed, err := zstd.NewReader(nil)
	require.NoError(w.t, err)
	defer decompressed.Close()
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if err == nil && strings.HasSuffix(path, ".zst") {
			content, err = decompressed.DecodeAll(content, nil)
			into["workspaces"] += string(content)
		}
		into["file "+path] = string(content)
		return err
	})
	require.NoError(w.t, err)
}
