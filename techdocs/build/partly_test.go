package build_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/build"
	renderer "github.com/portico-dev/portico/techdocs/site"
	"github.com/portico-dev/portico/techdocs/store"
)

// meddled is a store in which something happens after its files were listed. It counts what is brought to it.
type meddled struct {
	*store.Store

	meddle       func()
	whole, rests int
}

func (m *meddled) Digests(ctx context.Context, ref techdocs.Ref) (map[string]techdocs.Digest, error) {
	found, err := m.Store.Digests(ctx, ref)
	if m.meddle != nil {
		m.meddle()
	}
	return found, err
}

func (m *meddled) Publish(ctx context.Context, ref techdocs.Ref, folder string) error {
	m.whole++
	return m.Store.Publish(ctx, ref, folder)
}

func (m *meddled) PublishRest(ctx context.Context, ref techdocs.Ref, folder string, kept map[string]techdocs.Digest) error {
	m.rests++
	return m.Store.PublishRest(ctx, ref, folder, kept)
}

// TestOnlyWhatHasChangedIsPublished: unless somebody else changes the site meanwhile.
func TestOnlyWhatHasChangedIsPublished(t *testing.T) {
	t.Parallel()
	f := newField(t)
	folder := t.TempDir()
	sites, err := store.NewFolder(folder, store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sites.Close()) })
	at := &meddled{Store: sites}
	f.builder.Generator, f.builder.Sites = renderer.New(renderer.Config{}), at
	file := filepath.Join(folder, "default", "component", "shop", "b", "index.html")
	written := func() os.FileInfo {
		info, err := os.Stat(file)
		require.NoError(t, err)
		return info
	}
	publish := func(text string) build.Build {
		f.local(map[string]string{"mkdocs.yml": "site_name: x\n", "docs/index.md": text, "docs/b.md": "# The b\n"})
		f.start()
		done := f.run()
		require.Equal(t, build.Published, done.State, "%+v", done.Failure)
		return done
	}
	publish("# Home\n")
	first := written()
	publish("# Home\n\nMore.\n")
	require.Equal(t, []int{1, 1}, []int{at.whole, at.rests})
	require.True(t, os.SameFile(first, written()), "the other page is the file that it was")

	at.meddle = func() { require.NoError(t, os.WriteFile(file, []byte("by somebody else"), 0o600)) }
	done := publish("# Home\n\nStill more.\n")
	require.Equal(t, []int{2, 2}, []int{at.whole, at.rests})
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(content), "<title>The b - x</title>")
	_, lines, err := f.service.Build(t.Context(), writer, done.ID, 0)
	require.NoError(t, err)
	require.Contains(t, fmt.Sprint(lines), "Somebody else has changed the published site")

	at.meddle = nil
	_, err = f.service.Start(t.Context(), writer, shop, true)
	require.NoError(t, err)
	require.Equal(t, build.Published, f.run().State)
	require.Equal(t, []int{3, 2}, []int{at.whole, at.rests}, "who insists gets all of it made")
}
