package processing_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/processing"
)

// stored are files that a sweep has brought.
type stored map[string]string

func (s stored) StoredFile(_ context.Context, url string) (*processing.StoredFile, error) {
	if body, is := s[url]; is {
		return &processing.StoredFile{URL: url, ETag: fmt.Sprint(len(body)), Body: []byte(body)}, nil
	}
	return nil, nil // no file is no error
}

const oneComponent = "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: %s}\nspec: {type: service, lifecycle: production, owner: team}\n"

// emitLocation is a Location that a source emits for a file of the site.
func emitLocation(t *testing.T, target string) processing.Emitted {
	t.Helper()
	spec := entity.LocationSpec{Type: "url", Target: target}
	emitted, err := processing.Emit(entity.LocationEntity(spec), nil, spec)
	require.NoError(t, err)
	return emitted
}

// TestAFileThatASweepBroughtIsNotReadFromItsHost, and its Location does not have to be processed again by time.
func TestAFileThatASweepBroughtIsNotReadFromItsHost(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{"a.yaml": fmt.Sprintf(oneComponent, "host")})
	pipeline := pipelineOf(t, s)
	target := s.URL + "/a.yaml"
	location := emitLocation(t, target)

	fromHost := pipeline.Process(t.Context(), location)
	require.Equal(t, "component:default/host", fromHost.Children[0].Ref)
	require.True(t, fromHost.ReadOutside)
	s.forget()

	files := stored{target: fmt.Sprintf(oneComponent, "stored")}
	pipeline.Stored = files
	result := pipeline.ProcessAgain(t.Context(), location, fromHost.Readings)
	require.Empty(t, result.Errors)
	require.Equal(t, "component:default/stored", result.Children[0].Ref)
	require.Equal(t, "url:"+target, result.Children[0].LocationKey)
	require.False(t, result.ReadOutside)
	require.Empty(t, s.forget(), "the host is not asked, not even whether it has changed")

	delete(files, target)
	require.Equal(t, "component:default/host", pipeline.ProcessAgain(t.Context(), location, result.Readings).Children[0].Ref)
}

// TestAuthorsDoNotReachStoredFiles: what another file refers to is read from its host, which checks it.
func TestAuthorsDoNotReachStoredFiles(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{"mine.yaml": "apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata: {name: mine}\nspec: {targets: [./theirs.yaml]}\n"})
	pipeline := pipelineOf(t, s)
	pipeline.Stored = stored{s.URL + "/theirs.yaml": fmt.Sprintf(oneComponent, "secret")}
	found := pipeline.Process(t.Context(), emitLocation(t, s.URL+"/mine.yaml"))
	require.Len(t, found.Children, 1)
	result := pipeline.Process(t.Context(), found.Children[0])
	require.Empty(t, result.Children)
	require.Contains(t, result.Errors[0].Message, "Unable to read url")
}

type broken struct{}

func (broken) StoredFile(context.Context, string) (*processing.StoredFile, error) {
	return nil, errors.New("no connection")
}

// TestADatabaseThatDoesNotAnswerDropsNothing: the last result stays.
func TestADatabaseThatDoesNotAnswerDropsNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	pipeline := pipelineOf(t, s)
	pipeline.Stored = broken{}
	result := pipeline.Process(t.Context(), emitLocation(t, s.URL+"/a.yaml"))
	require.True(t, result.Failed)
	require.True(t, result.ReadOutside, "it is tried again soon")
}
