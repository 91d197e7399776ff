package e2e_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// docsBuild is what the tests read of a build.
type docsBuild struct {
	ID, State, Cause, Engine string
	Requests                 int
	Failure                  *struct{ Message string }
}

// docsOf are the builds of an entity's documentation, the latest first.
func (s *system) docsOf(path string) []docsBuild {
	s.t.Helper()
	var site struct{ Builds []docsBuild }
	s.get("/api/portico/v1/techdocs/sites/"+path, &site)
	return site.Builds
}

// page is the text of a page, "" without one.
func (s *system) page(path string) string {
	s.t.Helper()
	status, answer := s.exchange(http.MethodGet, "/api/techdocs/static/docs/default/component/"+path, nil)
	if status != http.StatusOK {
		return ""
	}
	return string(answer)
}

const docsWebhookSecret = "a secret of webhooks"

// pushed sends the event of a push that changed a file, as GitHub does.
func (s *system) pushed(repository, after, file string) {
	s.t.Helper()
	body, err := json.Marshal(map[string]any{
		"ref": "refs/heads/main", "before": strings.Repeat("1", 40), "after": after,
		"repository": map[string]any{"name": repository, "full_name": organization + "/" + repository, "html_url": s.forge.URL + "/" + organization + "/" + repository,
			"clone_url": s.cloneURL(repository), "default_branch": "main", "owner": map[string]string{"login": organization, "name": organization}},
		"commits": []map[string]any{{"id": after, "added": []string{}, "removed": []string{}, "modified": []string{file}}},
	})
	require.NoError(s.t, err)
	s.deliver("push", after, body)
}

// deliver sends an event as GitHub does.
func (s *system) deliver(event, id string, body []byte) {
	s.t.Helper()
	signature := hmac.New(sha256.New, []byte(docsWebhookSecret))
	signature.Write(body)
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.url+"/api/events/http/github", bytes.NewReader(body))
	require.NoError(s.t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Github-Event", event)
	request.Header.Set("X-Github-Delivery", id)
	request.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(signature.Sum(nil)))
	response, err := http.DefaultClient.Do(request)
	require.NoError(s.t, err)
	require.NoError(s.t, response.Body.Close())
	require.Equal(s.t, http.StatusAccepted, response.StatusCode)
}

// TestDocumentationIsBuilt goes from an entity to its pages: at first, after a push, after a mistake, and through the death of a worker.
func TestDocumentationIsBuilt(t *testing.T) {
	t.Parallel()
	docs := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(docs, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	entity := func(name string) string {
		return "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: " + name + "\n  annotations:\n    backstage.io/techdocs-ref: dir:.\n" +
			"spec:\n  type: service\n  lifecycle: production\n  owner: platform\n"
	}
	const good = "site_name: Local\nnav:\n  - Home: index.md\nplugins: [techdocs-core]\n"
	write("catalog-info.yaml", entity("local-docs"))
	write("mkdocs.yml", good)
	write("docs/index.md", "# One\n")
	published := t.TempDir()
	s := newSystem(t, fmt.Sprintf("events: { modules: { github: { webhookSecret: %q } } }\ntechdocs: { publisher: { type: local, local: { publishDirectory: %q } } }",
		docsWebhookSecret, published))
	s.config = s.configWith(fmt.Sprintf("catalog: { locations: [{ type: file, target: examples/catalog/all.yaml }, { type: file, target: %q }] }",
		filepath.Join(docs, "catalog-info.yaml")))
	s.start("server")
	worker := s.start("worker")
	s.until("the site of a local folder", func() bool { return strings.Contains(s.page("local-docs/index.html"), ">One") })

	// A mistake keeps the site, and names file and line.
	rebuild := func() (id string) {
		var started docsBuild
		require.Equal(t, http.StatusAccepted, s.call(http.MethodPost, "/api/portico/v1/techdocs/sites/component/default/local-docs/build", map[string]any{}, &started))
		return started.ID
	}
	await := func(id, state string) (got docsBuild) {
		s.until("the build should be "+state, func() bool {
			s.get("/api/portico/v1/techdocs/builds/"+id, &got)
			return got.State == state
		})
		return got
	}
	write("mkdocs.yml", "site_name: Local\nnav:\n  - Home: [\n")
	failed := await(rebuild(), "failed")
	require.Contains(t, failed.Failure.Message, "mkdocs.yml:")
	require.Contains(t, s.page("local-docs/index.html"), ">One")

	// A worker that dies in the middle of a build.
	write("mkdocs.yml", good)
	write("docs/index.md", "# Two\n")
	for i := range 200 {
		write(fmt.Sprintf("docs/more/%d.md", i), fmt.Sprintf("# Page %d\n\nText\n", i))
	}
	id := rebuild()
	await(id, "building")
	worker.kill()
	s.start("worker")
	await(id, "published")
	require.Contains(t, s.page("local-docs/index.html"), ">Two")
	require.NotEmpty(t, s.page("local-docs/more/199/index.html"))

	// Five requests at once are at most two builds, and the last page counts.
	before := len(s.docsOf("component/default/local-docs"))
	write("docs/index.md", "# Three\n")
	for range 5 {
		rebuild()
	}
	s.until("the last build ends", func() bool {
		builds := s.docsOf("component/default/local-docs")
		return len(builds) > 0 && (builds[0].State == "published" || builds[0].State == "unchanged")
	})
	require.Contains(t, s.page("local-docs/index.html"), ">Three")
	require.LessOrEqual(t, len(s.docsOf("component/default/local-docs")), before+2)

	// A push.
	s.createRepository("pushed-docs")
	s.forge.Push(t, organization+"/pushed-docs", "main", false, map[string]string{"catalog-info.yaml": entity("pushed-docs"), "mkdocs.yml": good, "docs/index.md": "# Before\n"})
	require.Equal(t, http.StatusCreated, s.call(http.MethodPost, "/api/catalog/locations",
		map[string]string{"type": "url", "target": s.forge.URL + "/" + organization + "/pushed-docs/blob/main/catalog-info.yaml"}, nil))
	s.until("the site of a repository", func() bool { return strings.Contains(s.page("pushed-docs/index.html"), ">Before") })
	s.forge.Push(t, organization+"/pushed-docs", "main", true, map[string]string{"docs/index.md": "# After\n"})
	s.pushed("pushed-docs", strings.TrimSpace(s.git("pushed-docs", "rev-parse", "HEAD")), "docs/index.md")
	s.until("the page that was pushed", func() bool { return strings.Contains(s.page("pushed-docs/index.html"), ">After") })
	require.Equal(t, "push", s.docsOf("component/default/pushed-docs")[0].Cause)
}

// TestVersionsAndPreviewsOfDocumentation goes from a pushed tag to the version's page, and from a pull request to its preview, which goes when
// that is closed.
func TestVersionsAndPreviewsOfDocumentation(t *testing.T) {
	t.Parallel()
	s := newSystem(t, fmt.Sprintf("events: { modules: { github: { webhookSecret: %q } } }\ntechdocs: { publisher: { type: local, local: { publishDirectory: %q } } }",
		docsWebhookSecret, t.TempDir()))
	s.start("server")
	s.start("worker")
	const repository = organization + "/versioned"
	s.createRepository("versioned")
	s.forge.Push(t, repository, "main", false, map[string]string{
		"catalog-info.yaml": "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: versioned\n  annotations:\n    backstage.io/techdocs-ref: dir:.\n" +
			"    portico.dev/techdocs-versions: v*\n    portico.dev/techdocs-previews: \"true\"\nspec:\n  type: service\n  lifecycle: production\n  owner: platform\n",
		"mkdocs.yml":    "site_name: Versioned\nnav:\n  - Home: index.md\n  - Guide: guide.md\nplugins: [techdocs-core]\n",
		"docs/index.md": "# One\n", "docs/guide.md": "# Guide\n"})
	s.forge.PushRefs(t, repository, "+refs/heads/main:refs/tags/v1")
	require.Equal(t, http.StatusCreated, s.call(http.MethodPost, "/api/catalog/locations",
		map[string]string{"type": "url", "target": s.forge.URL + "/" + repository + "/blob/main/catalog-info.yaml"}, nil))
	s.until("the version of the first tag", func() bool { return strings.Contains(s.page("versioned@v1/index.html"), ">One") })

	about := map[string]any{"name": "versioned", "full_name": repository, "html_url": s.forge.URL + "/" + repository, "default_branch": "main"}
	tell := func(event, id string, body map[string]any) {
		body["repository"] = about
		encoded, err := json.Marshal(body)
		require.NoError(t, err)
		s.deliver(event, id, encoded)
	}
	s.forge.Push(t, repository, "main", true, map[string]string{"docs/index.md": "# Two\n"})
	s.forge.PushRefs(t, repository, "+refs/heads/main:refs/tags/v2")
	tell("push", "tag", map[string]any{"ref": "refs/tags/v2", "created": true, "commits": []any{}})
	s.until("the version of the pushed tag", func() bool { return strings.Contains(s.page("versioned@v2/index.html"), ">Two") })
	require.Contains(t, s.page("versioned@v1/index.html"), ">One")
	var listed struct {
		Ref      string
		Versions []struct{ Name, Version string }
	}
	s.get("/api/portico/v1/techdocs/sites/component/default/versioned", &listed)
	require.Equal(t, "main", listed.Ref)
	require.Equal(t, []struct{ Name, Version string }{{"versioned@v2", "v2"}, {"versioned@v1", "v1"}}, listed.Versions)

	s.forge.Push(t, repository, "feature", true, map[string]string{"docs/index.md": "# Proposed\n"})
	pull := s.forge.Propose(t, repository, "feature")
	proposed := map[string]any{"number": pull.GetNumber(), "html_url": pull.GetHTMLURL(), "head": map[string]any{"sha": pull.GetHead().GetSHA()}}
	tell("pull_request", "opened", map[string]any{"action": "opened", "pull_request": proposed})
	page := fmt.Sprintf("versioned@pr-%d/index.html", pull.GetNumber())
	s.until("the preview", func() bool { return strings.Contains(s.page(page), ">Proposed") })
	s.until("the link at the pull request", func() bool {
		said, err := s.forge.Statuses(organization, "versioned", pull.GetHead().GetSHA())
		require.NoError(t, err)
		status := said["portico/docs/component:default/versioned"]
		return status.State == "success" && strings.HasSuffix(status.TargetURL, fmt.Sprintf("/docs/default/component/versioned@pr-%d/", pull.GetNumber()))
	})
	tell("pull_request", "closed", map[string]any{"action": "closed", "pull_request": proposed})
	s.until("the preview is gone", func() bool { return s.page(page) == "" })

	s.forge.PushRefs(t, repository, ":refs/tags/v1")
	tell("push", "deleted", map[string]any{"ref": "refs/tags/v1", "deleted": true, "commits": []any{}})
	s.until("the version of the deleted tag is gone", func() bool { return s.page("versioned@v1/index.html") == "" })
	require.Contains(t, s.page("versioned/index.html"), ">")
	require.Contains(t, s.page("versioned@v2/index.html"), ">Two")
}
