package aws_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/activities/aws"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/internal/testkit/recordedtest"
	"github.com/portico-dev/portico/internal/testkit/s3test"
	"github.com/portico-dev/portico/scaffolder/action"
)

// copying is the action on a server of S3's protocol at a configured address.
func copying(t testing.TB, address string) action.Action {
	t.Helper()
	return recordedtest.ByID(t, aws.Actions(aws.Options{Transport: http.DefaultTransport, Stores: []aws.Store{
		{Endpoint: address, ForcePathStyle: true, Account: aws.Account{AccessKeyID: s3test.AccessKeyID, SecretAccessKey: s3test.SecretAccessKey}},
	}}), "roadiehq:aws:s3:cp")
}

func input(b s3test.Bucket, address, rest string) string {
	return `{"bucket":"` + b.Name + `","region":"eu-west-1","endpoint":"` + address + `"` + rest + `}`
}

func TestCopyingConforms(t *testing.T) {
	t.Parallel()
	server := s3test.Start(t)
	behind, err := url.Parse(server.URL)
	require.NoError(t, err)
	actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
		t.Helper()
		front := httptest.NewServer(gate.Handler(httputil.NewSingleHostReverseProxy(behind)))
		t.Cleanup(front.Close)
		b := server.Bucket(t)
		b.Put(t, "other", "theirs")
		return actiontest.Fixture{
			Action: copying(t, front.URL), Input: input(b, front.URL, `,"path":"site","prefix":"shop"`),
			Files:  map[string]string{"site/index.html": "<p>", "site/css/main.css": "p {}", "README.md": "no"},
			State:  b.State,
			Digest: func(t testing.TB) string { t.Helper(); return path.Join(b.State(t)...) },
		}
	})
}

// TestAnOddPrefixHasAName: the keys of such files begin with no directory that they have in common.
func TestAnOddPrefixHasAName(t *testing.T) {
	t.Parallel()
	harness := actiontest.NewHarness(t)
	fill(t, harness, map[string]string{"a.txt": "a", "site/b.txt": "b"})
	for _, prefix := range []string{"/./docs", "/", "../docs", "."} {
		plan, err := copying(t, "http://127.0.0.1:1").Plan(t.Context(), harness.Call(`{"bucket":"sites","region":"eu-west-1","endpoint":"http://127.0.0.1:1","prefix":"`+prefix+`"}`))
		require.NoError(t, err, prefix)
		require.Contains(t, plan.Summary, "copy 2 files to s3://sites", prefix)
	}
}

// fill writes files into the workspace.
func fill(t testing.TB, harness *actiontest.Harness, files map[string]string) {
	t.Helper()
	for name, content := range files {
		require.NoError(t, harness.Workspace.MkdirAll(path.Dir(name), 0o755))
		require.NoError(t, harness.Workspace.WriteFile(name, []byte(content), 0o644))
	}
}

func TestTheFilesOfAPath(t *testing.T) {
	t.Parallel()
	server := s3test.Start(t)
	for rest, keys := range map[string][]string{
		``:                              {"a.txt: a", "site/b.txt: b", "site/deep/c.txt: c"},
		`,"path":"site"`:                {"site/b.txt: b", "site/deep/c.txt: c"},
		`,"path":"site","prefix":"p/q"`: {"p/q/site/b.txt: b", "p/q/site/deep/c.txt: c"},
		`,"path":"*/deep"`:              {"site/deep/c.txt: c"},
		`,"path":".git"`:                {".git/config: g"},
		`,"path":"a.txt"`:               {"a.txt: a"},
		`,"path":"none"`:                {},
	} {
		t.Run(rest, func(t *testing.T) {
			t.Parallel()
			b, harness := server.Bucket(t), actiontest.NewHarness(t)
			fill(t, harness, map[string]string{".git/config": "g", "a.txt": "a", "site/.hidden": "h", "site/b.txt": "b", "site/deep/c.txt": "c"})
			require.NoError(t, harness.Workspace.Symlink("a.txt", "link.txt"))
			_, err := harness.Run(t, copying(t, server.URL), input(b, server.URL, rest))
			require.NoError(t, err)
			require.Equal(t, keys, b.State(t))
		})
	}
}

// TestWhatWasReplaced: an object that was there before comes back where the bucket keeps versions. Elsewhere it stays as
// the step has left it, and the rollback says so.
func TestWhatWasReplaced(t *testing.T) {
	t.Parallel()
	server := s3test.Start(t)
	for name, test := range map[string]struct {
		versioned bool
		left      []string
		says      string
	}{
		"with versions":    {true, []string{"a.txt: theirs"}, ""},
		"without versions": {false, []string{"a.txt: ours"}, "the bucket keeps no versions: a.txt"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, harness := server.Bucket(t), actiontest.NewHarness(t)
			if test.versioned {
				b.KeepVersions(t)
			}
			b.Put(t, "a.txt", "theirs")
			fill(t, harness, map[string]string{"a.txt": "ours", "b.txt": "ours"})
			tested := copying(t, server.URL)
			_, err := harness.Run(t, tested, input(b, server.URL, ""))
			require.NoError(t, err)
			require.Equal(t, []string{"a.txt: ours", "b.txt: ours"}, b.State(t))
			effect := harness.Ledger.All()[0]
			for range 2 {
				err = harness.Undo(t.Context(), tested, effect)
				if test.says == "" {
					require.NoError(t, err)
				} else {
					require.ErrorContains(t, err, test.says)
				}
				require.Equal(t, test.left, b.State(t))
			}
		})
	}
}
