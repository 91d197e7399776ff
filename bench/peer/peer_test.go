package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseStat(t *testing.T) {
	t.Parallel()

	p, err := parseStat("4242 (a (strange) name) S 17 1 1 0 -1 4194560 100 200 0 0 150 50 30 20 20 0 12 0 9000 123456789 2500 18446744073709551615")
	require.NoError(t, err)
	require.Equal(t, process{
		pid: 4242, parent: 17, name: "a (strange) name", cpu: 2500 * time.Millisecond, resident: 2500 * uint64(os.Getpagesize()),
	}, p)

	for _, line := range []string{"", "1 (", "1 (x) S 2", "x (x) S 2 3"} {
		_, err := parseStat(line)
		require.Error(t, err, line)
	}
}

func TestDescendants(t *testing.T) {
	t.Parallel()

	all := []process{{pid: 1}, {pid: 2, parent: 1}, {pid: 3, parent: 2}, {pid: 4, parent: 1}, {pid: 5, parent: 3}}
	require.Equal(t, []process{{pid: 2, parent: 1}, {pid: 3, parent: 2}, {pid: 5, parent: 3}}, descendants(all, 2))
	require.Empty(t, descendants(all, 9))
}

func TestOwnUsageIsCounted(t *testing.T) {
	t.Parallel()

	all, err := processes()
	require.NoError(t, err)
	own := descendants(all, os.Getpid())
	require.NotEmpty(t, own)
	require.Positive(t, own[0].resident)
}

func TestTemplates(t *testing.T) {
	t.Parallel()

	path, err := writeTemplates(t.TempDir(), 26)
	require.NoError(t, err)
	require.FileExists(t, path)
	parts := filepath.Join(filepath.Dir(path), "skeleton")
	for _, name := range []string{"part-0/${{ values.name }}-0.txt", "part-0/file-19.txt", "part-1/file-20.txt", "part-1/${{ values.name }}-25.txt"} {
		require.FileExists(t, filepath.Join(parts, name))
	}
	require.Contains(t, skeletonFile(10), "{% for")
	require.NotContains(t, skeletonFile(11), "{")
}

func TestReport(t *testing.T) {
	t.Parallel()

	o := options{what: "runs", runs: 20, batch: 200, batches: 3, files: 1000, renders: 3}
	peer := result{
		system: "Backstage", boot: 6 * time.Second, firstBoot: 7 * time.Second, idle: 350e6, afterBatch: 400e6,
		short: 200 * time.Millisecond, batches: samples(21*time.Second, 5*time.Second, 20*time.Second), renders: samples(6 * time.Second),
	}
	portico := result{
		system: "Portico", boot: 2 * time.Second, firstBoot: 4 * time.Second, idle: 200e6, afterBatch: 220e6,
		short: 40 * time.Millisecond, batches: samples(time.Second, 4*time.Second, 40*time.Second), renders: samples(300 * time.Millisecond),
	}

	t.Run("promises kept", func(t *testing.T) {
		t.Parallel()
		var out bytes.Buffer
		require.NoError(t, report(&out, o, []result{peer, portico}))
		require.Regexp(t, `three logs, 200 at once, median of 3 +10\.0 runs/s +50\.0 runs/s +5\.0 x +at least 3 x`, out.String())
		require.Regexp(t, `a skeleton of 1000 files, median of 3 +6\.00 s +0\.30 s +20\.0 x`, out.String())
	})
	t.Run("a promise broken", func(t *testing.T) {
		t.Parallel()
		slow := portico
		slow.renders = samples(2 * time.Second)
		var out bytes.Buffer
		require.EqualError(t, report(&out, o, []result{peer, slow}), "not as promised: a skeleton of 1000 files, median of 3")
	})
	t.Run("without a peer", func(t *testing.T) {
		t.Parallel()
		var out bytes.Buffer
		require.NoError(t, report(&out, o, []result{portico}))
		require.NotContains(t, out.String(), " x")
	})
}

func samples(took ...time.Duration) []sample {
	all := make([]sample, len(took))
	for i := range took {
		all[i].took = took[i]
	}
	return all
}

func TestOptions(t *testing.T) {
	t.Parallel()

	o, err := parse([]string{"-batch", "5"})
	require.NoError(t, err)
	require.Equal(t, "bin/portico 20 5", fmt.Sprint(o.portico, " ", o.runs, " ", o.batch))
	_, err = parse([]string{"-runs", "0"})
	require.Error(t, err)
}
