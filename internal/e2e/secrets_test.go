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
	// key has characters that JSON escapes: quotes, backslashes and line ends.
	key = "-----BEGIN \"TEST\\E2E\" KEY-----\n" + keyLine + "\n-----END KEY-----\n"
)

// TestSecretsAreStoredNowhereInClear gives a run secrets and searches for them in everything that Portico
// stores or logs.
func TestSecretsAreStoredNowhereInClear(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.logLevel = "debug"
	worker := s.start("worker")
	server := s.startServing("secretive")
	id := s.createRun("secretive", map[string]any{"name": "discreet", "repoUrl": s.repoURL("discreet")},
		map[string]string{"password": password, "key": key})
	d := s.awaitPhase(id, "parked", "done")
	require.Equal(t, "stumble", d.FailedStep, "%+v", d.Error)
	require.Contains(t, d.Error.Message, "***", "it would be in the message")

	places := s.places(id, worker, server)
	require.Contains(t, places["table "+s.databases[0]+".public.run_steps"], "discreet", "the search finds existing texts")
	require.Contains(t, places["table portico_temporal.public.history_node"], hex.EncodeToString([]byte("TemplateRun")), "in Temporal too")
	require.Contains(t, places["workspaces"], "name: discreet", "and in the snapshots of workspaces")
	require.Contains(t, places["event log"], "The keys are *** and ***")
	s.requireNoSecretIn(places)

	s.rollBack(id)
	s.awaitPhase(id, "rolledBack")
	s.requireNoSecretIn(s.places(id, worker, server))
	require.Empty(t, strings.TrimSpace(s.places(id)["table "+s.databases[0]+".public.run_secrets"]), "the sealed secrets were deleted too")
}

// requireNoSecretIn checks that no place contains a secret, in clear or encoded.
func (s *system) requireNoSecretIn(places map[string]string) {
	s.t.Helper()
	for _, secret := range []string{password, keyLine} {
		for _, form := range encodings(secret) {
			for place, content := range places {
				at := strings.Index(content, form)
				if at >= 0 {
					require.Fail(s.t, "a secret lies in clear", "%s: %.400s", place, content[max(0, at-200):])
				}
			}
		}
	}
}

// encodings are the text itself, its hexadecimal form (as PostgreSQL shows bytes), and the part of its base64
// that does not depend on the surrounding text.
func encodings(text string) []string {
	all := []string{text, hex.EncodeToString([]byte(text))}
	for shift := range 3 {
		encoded := base64.StdEncoding.EncodeToString(append(make([]byte, shift), text...))
		all = append(all, encoded[4:len(encoded)-4])
	}
	return all
}

// places are the texts of everything that the run left, by their place.
func (s *system) places(id string, processes ...*process) map[string]string {
	s.t.Helper()
	places := map[string]string{}
	for _, database := range s.databases {
		s.readTables(database, places)
	}
	for what, path := range map[string]string{"event log": "/api/scaffolder/v2/tasks/" + id + "/events", "task": "/api/scaffolder/v2/tasks/" + id,
		"run": "/api/portico/v1/runs/" + id} {
		_, answer := s.exchange("GET", path, nil)
		places[what] = string(answer)
	}
	for _, p := range processes {
		places["log of the "+p.part] = p.log.String()
	}
	s.readFiles(s.dir, places)
	if s.hasRepository("discreet") {
		places["repository"] = s.git("discreet", "log", "--all", "--patch", "--text")
	}
	return places
}

// readTables reads every row of every table of a database.
func (s *system) readTables(database string, into map[string]string) {
	s.t.Helper()
	connection, err := pgx.Connect(s.t.Context(), databaseDSN(s.t, shared.get(s.t).DSN(), database))
	require.NoError(s.t, err)
	defer connection.Close(s.t.Context())
	rows, err := connection.Query(s.t.Context(),
		"select table_schema, table_name from information_schema.tables where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')")
	require.NoError(s.t, err)
	names, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ Schema, Table string }])
	require.NoError(s.t, err)
	require.NotEmpty(s.t, names)
	for _, name := range names {
		var content string
		query := fmt.Sprintf("select coalesce(string_agg(t::text, E'\\n'), '') from %s t", pgx.Identifier{name.Schema, name.Table}.Sanitize())
		require.NoError(s.t, connection.QueryRow(s.t.Context(), query).Scan(&content))
		into[fmt.Sprintf("table %s.%s.%s", database, name.Schema, name.Table)] = content
	}
}

// readFiles reads every file below a directory.
func (s *system) readFiles(dir string, into map[string]string) {
	s.t.Helper()
	decompressed, err := zstd.NewReader(nil)
	require.NoError(s.t, err)
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
	require.NoError(s.t, err)
}
