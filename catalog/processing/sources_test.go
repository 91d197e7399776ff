package processing_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-github/v60/github"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/processing"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	githubhost "github.com/portico-dev/portico/integration/github"
	"github.com/portico-dev/portico/internal/testkit/forgetest"
	"github.com/portico-dev/portico/internal/testkit/hosttest"
)

const twoFiles = `apiVersion: backstage.io/v1alpha1
kind: Location
metadata: {name: two}
spec: {targets: [./a.yaml, ./b.yaml]}
`

const described = `apiVersion: backstage.io/v1alpha1
kind: API
metadata: {name: described}
spec: {type: openapi, lifecycle: production, owner: team-a, definition: {$text: ./api.yaml}}
`

// pipelineOf reads a site.
func pipelineOf(t *testing.T, s *site) *processing.Pipeline {
	t.Helper()
	reader, err := forges.New(forges.Config{}, integration.Options{
		ReadingAllow: []integration.AllowRule{{Host: strings.TrimPrefix(s.URL, "http://")}}})
	require.NoError(t, err)
	return &processing.Pipeline{Reader: reader, Rules: entity.DefaultRules(), LocationTypes: []string{"url"}}
}

// found is the document as a location of the site would emit it.
func found(t *testing.T, s *site, yaml string) processing.Emitted {
	t.Helper()
	location := entity.LocationSpec{Type: "url", Target: s.URL + "/catalog-info.yaml"}
	documents, err := entity.ParseYAML([]byte(yaml), location.String())
	require.NoError(t, err)
	emitted, err := processing.Emit(documents[0].Entity, documents[0].Source, location)
	require.NoError(t, err)
	return emitted
}

func TestProcessingAgainReadsOnlyChangedFiles(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"a.yaml": fmt.Sprintf(component, "a", "", "team-a"), "b.yaml": fmt.Sprintf(component, "b", "", "team-a"), "api.yaml": "openapi: 3.1.0",
	}
	refuseComponents := func(_ *site, p *processing.Pipeline) {
		p.Rules = entity.Rules{{Allow: []entity.AllowedKind{{Kind: "Location"}}}}
	}
	cases := map[string]struct {
		document  string
		change    func(*site, *processing.Pipeline)
		unchanged bool
		// answers are the responses during the second processing.
		answers map[string]int
	}{
		"nothing of a location":     {twoFiles, nil, true, map[string]int{"304 a.yaml": 1, "304 b.yaml": 1}},
		"nothing of a placeholder":  {described, nil, true, map[string]int{"304 api.yaml": 1}},
		"a file that is read alone": {described, func(s *site, _ *processing.Pipeline) { s.set("api.yaml", "openapi: 3.0.0") }, false, map[string]int{"200 api.yaml": 1}},
		"the rules":                 {twoFiles, refuseComponents, false, map[string]int{"200 a.yaml": 1, "200 b.yaml": 1}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, files)
			p := pipelineOf(t, s)
			document := found(t, s, c.document)
			first := p.Process(t.Context(), document)
			require.Empty(t, first.Errors)
			s.forget()
			if c.change != nil {
				c.change(s, p)
			}
			again := p.ProcessAgain(t.Context(), document, first.Readings)
			require.Equal(t, c.unchanged, again.Unchanged)
			require.Equal(t, c.answers, s.forget())
			require.True(t, again.ReadOutside)
		})
	}
}

func TestChangedFileIsNotReadTwice(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{"a.yaml": fmt.Sprintf(component, "a", "", "team-a"), "b.yaml": fmt.Sprintf(component, "b", "", "team-a")})
	p := pipelineOf(t, s)
	document := found(t, s, twoFiles)
	first := p.Process(t.Context(), document)
	s.forget()
	s.set("a.yaml", fmt.Sprintf(component, "c", "", "team-a"))

	again := p.ProcessAgain(t.Context(), document, first.Readings)
	require.Equal(t, []string{"component:default/c", "component:default/b"}, []string{again.Children[0].Ref, again.Children[1].Ref})
	require.Equal(t, 1, s.forget()["200 a.yaml"])
	require.True(t, p.ProcessAgain(t.Context(), document, again.Readings).Unchanged)
}

func TestDocumentsWithoutETagsAreReadAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{"a.yaml": fmt.Sprintf(component, "a", "", "team-a"), "broken.yaml": "a: [b"})
	p := pipelineOf(t, s)
	cases := map[string]string{
		"nothing is read":       fmt.Sprintf(component, "x", "", "team-a"),
		"a file is missing":     strings.Replace(twoFiles, "targets", "presence: optional, targets", 1),
		"a file cannot be read": strings.Replace(twoFiles, "b.yaml", "broken.yaml", 1),
	}
	for name, document := range cases {
		require.Nil(t, p.Process(t.Context(), found(t, s, document)).Readings, name)
	}
	document := found(t, s, twoFiles)
	for _, readings := range []string{"", "null", "{}", "no json", `{"basis":"another","readings":[]}`} {
		require.False(t, p.ProcessAgain(t.Context(), document, []byte(readings)).Unchanged, readings)
	}
}

// For a pattern, a Git host is only asked for a new commit.
func TestUnchangedRepositoryIsNotListed(t *testing.T) {
	t.Parallel()
	forge := forgetest.Start(t)
	publish(t, forge, map[string]string{"a/catalog-info.yaml": fmt.Sprintf(component, "a", "", "team-a"), "b/catalog-info.yaml": fmt.Sprintf(component, "b", "", "team-a")})
	reader, err := forges.New(forges.Config{GitHub: []githubhost.Config{
		{Host: forge.Host, APIBaseURL: forge.APIBaseURL, RawBaseURL: forge.URL, Token: forge.Token()}}}, integration.Options{})
	require.NoError(t, err)
	p := &processing.Pipeline{Reader: reader, Rules: entity.DefaultRules(), LocationTypes: []string{"url"}}
	spec := entity.LocationSpec{Type: "url", Target: forge.URL + "/demo/shop/blob/main/**/catalog-info.yaml"}
	emitted, err := processing.Emit(entity.LocationEntity(spec), nil, spec)
	require.NoError(t, err)
	first := p.Process(t.Context(), emitted)
	require.Empty(t, first.Errors)
	require.Len(t, first.Children, 2)

	var mutex sync.Mutex
	var asked []string
	forge.Inject(func(r *http.Request) forgetest.Fault {
		mutex.Lock()
		defer mutex.Unlock()
		asked = append(asked, r.URL.Path)
		return nil
	})
	again := p.ProcessAgain(t.Context(), emitted, first.Readings)
	require.Empty(t, again.Errors)
	require.True(t, again.Unchanged)
	require.False(t, slices.ContainsFunc(asked, func(path string) bool { return strings.Contains(path, "/git/") }), "%v", asked)
}

// TestGitLabIsReadLikeGitHub reads a glob, a Location's relative target and a placeholder from GitLab.
func TestGitLabIsReadLikeGitHub(t *testing.T) {
	t.Parallel()
	server := hosttest.Start(t, hosttest.GitLab)
	server.Repository.Change(t, "apis/petstore/api-info.yaml", `apiVersion: backstage.io/v1alpha1
kind: API
metadata: {name: petstore}
spec: {type: openapi, lifecycle: production, owner: team-a, definition: {$text: ../definition.yaml}}
`)
	server.Repository.Change(t, "apis/definition.yaml", "openapi: 3.1.0")
	server.Repository.Change(t, "all.yaml", `apiVersion: backstage.io/v1alpha1
kind: Location
metadata: {name: all}
spec: {targets: [./apis/*/api-info.yaml]}
`)
	p := &processing.Pipeline{Reader: server.Set(t, hosttest.Token, integration.Limits{}), Rules: entity.DefaultRules(), LocationTypes: []string{"url"}}
	process := func(target string) processing.Result {
		spec := entity.LocationSpec{Type: "url", Target: target}
		emitted, err := processing.Emit(entity.LocationEntity(spec), nil, spec)
		require.NoError(t, err)
		result := p.Process(t.Context(), emitted)
		require.Empty(t, result.Errors)
		again := p.ProcessAgain(t.Context(), emitted, result.Readings)
		require.True(t, again.Unchanged)
		return result
	}
	all := process(server.At("main", "all.yaml"))
	require.Len(t, all.Children, 1)
	located := p.Process(t.Context(), all.Children[0])
	require.Empty(t, located.Errors)
	require.Len(t, located.Children, 1, "the Location's target, relative to it")
	globbed := process(server.At("main", "apis/**/api-info.yaml"))
	require.Len(t, globbed.Children, 1)
	api := p.Process(t.Context(), globbed.Children[0])
	require.Empty(t, api.Errors)
	require.Contains(t, string(api.Document), `"definition":"openapi: 3.1.0"`)
	require.Contains(t, string(api.Document), "/-/edit/main/apis/petstore/api-info.yaml")
}

// publish makes the repository demo/shop of these files.
func publish(t *testing.T, forge *forgetest.Server, files map[string]string) {
	t.Helper()
	client := github.NewClient(nil).WithAuthToken(forge.Token())
	client.BaseURL.Scheme, client.BaseURL.Host, client.BaseURL.Path = "http", forge.Host, "/api/v3/"
	_, _, err := client.Repositories.Create(t.Context(), "demo", &github.Repository{Name: new("shop")})
	require.NoError(t, err)
	directory := t.TempDir()
	for name, content := range files {
		path := filepath.Join(directory, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}
	for _, args := range [][]string{
		{"init", "--quiet", "--initial-branch=main"}, {"add", "."},
		{"-c", "user.name=Ann", "-c", "user.email=ann@example.com", "commit", "--quiet", "-m", "first"},
		{"push", "--quiet", "http://x-access-token:" + forge.Token() + "@" + forge.Host + "/demo/shop.git", "main"},
	} {
		command := exec.CommandContext(t.Context(), "git", args...)
		command.Dir = directory
		command.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
		output, err := command.CombinedOutput()
		require.NoError(t, err, string(output))
	}
}

func TestUnchangedFileCostsNoWrite(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{"a.yaml": fmt.Sprintf(component, "a", "", "team-a")}, processing.Options{})
	location := b.bring("a.yaml")[0].Ref
	b.awaitServed("component:default/a", location)
	b.eventually("everything is stitched", func() bool { return b.count("select count(*) from catalog_stitches") == 0 })
	versions := func() (versions []string) {
		rows, err := b.pool.Query(t.Context(), `select 'state ' || entity_ref || xmin from catalog_states where entity_ref <> $1
			union all select 'entity ' || entity_ref || xmin from catalog_entities
			union all select 'row ' || key || xmin from catalog_search
			union all select 'reference ' || target_ref || xmin from catalog_references order by 1`, location)
		require.NoError(t, err)
		versions, err = pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		return versions
	}
	before := versions()
	b.refresh(location)
	b.eventually("the site was asked", func() bool { return b.site.answered("304 a.yaml") == 1 })
	b.eventually("the location was looked at", func() bool {
		return b.count("select count(*) from catalog_states where entity_ref = $1 and next_update_at > now() and held_by is null", location) == 1
	})
	require.Equal(t, before, versions())
	require.Equal(t, 1, b.site.answered("200 a.yaml"))

	b.site.set("a.yaml", fmt.Sprintf(component, "a", "changed", "team-a"))
	b.refresh(location)
	b.eventually("the change shows", func() bool { return b.served("component:default/a").Description() == "changed" })

	// After a manual deletion, the entity is restored although the site has not changed.
	uid := b.served("component:default/a").UID()
	b.change(func(ctx context.Context, tx pgx.Tx) error {
		_, err := b.state.RemoveByUID(ctx, tx, uuid.MustParse(uid))
		return err
	})
	b.eventually("it was restored", func() bool { e := b.served("component:default/a"); return e != nil && e.UID() != uid })
}

// Local files have no etags, so they are hashed. Parsing them takes a hundred times as long.
func TestUnchangedLocalFilesAreNotParsed(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	write := func(name, content string) {
		require.NoError(t, os.WriteFile(filepath.Join(directory, name), []byte(content), 0o600))
	}
	write("a.yaml", fmt.Sprintf(component, "a", "", "team-a"))
	reader, err := forges.New(forges.Config{}, integration.Options{})
	require.NoError(t, err)
	files, err := integration.NewFiles([]string{directory}, integration.Limits{})
	require.NoError(t, err)
	p := &processing.Pipeline{Reader: reader, Files: files, Rules: entity.DefaultRules(), LocationTypes: []string{"file"}}
	spec := entity.LocationSpec{Type: "file", Target: filepath.Join(directory, "*.yaml")}
	document, err := processing.Emit(entity.LocationEntity(spec), nil, spec)
	require.NoError(t, err)

	last := p.Process(t.Context(), document)
	require.Empty(t, last.Errors)
	require.Len(t, last.Children, 1)
	changes := map[string]func(){
		"another content": func() { write("a.yaml", fmt.Sprintf(component, "a", "changed", "team-a")) },
		"another file":    func() { write("b.yaml", fmt.Sprintf(component, "b", "", "team-a")) },
		"another name": func() {
			require.NoError(t, os.Rename(filepath.Join(directory, "a.yaml"), filepath.Join(directory, "z.yaml")))
		},
		"other rules": func() { p.Rules = entity.Rules{{Allow: []entity.AllowedKind{{Kind: "Component"}}}} },
	}
	for name, change := range changes {
		require.True(t, p.ProcessAgain(t.Context(), document, last.Readings).Unchanged, "before "+name)
		change()
		last = p.ProcessAgain(t.Context(), document, last.Readings)
		require.False(t, last.Unchanged, name)
		require.Empty(t, last.Errors, name)
	}
	p.Files = nil
	require.False(t, p.ProcessAgain(t.Context(), document, last.Readings).Unchanged, "local files are not allowed any more")
}
